"""``atlas/``: each campo as an A4 PDF to print, and as a picture for a chat.

``atlas_25-26 - <campo>.pdf`` has the campo with its lotes, a page for each lote, and a work order;
``tarjeta_25-26 - <campo>.png`` is 1,080 pixels wide. Maps are true to the scale they name. The same
night gives the same bytes; on another night a campo in which nothing changed keeps its files.
"""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from Modules.disk.safe_files import make_folder, write_new
from Modules.formats.impreso import pdf, png
from Modules.products.atlas.hojas import OF_THE_NIGHT, Atlas, Hoja
from Modules.products.entry import Hechas, Hecho
from Modules.products.muestreos.plan import MARGEN_M, PUNTOS_POR_AMBIENTE, plan_muestreo
from Modules.products.source import Fotos, Fuente
from Modules.words.names import unique_names

PIXELS: Final = 1_080  # a card's width
_CARD_MM: Final = 108.0  # the same on the page of tarjeta.typ
_NAME_LENGTH: Final = 45  # characters of a campo in a file's name
_WORKERS: Final = 2  # Typst needs no lock of Python's while it draws
_HERE: Final = Path(__file__).parent


def build_atlas(
    fuente: Fuente,
    work: Path,
    fotos: Fotos | None = None,
    *,
    hechas: Hechas = lambda _name, _shows: None,
    puntos_por_ambiente: int = PUNTOS_POR_AMBIENTE,
    margen_m: float = MARGEN_M,
) -> Hecho:
    """Write the files of ``atlas/`` below ``work``; ``hechas``: see ``Producto``.

    Raises:
        SettingsError: as ``plan_muestreo``.
        PublishError: the disk refused.
    """
    plan = plan_muestreo(fuente, puntos_por_ambiente=puntos_por_ambiente, margen_m=margen_m)
    atlas = Atlas(fuente, plan.puntos, fotos)
    make_folder(work)
    names = unique_names(atlas.lotes.campos, _NAME_LENGTH)
    with ThreadPoolExecutor(min(_WORKERS, os.cpu_count() or 1)) as pool:
        made = pool.map(partial(_write, atlas, work, hechas), names.items())
        shown = dict(sorted(file for files in made for file in files))
    return Hecho({"atlas": {name: work / name for name in shown}}, hechas=shown)


def _write(
    atlas: Atlas, work: Path, hechas: Hechas, campo: tuple[str, str]
) -> list[tuple[str, tuple[str, str]]]:
    """Both files of a campo, as in ``Hecho.hechas``. What shows the same stays as it is.

    So a sheet names the first night that it is true of, and nobody gets it twice. What changed on
    a night is always told.
    """
    key, name = campo
    slug, when = atlas.fuente.campania.slug, atlas.fuente.snapshot_id.utc
    pages, front = atlas.hojas(key)
    made = (
        (f"atlas_{slug} - {name}.pdf", pages, partial(pdf, _HERE / "atlas.typ", created=when)),
        (
            f"tarjeta_{slug} - {name}.png",
            front,
            partial(png, _HERE / "tarjeta.typ", pixels=PIXELS, width_mm=_CARD_MM),
        ),
    )
    files = []
    for file, hoja, draw in made:
        lasting = _lasting(hoja) | {"lotes": [_lasting(lote) for lote in hoja["lotes"]]}
        shows = hashlib.sha256(json.dumps(lasting).encode()).hexdigest()
        told = any(lote["cambio"] for lote in hoja["lotes"])
        data = (None if told else hechas(file, shows)) or draw(hoja)
        fact = write_new(work / file, data)
        files.append((file, (shows, fact.sha256)))
    return files


def _lasting(hoja: Hoja) -> Hoja:
    return {what: one for what, one in hoja.items() if what not in OF_THE_NIGHT}
