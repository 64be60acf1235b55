"""The emulator on loopback: real HTTP from a thread of its own."""

import asyncio
import socket
import struct
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from agentkit.testing.emulator import Emulator
from agentkit.testing.exchange import ABORT

try:
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol
except ImportError as error:
    raise ImportError("'uvicorn' is not installed. Run: pip install 'agentkit[testing]'") from error

__all__ = ["serve"]

_STOP_WITHIN_S = 5.0


@contextmanager
def serve(emulator: Emulator, *, port: int = 0) -> Generator[Emulator]:
    """Serve `emulator` on 127.0.0.1 while the block runs, and set `emulator.url`.

    Requests that are still being answered at the end are cut off.

    Args:
        emulator: What answers.
        port: The port; a free one by default.

    Raises:
        OSError: If the port is taken.
    """
    listener = socket.create_server(("127.0.0.1", port))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else small answers wait 40 ms for acknowledgements
    server = _Server(emulator)
    thread = threading.Thread(target=server.run_until_stopped, args=(listener,), name="emulator", daemon=True)
    thread.start()
    try:
        # Connections made before the server runs wait in the listener's queue: nothing has to be waited for here.
        emulator.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield emulator
    finally:
        emulator.url = None
        server.stop()
        thread.join(_STOP_WITHIN_S)


class _Protocol(H11Protocol):
    """HTTP that lets the app end a connection in its own ways, which ASGI does not know."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the class above
        """Give the app of this connection a hold on it."""
        super().connection_made(transport)
        app = self.app

        async def with_abort(scope: Any, receive: Any, send: Any) -> None:
            scope["extensions"] = {**(scope.get("extensions") or {}), ABORT: partial(_abort, transport)}
            await app(scope, receive, send)

        self.app = with_abort


def _abort(transport: asyncio.Transport, resets: bool) -> None:
    connection: socket.socket = transport.get_extra_info("socket")
    if resets:  # no time to linger means RST instead of FIN
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class _Server(uvicorn.Server):
    """A silent uvicorn server that starts and stops without waiting for its ticks."""

    def __init__(self, app: Emulator) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                timeout_keep_alive=60,
                date_header=False,
                server_header=False,
            )
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_asked = asyncio.Event()

    def run_until_stopped(self, listener: socket.socket) -> None:
        """Serve the connections of `listener`, which is closed at the end."""
        with listener:
            asyncio.run(self.serve(sockets=[listener]))

    def stop(self) -> None:
        """Ask the server to stop; to be called from another thread."""
        self.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: the server has stopped by itself
                self._loop.call_soon_threadsafe(self._stop_asked.set)

    async def main_loop(self) -> None:
        """Wait until the server shall stop (uvicorn's own loop looks ten times a second)."""
        self._loop = asyncio.get_running_loop()
        if not self.should_exit:  # read after the loop is known, so that no call of `stop` is missed
            await self._stop_asked.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Cut off what is open (uvicorn's own way waits for it)."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for server in self.servers:
            await server.wait_closed()
