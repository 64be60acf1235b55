"""`forbid_network`: what is stopped, what is let through, and that everything is put back."""

import os
import pickle
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress

import anyio
import httpx
import pytest

from agentkit import Agent, AgentKitError, GeminiClient, Retrying
from agentkit.testing import FakeGemini, NetworkForbidden, forbid_network, says

# Addresses that RFC 5737 and RFC 3849 keep for documentation: nobody has them. The first is also written as one number,
# which is looked up like a name, but without a network.
V4, V6, NAME = "203.0.113.1", "2001:db8::1", "0xcb007101"
METHODS = ("connect", "connect_ex", "sendto", "sendmsg")


def tcp(family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    return socket.socket(family, socket.SOCK_STREAM)


def udp() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def reach(address: str = V4) -> None:
    """Point a datagram socket at `address`, which sends nothing; a machine without a route may refuse."""
    with udp() as sender, suppress(OSError):
        sender.connect((address, 9))


WAYS_OUT: dict[str, Callable[[], object]] = {
    "httpx": lambda: httpx.get("https://example.com/"),
    "httpx by address": lambda: httpx.get(f"http://{V4}/"),
    "create_connection": lambda: socket.create_connection(("example.com", 443)),
    "connect": lambda: tcp().connect((V4, 80)),
    "connect by name": lambda: tcp().connect(("example.com", 80)),
    "connect over IPv6": lambda: tcp(socket.AF_INET6).connect((V6, 80, 0, 0)),
    "connect_ex": lambda: tcp().connect_ex((V4, 80)),
    "sendto": lambda: udp().sendto(b"x", (V4, 53)),
    "sendto with flags": lambda: udp().sendto(b"x", 0, (V4, 53)),
    "sendmsg": lambda: udp().sendmsg([b"x"], [], 0, (V4, 53)),
    "getaddrinfo": lambda: socket.getaddrinfo("example.com", 443),
    "getaddrinfo by keyword": lambda: socket.getaddrinfo(host=b"example.com", port=None),
    "gethostbyname": lambda: socket.gethostbyname("example.com"),
    "gethostbyname_ex": lambda: socket.gethostbyname_ex("example.com"),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("leave", WAYS_OUT.values(), ids=WAYS_OUT)
def test_a_way_out_is_closed(leave: Callable[[], object]) -> None:
    with forbid_network(), pytest.raises(NetworkForbidden, match=r"let nothing out to '(example\.com|203\.|2001:db8:)"):
        leave()


@pytest.mark.anyio
@pytest.mark.parametrize("host", ["example.com", V4, V6], ids=["name", "IPv4", "IPv6"])
async def test_event_loops_cannot_get_out(host: str) -> None:
    with forbid_network(), pytest.raises((NetworkForbidden, ExceptionGroup)) as raised:
        await anyio.connect_tcp(host, 443)

    failures = raised.value.exceptions if isinstance(raised.value, ExceptionGroup) else [raised.value]
    assert {type(failure) for failure in failures} == {NetworkForbidden}


def test_threads_cannot_get_out() -> None:
    raised: list[Exception] = []

    def leave() -> None:
        try:
            reach()
        except NetworkForbidden as error:
            raised.append(error)

    with forbid_network():
        thread = threading.Thread(target=leave)
        thread.start()
        thread.join()

    assert len(raised) == 1


@pytest.mark.anyio
async def test_our_client_says_whom_it_wanted_and_what_to_use_and_does_not_ask_again() -> None:
    seen: list[object] = []
    agent = Agent("gemini-3-flash-preview", client=GeminiClient(api_key="a-key-of-a-test"))

    async def watch() -> None:
        async with agent.stream("Hi") as run:
            async for event in run:
                seen.append(event)

    with forbid_network(), pytest.raises(AgentKitError) as raised:
        await watch()

    assert str(raised.value) == (
        "forbid_network() let nothing out to 'api.cometapi.com:443'. Ask FakeGemini (client=gemini.client) or a "
        "cassette instead, or allow the host: forbid_network(allow=['api.cometapi.com'])."
    )
    assert raised.value.state is not None
    assert not [event for event in seen if isinstance(event, Retrying)]


def test_loopback_stays_open() -> None:
    with forbid_network(), FakeGemini(says("Hi.")) as gemini:
        client = GeminiClient(api_key="any-key", base_url=gemini.url.replace("127.0.0.1", "localhost"))

        assert Agent("gemini-3-flash-preview").run_sync("Hi", client=client).output == "Hi."


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "LOCALHOST", None, "0.0.0.0"])
def test_a_name_of_this_machine_can_be_looked_up(host: str | None) -> None:
    with forbid_network():
        assert socket.getaddrinfo(host, 80)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="there are no Unix sockets here")
def test_unix_sockets_stay_open(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = str(tmp_path_factory.mktemp("s") / "s")
    with (
        forbid_network(),
        socket.socket(socket.AF_UNIX) as server,
        socket.socket(socket.AF_UNIX) as client,
    ):
        server.bind(path)
        server.listen()
        client.connect(path)


@pytest.mark.parametrize("allow", [V4, f"::ffff:{V4}"], ids=["as it is", "mapped to IPv6"])
def test_an_allowed_address_is_let_through_and_no_other(allow: str) -> None:
    with forbid_network(allow=[allow]):
        reach(V4)
        with pytest.raises(NetworkForbidden, match=r"203\.0\.113\.2:9"):
            reach("203.0.113.2")


def test_the_addresses_of_an_allowed_name_are_let_through() -> None:
    with forbid_network(allow=[NAME.upper() + "."]):
        with pytest.raises(NetworkForbidden):
            reach(V4)
        assert socket.getaddrinfo(NAME, 9)
        reach(V4)


def test_a_host_is_let_through_only_if_every_open_block_allows_it() -> None:
    with forbid_network(allow=[V4]):
        with forbid_network(), pytest.raises(NetworkForbidden):
            reach()
        reach()


def test_blocks_may_end_in_any_order() -> None:
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(forbid_network())
        second.enter_context(forbid_network())
        first.close()
        with pytest.raises(NetworkForbidden):
            reach()
        second.close()
        reach()


def test_everything_is_put_back_also_after_an_error() -> None:
    before = replaced()

    with suppress(KeyError), forbid_network():
        during = replaced()
        raise KeyError

    assert replaced() == before
    assert not set(before) & set(during)
    assert not set(METHODS) & set(vars(socket.socket))


def replaced() -> list[object]:
    methods = [getattr(socket.socket, name) for name in METHODS]
    return [*methods, socket.getaddrinfo, socket.gethostbyname, socket.gethostbyname_ex]


def test_proxies_are_hidden_and_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")

    with forbid_network():
        with pytest.raises(NetworkForbidden, match=r"'example\.com:443'"):
            httpx.get("https://example.com/")
        assert "HTTPS_PROXY" not in os.environ

    assert os.environ["HTTPS_PROXY"] == "http://127.0.0.1:9"


def test_hosts_are_given_as_a_list() -> None:
    with pytest.raises(TypeError, match=r"allow=\['example.com'\]"), forbid_network(allow="example.com"):
        pass


def test_the_error_survives_pickle() -> None:
    error = NetworkForbidden("forbid_network() let nothing out to 'example.com'.")

    copy = pickle.loads(pickle.dumps(error))

    assert (type(copy), str(copy)) == (NetworkForbidden, str(error))
