"""``mapa/`` and ``informe/`` over HTTP, to be read: what stands behind the company's one login.

```text
python -m Modules.stack.pages [--host H] [--port P]
```

Of these two folders of outputs only pages and papers: no list, no other file, no link that leads
out of its folder. Each page says in itself which scripts it runs: nobody's but its own. ``/quien``
is whom the door in front let in.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from Modules.settings import load_settings

PORT: Final = 4281
FOLDERS: Final = ("mapa", "informe")


class Pages(StaticFiles):
    """The pages of a folder, which need not be there yet."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        shown = path.endswith((".html", ".pdf")) and not Path(path).name.startswith(".")
        return super().lookup_path(path) if shown else ("", None)

    async def check_config(self) -> None:
        """Nothing: before the first night there is no folder."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = "private, no-cache"
        return answer


def make_app(outputs: Path) -> Starlette:
    """The application over a folder of outputs."""
    pages = [Mount(f"/{one}", Pages(directory=outputs / one, check_dir=False)) for one in FOLDERS]
    app = Starlette(routes=[Route("/quien", _who), *pages])
    app.router.redirect_slashes = False
    return app


def _who(request: Request) -> Response:
    said = (f"{name}: {text}\n" for name, text in request.headers.items() if "authentik" in name)
    return PlainTextResponse("".join(sorted(said)).encode("latin-1"))  # the bytes as they came


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m Modules.stack.pages", allow_abbrev=False)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=PORT)
    told = parser.parse_args()
    app = make_app(load_settings(vault=False).lindero_outputs_dir)
    uvicorn.run(app, host=told.host, port=told.port, access_log=False, log_level="warning")
