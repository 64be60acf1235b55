"""Record real exchanges once, replay them for ever.

    with Cassette("cassettes/weather.json") as cassette:
        result = Agent(model, tools=[weather], client=cassette.client).run_sync("Is it warm in Oslo?")

The first time the service is asked and the exchanges are written to the file, without keys; from then on they come from
the file, and neither network nor key is needed. Every attempt is an exchange of its own: a 429 and its retry replay as
such. What of a request is compared stands in `cassette_match.py`, what the file looks like in `cassette_file.py`.
"""

import re
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self, cast, get_args

from anyio.lowlevel import checkpoint

from agentkit import (
    ConfigurationError,
    ConnectionFailed,
    DeadlineExceeded,
    GeminiClient,
    GeminiError,
    HttpRequest,
    HttpResponse,
    HttpxTransport,
    ProtocolError,
    Retry,
    Transport,
)
from agentkit.testing.cassette_body import natural_pieces
from agentkit.testing.cassette_file import Answer, BadCassette, Failure, Recorded, Recording, SentRequest, load, save
from agentkit.testing.cassette_match import canonical, difference, nearest
from agentkit.testing.scrub import Scrubber

__all__ = ["Cassette", "CassetteError", "CassetteMiss", "CassetteMode"]

CassetteMode = Literal["once", "none", "new", "all"]

_KEPT_HEADERS: Final = re.compile(r"content-type|location|retry-after|.*request-id")
_NOWHERE: Final = "https://replayed.invalid"  # a name that can never be one of a host
_NO_KEY: Final = "replayed-without-a-key"
_LEAST_SECRET: Final = 4


class CassetteError(ConfigurationError):
    """A cassette cannot be read, written or used so."""


class CassetteMiss(CassetteError):
    """A request that was not recorded. It is never asked again by itself.

    Attributes:
        asked: Method and address.
        cassette: The name of the file.
        reason: How it differs from what was recorded.
    """

    def __init__(self, asked: str, cassette: str, reason: str) -> None:
        super().__init__(asked, cassette, reason)
        self.asked, self.cassette, self.reason = asked, cassette, reason

    def __str__(self) -> str:
        return (
            f"{self.asked} is not in the cassette {self.cassette!r}. {self.reason}\n"
            "If the change is meant, record it: Cassette(mode='new') or pytest --cassette=new keeps what is there and "
            "records what is missing; 'all' records everything anew."
        )


class Cassette:
    """A recording of exchanges with the service; use it in a `with` or `async with` block.

    Modes:

    - `"once"`: record if there is no file, else only replay;
    - `"none"`: only replay, the file must be there;
    - `"new"`: replay what is in the file, record what is not; what is no longer asked for stays in it;
    - `"all"`: record everything, and let it take the place of the file.

    The file is written at the end of the block, if something was recorded, also when the block raised: the answers were
    paid for, and mode `"new"` continues from them.

    Args:
        path: The file; its media lie in the folder `media` beside it.
        mode: See above.
        base_url: Where to record from, for `client`; else the environment says.
        retry: For `client`.
        secrets: Texts that must not be written, beside the keys of the requests, which never are.
        scrub: Called with each text that would be written or compared (bodies, addresses, header values); returns what
            to take instead. It must give the same for the same text.
        repeat: What happens to a request that was recorded n times when it is asked once more: it is a miss, or, if
            true, its last answer is given again.
        fail_on_unused: Raise at the end of the block if a recorded exchange was not asked for.
        record_with: Makes the transport that asks the service.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        mode: CassetteMode = "once",
        base_url: str | None = None,
        retry: Retry | None = None,
        secrets: Sequence[str] = (),
        scrub: Callable[[str], str] | None = None,
        repeat: bool = False,
        fail_on_unused: bool = False,
        record_with: Callable[[], Transport] = HttpxTransport,
    ) -> None:
        if mode not in get_args(CassetteMode):
            raise CassetteError(f"mode={mode!r} is not known. Choose one of {', '.join(get_args(CassetteMode))}.")
        if isinstance(secrets, str) or any(len(secret) < _LEAST_SECRET for secret in secrets):
            raise CassetteError(f"secrets: give a list of texts of at least {_LEAST_SECRET} characters each.")
        self.path = Path(path)
        self._mode: CassetteMode = mode
        self._base_url, self._retry = base_url, retry
        self._repeat, self._fail_on_unused = repeat, fail_on_unused
        self._record_with = record_with
        self._scrubber = Scrubber(secrets, scrub)
        self._tape: _Tape | None = None
        self._client: GeminiClient | None = None

    def __enter__(self) -> Self:
        """Read the file.

        Raises:
            CassetteError: It cannot be read or is damaged, or in mode "none" there is none.
        """
        exists = self.path.exists()
        if self._mode == "none" and not exists:
            raise CassetteError(f"There is no cassette {self.path.name!r}, and mode 'none' records none. Use 'once'.")
        try:
            known = load(self.path) if exists and self._mode != "all" else Recording(exchanges=[])
        except BadCassette as error:
            raise CassetteError(str(error)) from error.__cause__
        records = self._mode in ("new", "all") or not exists
        self._tape = _Tape(self.path.name, known, self._scrubber, records=records, repeat=self._repeat)
        self._client = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Write what was recorded.

        Raises:
            CassetteError: It cannot be written, or with `fail_on_unused` something recorded was not asked for.
        """
        tape = self._open_tape()
        tape.is_open, self._tape = False, None
        if new := tape.recorded:
            endpoint = self._client.endpoint if self._client else tape.known.endpoint
            try:
                save(self.path, Recording(exchanges=[*tape.known.exchanges, *new], endpoint=endpoint))
            except OSError as failed:
                reason = failed.strerror or failed
                raise CassetteError(f"The cassette {self.path.name!r} cannot be written: {reason}.") from failed
        if kind is None and self._fail_on_unused and (unused := tape.unused):
            raise CassetteError(
                f"The cassette {self.path.name!r} holds what was not asked for: {'; '.join(unused)}. "
                "Record it anew with mode 'all'."
            )

    async def __aenter__(self) -> Self:
        """As in a `with` block."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """As in a `with` block."""
        self.__exit__(kind, error, traceback)

    @property
    def is_recording(self) -> bool:
        """Whether the service is asked for what the file does not hold."""
        return self._open_tape().records

    @property
    def unused(self) -> list[str]:
        """The recorded exchanges that nothing has asked for yet: number in the file, method and address."""
        return self._open_tape().unused

    @property
    def client(self) -> GeminiClient:
        """A client that asks this cassette. Only where it may record, a key is needed.

        In replay it speaks the dialect of the endpoint that was recorded, wherever that was.
        """
        tape = self._open_tape()
        if self._client is None:
            self._client = GeminiClient(
                api_key=None if tape.records else _NO_KEY,
                base_url=self._base_url or (None if tape.records else _NOWHERE),
                retry=self._retry,
                # Whatever the file says: the client itself refuses what it does not know.
                endpoint=None if tape.records else cast(Any, tape.known.endpoint),
                transport=self.transport,
            )
        return self._client

    def transport(self) -> Transport:
        """Return a new transport for one pool of connections: `GeminiClient(transport=cassette.transport)`."""
        return _CassetteTransport(self._open_tape(), self._record_with)

    def _open_tape(self) -> "_Tape":
        if self._tape is None:
            raise _not_open(self.path.name)
        return self._tape


class _Tape:
    """An open cassette: what is known, what of it was used, and what is new. Threads may share it."""

    def __init__(self, name: str, known: Recording, scrubber: Scrubber, *, records: bool, repeat: bool) -> None:
        self.known, self.records, self.is_open = known, records, True
        self._name, self._scrubber, self._repeat = name, scrubber, repeat
        self._keys = [canonical(one.request) for one in known.exchanges]
        self._used: set[int] = set()
        self._takes: list[_Take] = []
        self._lock = threading.Lock()

    @property
    def unused(self) -> list[str]:
        """See `Cassette.unused`."""
        with self._lock:
            rest = [index for index in range(len(self._keys)) if index not in self._used]
        return [f"{index + 1}: {_title(self.known.exchanges[index].request)}" for index in rest]

    @property
    def recorded(self) -> list[Recorded]:
        """What is new, without secrets. Exchanges that had not come to an answer are left out."""
        return [take.recorded(self._scrubber) for take in self._takes if take.is_answered]

    def begin(self, request: HttpRequest) -> "Answer | _Take":
        """Return the recorded answer to `request`, or where a new one is to be kept.

        Raises:
            CassetteMiss: There is no answer, and none may be recorded.
        """
        if not self.is_open:
            raise _not_open(self._name)
        self._scrubber.learn(request.url, request.headers)
        sent = _sent(request, self._scrubber)
        key = canonical(sent)
        with self._lock:
            same = [index for index, known in enumerate(self._keys) if known == key]
            free = [index for index in same if index not in self._used]
            if free or (same and self._repeat):
                index = free[0] if free else same[-1]
                self._used.add(index)
                return self.known.exchanges[index].answer
            if self.records:
                self._takes.append(_Take(request=request))
                return self._takes[-1]
        raise CassetteMiss(_title(sent), self._name, _why_missing(key, self._keys, len(same)))


@dataclass
class _Take:
    """One exchange while it is recorded, secrets and all; they are taken out when it is written.

    Every key that the block has used is known by then.
    """

    request: HttpRequest
    answer: Answer = field(default_factory=lambda: Answer(left=True))
    pieces: list[bytes] = field(default_factory=list[bytes])

    @property
    def is_answered(self) -> bool:
        """Whether there is anything to replay: a service that was not there is no answer of the service."""
        return bool(self.answer.status)

    def begin(self, response: HttpResponse) -> None:
        """Note that an answer has begun; until it has ended, the reader may leave."""
        kept = {name: value for name, value in response.headers.items() if _KEPT_HEADERS.fullmatch(name)}
        self.answer = Answer(status=response.status, headers=kept, left=True)

    @contextmanager
    def noting_failure(self) -> Generator[None, None, None]:
        """Note it if the connection fails in the block."""
        try:
            yield
        except (ConnectionFailed, DeadlineExceeded, ProtocolError) as error:
            failed = _failure_of(error)
            self.answer = replace(self.answer, failed=failed, left=False)
            raise

    def recorded(self, scrubber: Scrubber) -> Recorded:
        """Return the exchange without secrets."""
        body = b"".join(self.pieces)
        cleaned = scrubber.body(body)
        failed = self.answer.failed
        answer = replace(
            self.answer,
            headers={name: scrubber.text(value) for name, value in self.answer.headers.items()},
            pieces=self.pieces if cleaned == body else natural_pieces(cleaned),
            failed=failed and replace(failed, said=scrubber.text(failed.said)),
        )
        return Recorded(request=_sent(self.request, scrubber), answer=answer)


class _CassetteTransport:
    """Answers from the tape, else from the service, over a transport that is made when it is first needed."""

    def __init__(self, tape: _Tape, record_with: Callable[[], Transport]) -> None:
        self._tape, self._record_with = tape, record_with
        self._inner: Transport | None = None

    @asynccontextmanager
    async def send(self, request: HttpRequest) -> AsyncGenerator[HttpResponse, None]:
        """Replay or record one exchange; see `Transport.send`."""
        found = self._tape.begin(request)
        if isinstance(found, Answer):
            await checkpoint()
            yield _replayed(found)
            return
        self._inner = self._inner or self._record_with()
        async with AsyncExitStack() as stack:
            with found.noting_failure():
                response = await stack.enter_async_context(self._inner.send(request))
            found.begin(response)
            yield HttpResponse(status=response.status, headers=response.headers, chunks=lambda: _kept(response, found))

    async def aclose(self) -> None:
        """Close the connections to the service, if there are any."""
        if self._inner is not None:
            await self._inner.aclose()


async def _kept(response: HttpResponse, take: _Take) -> AsyncGenerator[bytes, None]:
    """Yield the body as it arrives, and keep it."""
    async with aclosing(response.chunks()) as chunks:
        with take.noting_failure():
            async for piece in chunks:
                take.pieces.append(piece)
                yield piece
    take.answer = replace(take.answer, left=False)


def _replayed(answer: Answer) -> HttpResponse:
    if answer.failed is not None and not answer.status:
        raise _error_of(answer.failed)

    async def chunks() -> AsyncGenerator[bytes, None]:
        for piece in answer.pieces:
            await checkpoint()
            yield piece
        if answer.failed is not None:
            raise _error_of(answer.failed)
        if answer.left:
            raise CassetteError("The recording ends here: when it was made, the reader left. Record it anew.")

    return HttpResponse(status=answer.status, headers=answer.headers, chunks=chunks)


def _failure_of(error: ConnectionFailed | DeadlineExceeded | ProtocolError) -> Failure:
    if isinstance(error, DeadlineExceeded):
        return Failure(error="DeadlineExceeded", said=error.waiting_for, limit_s=error.limit_s)
    name: Literal["ConnectionFailed", "ProtocolError"]
    name = "ConnectionFailed" if isinstance(error, ConnectionFailed) else "ProtocolError"
    return Failure(error=name, said=str(error), retryable=error.retryable)


def _error_of(failure: Failure) -> GeminiError:
    """Return the error that the connection ended with when it was recorded."""
    if failure.error == "DeadlineExceeded":
        return DeadlineExceeded(failure.said, failure.limit_s)
    kind = ConnectionFailed if failure.error == "ConnectionFailed" else ProtocolError
    error = kind(failure.said)
    error.retryable = failure.retryable
    return error


def _not_open(name: str) -> CassetteError:
    return CassetteError(f"The cassette {name!r} is not open. Use it inside `with cassette:`.")


def _sent(request: HttpRequest, scrubber: Scrubber) -> SentRequest:
    return SentRequest(method=request.method, address=scrubber.address(request.url), body=scrubber.body(request.body))


def _title(request: SentRequest) -> str:
    return f"{request.method} {request.address}"


def _why_missing(key: str, recorded: Sequence[str], same: int) -> str:
    if same:
        times = "once" if same == 1 else f"{same} times"
        return f"It was recorded {times} and is now asked once more; Cassette(repeat=True) repeats the last answer."
    closest = nearest(key, recorded)
    if closest is None:
        return "Nothing was recorded there."
    return f"The nearest of {len(recorded)} recorded requests differs:\n{difference(closest, key)}"
