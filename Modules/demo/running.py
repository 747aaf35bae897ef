"""Serving the demo portal in the foreground: real bytes over loopback.

A child (``child.py``) ends with the parent that started it, also
when the parent is killed: it watches its standard input, which the kernel closes.
"""

from __future__ import annotations

import _thread
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp

from Modules.demo.child import GRACE_S
from Modules.demo.contract import BASE_PATH, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, World
from Modules.demo.server import DemoPortal, create_app
from Modules.words.errors import SettingsError
from Modules.words.spanish import why

LOOPBACK = "127.0.0.1"
KEEP_ALIVE_S = 75


def uvicorn_of(app: ASGIApp) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def _run(portal: DemoPortal, listener: socket.socket) -> None:
    uvicorn_of(create_app(portal)).run(sockets=[listener])


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve on a free port of loopback, in a thread, until the block ends; gives the address."""
    server = uvicorn_of(app)
    with listen(0) as listener:
        thread = threading.Thread(target=server.run, args=[[listener]], daemon=True)
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def base_url_of(listener: socket.socket) -> str:
    return f"http://{LOOPBACK}:{listener.getsockname()[1]}{BASE_PATH}"


def listen(port: int) -> socket.socket:
    """A socket of loopback that listens; SettingsError where the port cannot be had."""
    # asyncio switches Nagle's delay off only where the protocol is named: 40 ms an answer
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as err:
        listener.close()
        raise SettingsError(
            f"no se puede escuchar en {LOOPBACK}:{port}: {why(err)}; probar con --port 0"
        ) from err
    listener.listen(128)
    return listener


def serve_forever(
    world: World, port: int, run: Callable[[DemoPortal, socket.socket], None] = _run
) -> None:
    """Serve in the foreground until interrupted; first prints one JSON line with the address.

    ``run`` serves a portal on a socket that listens.

    Raises:
        SettingsError: the port cannot be had.
    """
    listener = listen(port)
    facts = {
        "base_url": base_url_of(listener),
        "client_id": DEMO_CLIENT_ID,
        "client_secret": DEMO_CLIENT_SECRET,  # public: the demo has no other
        "name": world.name,
        "pid": os.getpid(),
    }
    sys.stdout.write(json.dumps(facts, ensure_ascii=False) + "\n")
    sys.stdout.flush()
    sys.stderr.write(
        f"{world.name} contesta acá hasta Ctrl-C. Para que Lindero le hable, en .env o delante del "
        f"comando:\nDATABALER_BASE_URL={facts['base_url']}\nDATABALER_CLIENT_ID={DEMO_CLIENT_ID}\n"
        f"DATABALER_CLIENT_SECRET={DEMO_CLIENT_SECRET}\n"
    )
    sys.stderr.flush()
    run(DemoPortal(world), listener)


def end_with_parent() -> None:
    """From now on, end this process when its standard input closes: whoever started it is gone.

    It is interrupted as by Ctrl-C, and ended by force if that takes long.
    """

    def watch() -> None:
        with suppress(OSError):
            while os.read(0, 1024):
                pass
        threading.Timer(GRACE_S, os._exit, args=(0,)).start()
        _thread.interrupt_main()

    threading.Thread(target=watch, name="watch-stdin", daemon=True).start()
