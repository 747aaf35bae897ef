"""A store with flows in it, and the API over it on a real socket."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn

from Modules.prompts.files.bundle import Bundle, bundle_of
from Modules.prompts.files.reading import read_library
from Modules.prompts.serve.app import make_app
from Modules.prompts.store import PromptStore

TASK = """
version: 1
name: {name}
description: Cuenta
model: chico
system: Contar.
prompt: "{prompt}: {{{{ texto | datos }}}}"
input:
  type: object
  properties: {{texto: {{type: string}}}}
  required: [texto]
  additionalProperties: false
output:
  type: object
  properties: {{n: {{type: string}}}}
  required: [n]
  additionalProperties: false
"""
FLOW = """
version: 1
name: cuenta
description: Dos pasos, uno tras otro
input:
  type: object
  properties:
    texto: {type: string}
    veces: {type: integer}
  required: [texto]
  additionalProperties: false
steps:
  - {id: uno, task: contar, with: {texto: $input.texto}}
  - {id: dos, task: contar, with: {texto: $steps.uno.n}}
output: {uno: $steps.uno.n, dos: $steps.dos.n}
"""
MODELS = """
version: 1
providers:
  aqui: {{type: local, base_url: "{url}"}}
models:
  chico: {{provider: aqui, model: chico-1}}
"""


def bundle(folder: Path, *, prompt: str = "Contar", url: str = "http://127.0.0.1:9/v1") -> Bundle:
    """The flow ``cuenta`` out of files; another ``prompt`` is another version."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "contar.task.yaml").write_text(TASK.format(name="contar", prompt=prompt))
    (folder / "cuenta.flow.yaml").write_text(FLOW)
    (folder / "models.yaml").write_text(MODELS.format(url=url))
    library = read_library(folder)
    assert not [one for one in library.findings if one.is_error], library.findings
    return bundle_of(library, "cuenta")


def deploy(store: PromptStore, one: Bundle, env: str = "prod") -> Any:
    return store.deploy(one, env, who="prueba", why="prueba", now=datetime.now(UTC))


@contextmanager
def api(store: PromptStore, **more: Any) -> Iterator[str]:
    """The API on a socket of its own; its address."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        app = make_app(store, **{"per_minute": 10**6, **more})
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [line]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{line.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)
