"""``atlas/``: each campo as an A4 PDF to print, and as a picture for a chat.

``atlas_25-26 - <campo>.pdf`` has the campo with its lotes, a page for each lote, and a work order;
``tarjeta_25-26 - <campo>.png`` is 1,080 pixels wide. Maps are true to the scale they name. The same
night gives the same bytes.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from Modules.disk.safe_files import make_folder, write_new
from Modules.formats.impreso import pdf, png
from Modules.products.atlas.hojas import Atlas
from Modules.products.entry import Hecho
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
    puntos_por_ambiente: int = PUNTOS_POR_AMBIENTE,
    margen_m: float = MARGEN_M,
) -> Hecho:
    """Write the files of ``atlas/`` below ``work``.

    Raises:
        SettingsError: as ``plan_muestreo``.
        PublishError: the disk refused.
    """
    plan = plan_muestreo(fuente, puntos_por_ambiente=puntos_por_ambiente, margen_m=margen_m)
    atlas = Atlas(fuente, plan.puntos, fotos)
    make_folder(work)
    names = unique_names(atlas.campos, _NAME_LENGTH)
    with ThreadPoolExecutor(min(_WORKERS, os.cpu_count() or 1)) as pool:
        made = pool.map(partial(_write, atlas, work), names.items())
        return Hecho({"atlas": dict(sorted(file for files in made for file in files))})


def _write(atlas: Atlas, work: Path, campo: tuple[str, str]) -> list[tuple[str, Path]]:
    key, name = campo
    slug = atlas.fuente.campania.slug
    sheet, card = f"atlas_{slug} - {name}.pdf", f"tarjeta_{slug} - {name}.png"
    when = atlas.fuente.snapshot_id.utc
    pages, front = atlas.hojas(key)
    write_new(work / sheet, pdf(_HERE / "atlas.typ", pages, when))
    write_new(work / card, png(_HERE / "tarjeta.typ", front, PIXELS, _CARD_MM))
    return [(sheet, work / sheet), (card, work / card)]
