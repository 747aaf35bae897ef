"""``sustentabilidad/``: EUDR geolocation, its control, fiboa, and who farms what.

The EUDR files hold the lotes with a siembra of a crop that the regulation covers: soja, under
whatever name and whatever its state ("perdido" too: to declare a plot more is allowed, to miss one
is not). Of the other commodities a lote that seems to grow one is an error of the control.
CUIT and RENSPA are in ``establecimientos`` and nowhere else.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

import pandas as pd
from shapely.geometry.base import BaseGeometry

from Modules.disk.safe_files import make_folder, write_new
from Modules.formats.sheets import NUMBER_HA, Sheet, csv_bytes, xlsx_bytes
from Modules.night.tables import Tables
from Modules.products.eudr.alcance import SOJA, commodity
from Modules.products.eudr.check import check_eudr
from Modules.products.eudr.control import HEADERS, Checked, control_table
from Modules.products.eudr.declare import MAX_FILE_BYTES, Declared, Plot, collections, declare
from Modules.products.eudr.paises import countries_of
from Modules.products.source import Fuente
from Modules.products.sustentabilidad import establecimientos
from Modules.products.sustentabilidad.fiboa import write_code_list, write_fiboa
from Modules.words.cultivos import CATALOGUE, OTRO
from Modules.words.names import name_key, names_with_ids, safe_name, unique_names
from Modules.words.spanish import count, short
from Modules.words.text import clean_text

ESPECIES_EUDR: Final = frozenset({SOJA})
PAIS: Final = "AR"  # of the company; another country is said
SIN_EMPRESA: Final = "sin empresa"
_MAX_NAMED: Final = 5  # crops or lotes, in a notice; the control has all
_MAX_EMPRESA: Final = 60  # characters in a file's name
_LIKE_A_PART: Final = re.compile(r"(.*_)?parte\d+")
_DEGREES: Final = "0.000000"


def build_sustentabilidad(
    fuente: Fuente,
    work: Path,
    *,
    paises: Mapping[str, str] = MappingProxyType({}),
    puntos: bool = False,
    max_bytes: int = MAX_FILE_BYTES,
) -> tuple[dict[str, Path], tuple[str, ...]]:
    """Write every file of the folder below ``work``.

    Args:
        paises: the country (ISO 3166-1 alpha-2) of campos or lotes by id, where a person says it;
            of the others that on whose land they lie.
        puntos: declare plots under 4 ha as a point.
        max_bytes: largest EUDR file.

    Returns:
        Name in the published folder to file; and what people should know.

    Raises:
        DataError: a table is larger than a spreadsheet takes.
        PublishError: a file exists, or the disk refused.
    """
    make_folder(work)
    slug = fuente.campania.slug
    files, avisos = _eudr(fuente, work, paises, points=puntos, max_bytes=max_bytes)
    codes = f"fiboa_{slug}_cultivos.csv"
    files |= {name: work / name for name in (f"fiboa_{slug}.parquet", codes)}
    write_fiboa(fuente.tables, fuente.campania, files[f"fiboa_{slug}.parquet"], code_list=codes)
    write_code_list(fuente.tables, files[codes])
    book = f"establecimientos_{slug}.xlsx"
    files[book] = work / book
    write_new(files[book], xlsx_bytes(_sheets(fuente.tables), fuente.snapshot_id.utc))
    return files, avisos


def _eudr(
    fuente: Fuente, work: Path, paises: Mapping[str, str], *, points: bool, max_bytes: int
) -> tuple[dict[str, Path], tuple[str, ...]]:
    tables, slug = fuente.tables, fuente.campania.slug
    codes = eudr_codes(tables)
    covered = _covered_by_name(tables, codes)
    lotes = _lotes(tables)
    plots = _plots(tables, lotes, codes, covered, paises)
    declared = declare(plots, points=points)
    files: dict[str, Path] = {}
    whole = _write(declared, f"eudr_{slug}", work, files, max_bytes)
    others: list[Checked] = []
    of_empresa: dict[str, list[Declared]] = {}
    for one in declared:
        of_empresa.setdefault(one.plot.producer, []).append(one)
    labels = empresa_labels(of_empresa)
    for empresa, own in sorted(of_empresa.items()):
        stem = f"eudr_{slug}_{labels[empresa]}"
        others.extend(_write(own, stem, work, files, max_bytes, with_features=False))
    name = f"eudr_control_{slug}.csv"
    files[name] = work / name
    otros = _other_commodities(tables, covered)
    control = control_table(lotes, declared, whole, others, otros)
    write_new(files[name], csv_bytes(control, HEADERS))
    return files, tuple(_avisos(plots, covered, otros))


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


def _covered_by_name(tables: Tables, codes: frozenset[str]) -> dict[str, str]:
    """The crops that the regulation covers by the words of their name, and the commodity of each.

    Those that the catalogue knows are not asked: it says what they are.
    """
    of_portal = dict(
        zip(tables.cultivos["cultivo_codigo"], tables.cultivos["especie"], strict=True)
    )
    names = tables.siembras[["cultivo_codigo", "cultivo"]].drop_duplicates()
    found = {}
    for code, name in names.itertuples(index=False, name=None):
        known = code in codes or (code in CATALOGUE and code != OTRO)
        especie = of_portal.get(code)
        what = None if known else commodity(name, especie if isinstance(especie, str) else None)
        if what is not None:
            found[str(name)] = what
    return dict(sorted(found.items()))


def _plots(
    tables: Tables,
    lotes: pd.DataFrame,
    codes: frozenset[str],
    covered: Mapping[str, str],
    paises: Mapping[str, str],
) -> list[Plot]:
    """The lotes to declare, each with what a person has to look at."""
    named = {name for name, what in covered.items() if what in ESPECIES_EUDR}
    siembras = tables.siembras
    by_name = siembras[siembras["cultivo"].isin(named)]
    own = by_name.groupby("lote_id")["cultivo"].agg(lambda names: tuple(sorted(set(names))))
    sown = {*siembras.loc[siembras["cultivo_codigo"].isin(codes), "lote_id"], *own.index}
    shapes = dict(zip(tables.lotes["lote_id"], tables.lotes.geometry, strict=True))
    home = dict(zip(tables.lotes["lote_id"], tables.lotes["campo_id"], strict=True))
    every = zip(tables.lotes["lote_id"], tables.lotes["campo"], tables.lotes["lote"], strict=True)
    places = names_with_ids({lote_id: f"{campo} - {lote}" for lote_id, campo, lote in every})
    plots = []
    for row in lotes[lotes["lote_id"].isin(sown)].itertuples():
        said = paises.get(row.lote_id) or paises.get(home[row.lote_id])
        country, duda = (said, "") if said else _country(shapes[row.lote_id], home[row.lote_id])
        shape, names = shapes[row.lote_id], own.get(row.lote_id, ())
        place = places[row.lote_id]
        plots.append(Plot(row.lote_id, row.empresa, country, place, shape, names, duda))
    return plots


def _country(shape: BaseGeometry, campo_id: str) -> tuple[str, str]:
    """The country of a lote, and why that is a doubt, if it is one."""
    near = countries_of(shape)
    if len(near) == 1:
        return near[0], ""
    guess = near[0] if near else PAIS
    say = f"decirlo con LINDERO_EUDR_PAISES={campo_id}={guess} (id de campo o lote)"
    if not near:
        return guess, f"no cae en ningún país conocido; {say}"
    return guess, f"en la frontera: puede ser {' o '.join(near)}; {say}"


def _other_commodities(tables: Tables, covered: Mapping[str, str]) -> dict[str, str]:
    """By lote_id, the crops of commodities that are not declared here."""
    rows: dict[str, list[str]] = {}
    for lote_id, name in zip(tables.siembras["lote_id"], tables.siembras["cultivo"], strict=True):
        if (what := covered.get(name)) is not None and what not in ESPECIES_EUDR:
            rows.setdefault(lote_id, []).append(f"«{name}» es {what}")
    return {lote_id: "; ".join(dict.fromkeys(said)) for lote_id, said in rows.items()}


def _avisos(
    plots: Sequence[Plot], covered: Mapping[str, str], otros: Mapping[str, str]
) -> Iterator[str]:
    """What the summary of the night says of the declaration."""
    if covered:
        names = [f"{name} ({what})" for name, what in covered.items()]
        other = f"; de otro producto, sin declarar: {count(len(otros), 'lote', 'lotes')}"
        yield (
            "EUDR: cultivos que la norma alcanza y el catálogo no conoce, por eso grises en el "
            f"mapa: {short(names, _MAX_NAMED)}. La soja se declara por su nombre"
            f"{other if otros else ''}."
        )
    if doubts := [f"{plot.place} ({plot.duda})" for plot in plots if plot.duda]:
        yield f"EUDR: no se sabe en qué país están {len(doubts)}: {short(doubts, _MAX_NAMED)}"
    away = Counter(plot.country for plot in plots if plot.country != PAIS and not plot.duda)
    if away:
        said = ", ".join(f"{count(n, 'lote', 'lotes')} en {code}" for code, n in away.items())
        yield f"EUDR: se declaran fuera de {PAIS}: {said}"


def empresa_labels(empresas: Iterable[str]) -> dict[str, str]:
    """What each empresa is called in the name of its file; no two fall together.

    An empresa has no id in the tables but its CUIT, which must not be in a name: where two names
    fall together, both carry a hash of the name. One called "parte1" must not look like a part.
    """
    texts = {empresa: empresa or SIN_EMPRESA for empresa in empresas}
    keys = {key: name_key(safe_name(text, _MAX_EMPRESA)) for key, text in texts.items()}
    parts = {key for key, name in keys.items() if _LIKE_A_PART.fullmatch(name)}
    texts |= {key: f"empresa {texts[key]}" for key in parts}
    marks = {key: hashlib.sha256(key.encode()).hexdigest()[:8] for key in texts}
    names = unique_names({marks[key]: text for key, text in texts.items()}, _MAX_EMPRESA)
    return {key: names[mark] for key, mark in marks.items()}


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
