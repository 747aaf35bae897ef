"""``sustentabilidad/``: EUDR geolocation, its control, fiboa, and who farms what.

The EUDR files hold the lotes with a siembra of a crop that the regulation covers: soja, whatever
its state ("perdido" too: to declare a plot more is allowed, to miss one is not). Cattle is not
ours.
CUIT and RENSPA are in ``establecimientos`` and nowhere else.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from Modules.disk.safe_files import make_folder, write_new
from Modules.formats.sheets import NUMBER_HA, Sheet, csv_bytes, xlsx_bytes
from Modules.night.tables import Tables
from Modules.products.eudr.check import check_eudr
from Modules.products.eudr.control import HEADERS, Checked, control_table
from Modules.products.eudr.declare import MAX_FILE_BYTES, Declared, Plot, collections, declare
from Modules.products.eudr.rules import ISO2
from Modules.products.source import Fuente
from Modules.products.sustentabilidad import establecimientos
from Modules.products.sustentabilidad.fiboa import write_code_list, write_fiboa
from Modules.words.cultivos import CATALOGUE
from Modules.words.errors import SettingsError
from Modules.words.names import name_key, names_with_ids, safe_name, unique_names
from Modules.words.text import clean_text

ESPECIES_EUDR: Final = frozenset({"soja"})
SIN_EMPRESA: Final = "sin empresa"
_MAX_EMPRESA: Final = 60  # characters in a file's name
_LIKE_A_PART: Final = re.compile(r"(.*_)?parte\d+")
_DEGREES: Final = "0.000000"


def build_sustentabilidad(
    fuente: Fuente,
    work: Path,
    *,
    pais: str = "AR",
    puntos: bool = False,
    cultivos: Sequence[str] | None = None,
    max_bytes: int = MAX_FILE_BYTES,
) -> dict[str, Path]:
    """Write every file of the folder below ``work``.

    Args:
        pais: where the fields are, ISO 3166-1 alpha-2.
        puntos: declare plots under 4 ha as a point.
        cultivos: codes of the crops to declare; None: those of ``ESPECIES_EUDR``.
        max_bytes: largest EUDR file.

    Returns:
        Name in the published folder to file.

    Raises:
        DataError: a table is larger than a spreadsheet takes.
        PublishError: a file exists, or the disk refused.
        SettingsError: ``pais`` is no country's code.
    """
    if pais not in ISO2:
        raise SettingsError(f"{pais!r} is no ISO 3166-1 country code of two letters, like AR")
    make_folder(work)
    slug = fuente.campania.slug
    files = _eudr(fuente, work, pais, cultivos, points=puntos, max_bytes=max_bytes)
    codes = f"fiboa_{slug}_cultivos.csv"
    files |= {name: work / name for name in (f"fiboa_{slug}.parquet", codes)}
    write_fiboa(fuente.tables, fuente.campania, files[f"fiboa_{slug}.parquet"], code_list=codes)
    write_code_list(fuente.tables, files[codes])
    book = f"establecimientos_{slug}.xlsx"
    files[book] = work / book
    write_new(files[book], xlsx_bytes(_sheets(fuente.tables), fuente.snapshot_id.utc))
    return files


def _eudr(
    fuente: Fuente,
    work: Path,
    pais: str,
    cultivos: Sequence[str] | None,
    *,
    points: bool,
    max_bytes: int,
) -> dict[str, Path]:
    tables, slug = fuente.tables, fuente.campania.slug
    codes = eudr_codes(tables) if cultivos is None else frozenset(cultivos)
    lotes = _lotes(tables)
    declared = declare(_plots(tables, lotes, codes, pais), points=points)
    files: dict[str, Path] = {}
    whole = _write(declared, f"eudr_{slug}", work, files, max_bytes)
    others: list[Checked] = []
    for label, own in _by_empresa(declared):
        stem = f"eudr_{slug}_{label}"
        others.extend(_write(own, stem, work, files, max_bytes, with_features=False))
    name = f"eudr_control_{slug}.csv"
    files[name] = work / name
    control = control_table(lotes, declared, whole, others)
    write_new(files[name], csv_bytes(control, HEADERS))
    return files


def eudr_codes(tables: Tables) -> frozenset[str]:
    """Codes of the crops that the regulation covers, of the portal's catalogue and of ours."""
    especies = tables.cultivos["especie"].fillna("").str.casefold()
    portal = tables.cultivos.loc[especies.isin(ESPECIES_EUDR), "cultivo_codigo"]
    ours = {code for code, crop in CATALOGUE.items() if crop.especie in ESPECIES_EUDR}
    return frozenset(portal) | ours


def _lotes(tables: Tables) -> pd.DataFrame:
    """Every lote with its empresa ("" if unknown), sorted as the files are."""
    campos = tables.campos[["campo_id", "empresa"]]
    frame = pd.DataFrame(tables.lotes.drop(columns="geometry")).merge(
        campos, on="campo_id", how="left", validate="many_to_one"
    )
    frame = frame.assign(empresa=frame["empresa"].fillna("").map(clean_text))
    names = ["lote_id", "empresa", "campo", "lote", "cultivos"]
    return frame.sort_values(["empresa", "campo", "lote", "lote_id"], ignore_index=True)[names]


def _plots(tables: Tables, lotes: pd.DataFrame, codes: frozenset[str], pais: str) -> list[Plot]:
    sown = tables.siembras.loc[tables.siembras["cultivo_codigo"].isin(codes), "lote_id"]
    wanted = lotes[lotes["lote_id"].isin(set(sown))]
    every = tables.lotes
    campos = names_with_ids(dict(zip(every["campo_id"], every["campo"], strict=True)))
    rows = zip(every["lote_id"], every["campo_id"], every["lote"], strict=True)
    places = names_with_ids({key: f"{campos[campo]} - {lote}" for key, campo, lote in rows})
    shapes = dict(zip(tables.lotes["lote_id"], tables.lotes.geometry, strict=True))
    return [
        Plot(row.lote_id, row.empresa, pais, places[row.lote_id], shapes[row.lote_id])
        for row in wanted.itertuples()
    ]


def _by_empresa(declared: Sequence[Declared]) -> Iterator[tuple[str, list[Declared]]]:
    """The label in the file's name of each empresa, and its plots."""
    groups: dict[str, list[Declared]] = {}
    for one in declared:
        groups.setdefault(one.plot.producer, []).append(one)
    labels = empresa_labels(groups)
    return ((labels[empresa], groups[empresa]) for empresa in sorted(groups))


def empresa_labels(empresas: Iterable[str]) -> dict[str, str]:
    """What each empresa is called in the name of its file; no two fall together.

    An empresa has no id in the tables but its CUIT, which must not be in a name: where two names
    fall together, both carry a hash of the name. One called "parte1" must not look like a part.
    """
    texts = {empresa: empresa or SIN_EMPRESA for empresa in empresas}
    texts = {key: f"empresa {text}" if _like_a_part(text) else text for key, text in texts.items()}
    marks = {key: hashlib.sha256(key.encode()).hexdigest()[:8] for key in texts}
    names = unique_names({marks[key]: text for key, text in texts.items()}, _MAX_EMPRESA)
    return {key: names[mark] for key, mark in marks.items()}


def _like_a_part(text: str) -> bool:
    return _LIKE_A_PART.fullmatch(name_key(safe_name(text, _MAX_EMPRESA))) is not None


def _write(
    declared: Sequence[Declared],
    stem: str,
    work: Path,
    files: dict[str, Path],
    max_bytes: int,
    *,
    with_features: bool = True,
) -> list[Checked]:
    """Write one collection as one file or several, check what was written, and note its name."""
    parts = collections(declared, max_bytes)
    checked = []
    for number, (data, lote_ids) in enumerate(parts, start=1):
        name = f"{stem}.geojson" if len(parts) == 1 else f"{stem}_parte{number}.geojson"
        files[name] = work / name
        write_new(files[name], data)
        report = check_eudr(data, name, with_features=with_features)
        checked.append(Checked(name, report, lote_ids))
    return checked


def _sheets(tables: Tables) -> list[Sheet]:
    degrees = dict.fromkeys(("centroide_lon", "centroide_lat"), _DEGREES)
    land = "Tierra: cada lote cuenta una vez, aunque tenga dos siembras."
    sown = "Sembrado: un lote con dos siembras cuenta dos veces."
    return [
        Sheet(
            name,
            rows,
            headers=establecimientos.HEADERS,
            formats={"superficie_ha": NUMBER_HA, **degrees},
            totals=("superficie_ha",),
            notes=(note, "CUIT y RENSPA son datos personales: no reenviar sin necesidad."),
        )
        for name, rows, note in (
            ("Lotes", establecimientos.lotes_table(tables), land),
            ("Siembras", establecimientos.siembras_table(tables), sown),
        )
    ]
