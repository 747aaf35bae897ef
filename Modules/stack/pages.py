"""``python -m uvicorn --factory Modules.stack.pages:make_app``: what the company's login opens.

Of ``mapa/`` and ``informe/`` only pages, their photos and papers: no list, no other file, no link
that leads out of its folder. ``/quien`` is whom the door in front let in.
"""

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from Modules.settings import load_settings

FOLDERS = ("mapa", "informe")


class Pages(StaticFiles):
    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        shown = path.endswith((".html", ".pdf", ".jpg")) and f"{os.sep}." not in f"{os.sep}{path}"
        return super().lookup_path(path) if shown else ("", None)

    async def check_config(self) -> None:
        """Nothing: before the first night there is no folder."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = "private, no-cache"
        return answer


def make_app() -> Starlette:
    """The application over the outputs of the settings."""
    outputs = load_settings(vault=False).lindero_outputs_dir
    pages = [Mount(f"/{one}", Pages(directory=outputs / one, check_dir=False)) for one in FOLDERS]
    return Starlette(routes=[Route("/quien", _who), *pages])


def _who(request: Request) -> Response:
    said = (f"{name}: {text}\n" for name, text in request.headers.items() if "authentik" in name)
    return PlainTextResponse("".join(sorted(said)).encode("latin-1"))  # the bytes as they came
