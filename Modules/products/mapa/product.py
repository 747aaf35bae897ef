"""``mapa/mapa_25-26.html``: one file that opens by double click, without network.

Leaflet (out of the wheel django-js-lib-leaflet) moves the map; ``pagina/`` draws the night on a
canvas: docs/decisions/0012. All is inside the file, and its policy (CSP) names the SHA-256 of its
one script and its one style: whatever a name may hold, nothing else runs and nothing is fetched.

A company file above ``HEAVY_BYTES`` has a page for each campo beside it. Photos of marks lie in
``25-26/fotos/``; a page has small ones inside while it stays below ``HEAVY_BYTES`` with them. The
picture that people put below the lotes (``fondo``) is a script beside the page, which names it by
its hash. The same night gives the same bytes.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from Modules.disk.safe_files import make_folder
from Modules.formats.report_page import csp_sha256
from Modules.products.entry import Hecho
from Modules.products.kmz.layers import Lotes
from Modules.products.mapa.fondo import Fondo, read_fondo
from Modules.products.mapa.noche import fotos_of, noche, partes
from Modules.products.source import Fotos, Fuente, Propio
from Modules.store.fotos import Foto
from Modules.words.errors import DataError
from Modules.words.names import unique_names

HEAVY_BYTES: Final = 3_000_000  # a phone takes three seconds to open it
_FRAME_BYTES: Final = 250_000  # a page without its data
_CAMPO_LENGTH: Final = 33  # characters, with the dash
_WHEEL: Final = "django-js-lib-leaflet"
_SCRIPTS: Final = (  # in the order in which they run
    *("night", "text", "draw", "state", "card", "legend", "search", "place", "start"),
)


def build_mapa(
    fuente: Fuente,
    work: Path,
    fotos: Fotos | None = None,
    propio: Propio | None = None,
    *,
    heavy_bytes: int = HEAVY_BYTES,
) -> Hecho:
    """Write the page of all campos below ``work`` and, above ``heavy_bytes``, one of each campo.

    ``propio``: the background that people put beside them; one that is of no use is a warning.
    """
    lotes, stem = Lotes(fuente.tables), f"mapa_{fuente.campania.slug}"
    make_folder(work)
    boxes = shapely.bounds(lotes.filas["lotes"]["geometry"].to_numpy())
    fondo, avisos = _fondo(propio, boxes)
    script = f"fondo_{fuente.campania.slug}_{fondo.sha256[:12]}.js" if fondo else ""
    title = f"Mapa {fuente.campania}"
    built: dict[str, Path] = {}
    folder = f"{fuente.campania.slug}/fotos"

    def write(name: str, title: str, rows: range | None = None) -> None:
        taken = fotos_of(lotes, rows, fotos or {})
        data = noche(fuente, lotes, rows, taken)
        shown = {foto.nombre: foto for own in taken.values() for foto in own}
        minis = _minis(shown, heavy_bytes - _FRAME_BYTES - len(data)) if shown else None
        built[name] = work / name
        below = None
        if fondo and fondo.toca(boxes if rows is None else boxes[rows.start : rows.stop]):
            below = {"archivo": script, "sello": fondo.sha256, "credito": fondo.credito}
        text = page(title, data, minis, folder, below)
        built[name].write_text(text, encoding="utf-8", newline="\n")
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
    if fondo:
        built[script] = work / script
        with built[script].open("wb") as out:
            fondo.write(out)
    return Hecho({"mapa": dict(sorted(built.items()))}, avisos)


def _fondo(
    propio: Propio | None, boxes: NDArray[np.float64]
) -> tuple[Fondo | None, tuple[str, ...]]:
    """The background, if there is one that lies below a lote; else what to say of it."""
    if propio is None:
        return None, ()
    try:
        return read_fondo(propio, boxes), ()
    except DataError as err:  # no night is lost for it
        return None, (f"mapa sin imagen de fondo: {err}",)


def _minis(fotos: Mapping[str, Foto], room: int) -> dict[str, str]:
    """Small photos as base64, as many as have room (bytes)."""
    found: dict[str, str] = {}
    for name, foto in fotos.items():
        text = base64.b64encode(foto.mini).decode("ascii")
        if (room := room - len(text)) < 0:
            break
        found[name] = text
    return found


def page(
    title: str,
    data: str,
    minis: Mapping[str, str] | None = None,
    folder: str = "",
    fondo: Mapping[str, str] | None = None,
) -> str:
    """The page around packed data; ``title`` may hold anything.

    ``minis``: photos that it shows itself, others lie in ``folder``; None where there are none.
    ``fondo``: the script of the background, its nonce and whose picture it is.
    """
    parts = _parts(fotos=minis is not None, fondo=fondo is not None)
    parts |= {"fotos": "", "imagenes": "", "fondo": "", "sello": ""}
    if minis is not None:
        said = json.dumps({"carpeta": folder, "minis": minis})
        parts["fotos"] = f'<script type="text/plain" id="photos">{said}</script>'
        parts["imagenes"] = "img-src 'self' file: data:; "
    if fondo is not None:
        said = json.dumps(dict(fondo)).replace("<", "\\u003c")  # a credit may hold anything
        parts["fondo"] = f'<script type="text/plain" id="ground">{said}</script>'
        parts["sello"] = f" 'nonce-{fondo['sello']}'"
    return _template().substitute(parts, titulo=html.escape(title), datos=data)


@cache
def _template() -> Template:
    return Template(_own("mapa.html"))


@cache
def _parts(*, fotos: bool, fondo: bool) -> dict[str, str]:
    """What is the same in every page: style, script, their hashes, the licence of Leaflet."""
    leaflet = files("js_lib_leaflet") / "static" / "js_lib_leaflet"
    more = [name for name, is_shown in (("photos", fotos), ("ground", fondo)) if is_shown]
    texts = {
        "leaflet": leaflet.joinpath("leaflet.js").read_text("utf-8").partition("//# source")[0],
        "programa": "".join(_own(f"{name}.js") for name in (*_SCRIPTS[:-1], *more, _SCRIPTS[-1])),
        "estilo": leaflet.joinpath("leaflet.css").read_text("utf-8") + _own("mapa.css"),
    }
    texts["estilo"] += "".join(_own(f"{name}.css") for name in more)
    licence = distribution(_WHEEL).read_text("LICENSE") or ""
    hashes = {f"{name}_sha256": csp_sha256(text) for name, text in texts.items()}
    return {**texts, **hashes, "licencia": html.escape(licence.strip())}


def _own(name: str) -> str:
    return (Path(__file__).parent / "pagina" / name).read_text("utf-8")
