"""``mapa/mapa_25-26.html``: one file that opens by double click, without network.

Leaflet (out of the wheel django-js-lib-leaflet) moves the map; ``pagina/`` draws the night on a
canvas: docs/decisions/0012. All is inside the file, and its policy (CSP) names the SHA-256 of its
one script and its one style: whatever a name may hold, nothing else runs and nothing is fetched.

A company file above ``HEAVY_BYTES`` has a page for each campo beside it. The same night gives the
same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Mapping
from functools import cache
from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final

from Modules.disk.safe_files import make_folder
from Modules.products.entry import Hecho
from Modules.products.kmz.layers import Lotes
from Modules.products.mapa.noche import noche, partes
from Modules.products.source import Fuente
from Modules.words.names import unique_names

HEAVY_BYTES: Final = 3_000_000  # a phone takes three seconds to open it
_CAMPO_LENGTH: Final = 33  # characters, with the dash
_WHEEL: Final = "django-js-lib-leaflet"
_SCRIPTS: Final = (  # in the order in which they run
    *("night", "text", "draw", "state", "card", "legend", "search", "place", "start"),
)


def build_mapa(fuente: Fuente, work: Path, *, heavy_bytes: int = HEAVY_BYTES) -> Hecho:
    """Write the page of all campos below ``work`` and, above ``heavy_bytes``, one of each campo."""
    lotes, stem = Lotes(fuente.tables), f"mapa_{fuente.campania.slug}"
    make_folder(work)
    title = f"Mapa {fuente.campania}"
    built = {f"{stem}.html": _write(work / f"{stem}.html", title, noche(fuente, lotes))}
    campos = partes(lotes)
    if len(campos) > 1 and built[f"{stem}.html"].stat().st_size > heavy_bytes:
        texts = {key: lotes.campo[rows.start] for key, rows in campos.items()}
        names = unique_names(
            {key: f"{stem} - {campo}" for key, campo in texts.items()}, len(stem) + _CAMPO_LENGTH
        )
        for key, rows in campos.items():
            name, data = f"{names[key]}.html", noche(fuente, lotes, rows)
            built[name] = _write(work / name, f"{title} · {texts[key]}", data)
    return Hecho({"mapa": dict(sorted(built.items()))})


def _write(path: Path, title: str, data: str) -> Path:
    path.write_text(page(title, data), encoding="utf-8", newline="\n")
    return path


def page(title: str, data: str) -> str:
    """The page around packed data; ``title`` may hold anything."""
    return _template().substitute(_parts(), titulo=html.escape(title), datos=data)


@cache
def _template() -> Template:
    return Template(_own("mapa.html"))


@cache
def _parts() -> Mapping[str, str]:
    """What is the same in every page: style, script, their hashes, the licence of Leaflet."""
    leaflet = files("js_lib_leaflet") / "static" / "js_lib_leaflet"
    texts = {
        "leaflet": leaflet.joinpath("leaflet.js").read_text("utf-8").partition("//# source")[0],
        "programa": "".join(_own(f"{name}.js") for name in _SCRIPTS),
        "estilo": leaflet.joinpath("leaflet.css").read_text("utf-8") + _own("mapa.css"),
    }
    licence = distribution(_WHEEL).read_text("LICENSE") or ""
    hashes = {f"{name}_sha256": _sha256(text) for name, text in texts.items()}
    return {**texts, **hashes, "licencia": html.escape(licence.strip())}


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _own(name: str) -> str:
    return (Path(__file__).parent / "pagina" / name).read_text("utf-8")
