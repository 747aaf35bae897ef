"""``mapa/mapa_25-26.html``: one file that opens by double click, without network.

Leaflet (out of the wheel django-js-lib-leaflet) moves the map; ``pagina/`` draws the night on a
canvas: docs/decisions/0012. All is inside the file, and its policy (CSP) names the SHA-256 of its
one script and its one style: whatever a name may hold, nothing else runs and nothing is fetched.

A company file above ``HEAVY_BYTES`` has a page for each campo beside it. Photos of marks lie in
``25-26/fotos/``; a page has small ones inside while it stays below ``HEAVY_BYTES`` with them. The
same night gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
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
from Modules.products.mapa.noche import fotos_of, noche, partes
from Modules.products.source import Fotos, Fuente
from Modules.store.fotos import Foto
from Modules.words.names import unique_names

HEAVY_BYTES: Final = 3_000_000  # a phone takes three seconds to open it
_FRAME_BYTES: Final = 250_000  # a page without its data
_CAMPO_LENGTH: Final = 33  # characters, with the dash
_WHEEL: Final = "django-js-lib-leaflet"
_SCRIPTS: Final = (  # in the order in which they run
    *("night", "text", "draw", "state", "card", "legend", "search", "place", "start"),
)


def build_mapa(
    fuente: Fuente, work: Path, fotos: Fotos | None = None, *, heavy_bytes: int = HEAVY_BYTES
) -> Hecho:
    """Write the page of all campos below ``work`` and, above ``heavy_bytes``, one of each campo."""
    lotes, stem = Lotes(fuente.tables), f"mapa_{fuente.campania.slug}"
    make_folder(work)
    title = f"Mapa {fuente.campania}"
    built: dict[str, Path] = {}
    folder = f"{fuente.campania.slug}/fotos"

    def write(name: str, title: str, rows: range | None = None) -> None:
        taken = fotos_of(lotes, rows, fotos or {})
        data = noche(fuente, lotes, rows, taken)
        shown = {foto.nombre: foto for own in taken.values() for foto in own}
        minis = _minis(shown, heavy_bytes - _FRAME_BYTES - len(data)) if shown else None
        built[name] = work / name
        built[name].write_text(page(title, data, minis, folder), encoding="utf-8", newline="\n")
        built.update({f"{folder}/{one}": foto.grande for one, foto in shown.items()})

    write(f"{stem}.html", title)
    campos = partes(lotes)
    if len(campos) > 1 and built[f"{stem}.html"].stat().st_size > heavy_bytes:
        texts = {key: lotes.campo[rows.start] for key, rows in campos.items()}
        names = unique_names(
            {key: f"{stem} - {campo}" for key, campo in texts.items()}, len(stem) + _CAMPO_LENGTH
        )
        for key, rows in campos.items():
            write(f"{names[key]}.html", f"{title} · {texts[key]}", rows)
    return Hecho({"mapa": dict(sorted(built.items()))})


def _minis(fotos: Mapping[str, Foto], room: int) -> dict[str, str]:
    """Small photos as base64, as many as have room (bytes)."""
    found: dict[str, str] = {}
    for name, foto in fotos.items():
        text = base64.b64encode(foto.mini).decode("ascii")
        if (room := room - len(text)) < 0:
            break
        found[name] = text
    return found


def page(title: str, data: str, minis: Mapping[str, str] | None = None, folder: str = "") -> str:
    """The page around packed data; ``title`` may hold anything.

    ``minis``: photos that it shows itself, others lie in ``folder``; None where there are none.
    """
    parts = _parts(fotos=minis is not None) | {"fotos": "", "imagenes": ""}
    if minis is not None:
        said = json.dumps({"carpeta": folder, "minis": minis})
        parts["fotos"] = f'<script type="text/plain" id="photos">{said}</script>'
        parts["imagenes"] = "img-src 'self' file: data:; "
    return _template().substitute(parts, titulo=html.escape(title), datos=data)


@cache
def _template() -> Template:
    return Template(_own("mapa.html"))


@cache
def _parts(*, fotos: bool) -> dict[str, str]:
    """What is the same in every page: style, script, their hashes, the licence of Leaflet."""
    leaflet = files("js_lib_leaflet") / "static" / "js_lib_leaflet"
    scripts = [*_SCRIPTS[:-1], "photos", _SCRIPTS[-1]] if fotos else _SCRIPTS
    texts = {
        "leaflet": leaflet.joinpath("leaflet.js").read_text("utf-8").partition("//# source")[0],
        "programa": "".join(_own(f"{name}.js") for name in scripts),
        "estilo": leaflet.joinpath("leaflet.css").read_text("utf-8") + _own("mapa.css"),
    }
    if fotos:
        texts["estilo"] += _own("photos.css")
    licence = distribution(_WHEEL).read_text("LICENSE") or ""
    hashes = {f"{name}_sha256": _sha256(text) for name, text in texts.items()}
    return {**texts, **hashes, "licencia": html.escape(licence.strip())}


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _own(name: str) -> str:
    return (Path(__file__).parent / "pagina" / name).read_text("utf-8")
