"""``prefect`` for the process that serves: its route of settings shows no password of an address.

To Prefect the address of Docket, with the password of Redis in it, is no secret. The page reads
that route, so it cannot be closed: without it the page takes its telemetry to be on.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from fastapi import APIRouter
from prefect.cli import app
from prefect.server.api import admin
from prefect.settings import get_current_settings

_USERINFO: Final = re.compile(r"(?<=://)[^/@\s\"]*@")


def mask(router: APIRouter) -> None:
    """Put a route without passwords in the place of Prefect's own; where there is none, end."""
    found = [one for one in router.routes if getattr(one, "path", None) == "/admin/settings"]
    if len(found) != 1:
        raise SystemExit("esta versión de Prefect muestra sus ajustes en otra ruta; no se la sirve")
    router.routes.remove(found[0])
    router.add_api_route("/settings", read_settings)


async def read_settings() -> dict[str, Any]:
    """Prefect's settings; of an address without its user and password."""
    shown = _USERINFO.sub("**********@", get_current_settings().model_dump_json())
    return dict(json.loads(shown))


if __name__ == "__main__":
    mask(admin.router)
    app()
