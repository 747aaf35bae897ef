"""``python -m uvicorn --factory Modules.stack.pages:make_app``: what the company's login opens.

Of the folders of ``PUERTA`` the files that were published into them, by ``.lindero.json``: no list,
nothing that somebody else put there, no link that leads out. Pages, papers and pictures are shown,
the others are saved under their names. ``/quien`` is whom the door in front let in.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Final
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from Modules.disk.publish_record import MANIFEST, read_record
from Modules.settings import load_settings
from Modules.words.errors import PublishError
from Modules.words.folders import PUERTA

SHOWN: Final = {  # by ending; a machine may know less of them than it should
    ".html": "text/html; charset=utf-8",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",  # the background of the map
}
SAVED: Final = {
    ".csv": "text/csv; charset=utf-8",
    ".geojson": "application/geo+json",
    ".gpkg": "application/geopackage+sqlite3",
    ".gz": "application/gzip",
    ".json": "application/json",
    ".kmz": "application/vnd.google-earth.kmz",
    ".parquet": "application/vnd.apache.parquet",
    ".qgz": "application/x-qgis-project-container",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".zip": "application/zip",
}


class Pages(StaticFiles):
    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        ours = PurePath(path).as_posix() in _published(Path(str(self.directory)))
        return super().lookup_path(path) if ours else ("", None)

    async def check_config(self) -> None:
        """Nothing: before the first night there is no folder."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = "private, no-cache"
        name = PurePath(path)
        if name.suffix in SHOWN:
            answer.headers["Content-Type"] = SHOWN[name.suffix]
        else:
            answer.headers["Content-Type"] = SAVED.get(name.suffix, "application/octet-stream")
            answer.headers["Content-Disposition"] = (
                f"attachment; filename*=UTF-8''{quote(name.name)}"
            )
        return answer


def make_app() -> Starlette:
    """The application over the outputs of the settings."""
    outputs = load_settings(vault=False).lindero_outputs_dir
    pages = [Mount(f"/{one}", Pages(directory=outputs / one, check_dir=False)) for one in PUERTA]
    return Starlette(routes=[Route("/quien", _who), *pages])


def _published(folder: Path) -> frozenset[str]:
    """The files of ours in a folder, by their paths below it; none where that cannot be told."""
    try:
        written = (folder / MANIFEST).stat()
        return _recorded(folder, written.st_mtime_ns, written.st_ino)
    except (OSError, PublishError):
        return frozenset()


@lru_cache(maxsize=2 * len(PUERTA))
def _recorded(folder: Path, *_written: int) -> frozenset[str]:
    return frozenset(read_record(folder)[0].files)


def _who(request: Request) -> Response:
    said = (f"{name}: {text}\n" for name, text in request.headers.items() if "authentik" in name)
    return PlainTextResponse("".join(sorted(said)).encode("latin-1"))  # the bytes as they came
