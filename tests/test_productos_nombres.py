"""Hostile, generated and real names through all products: every file opens, none lies elsewhere."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely
from pypdfium2 import PdfDocument

from Modules.night.tables import Tables
from Modules.products.atlas.product import build_atlas
from Modules.products.cultivos.sown import MAX_DESCONOCIDOS
from Modules.words.domain import Recurso
from Modules.words.text import clean_text
from tests.fuentes import campo, fuente_of, lote
from tests.productos_hechos import assert_sound, flat, made, settings_below

STAMP = "2025-11-19T12:00:00-03:00"

# --- names ---------------------------------------------------------------------------------------

HOSTILE = (
    *("=1+1", "+1", "-1", "@x", "\t=1", "\x00=cmd", "\r\n=1", "＝1+1"),
    *("CON", "nul", "COM1", "lpt¹", "aux.gpkg", "desktop.ini", ".lock", ".lindero.json", "~$a"),
    *("../../x", "..", ".", "/etc/passwd", "C:\\x", "\\\\server\\share", "a/b", "a:b", "x.", "x "),
    *('"', "'; DROP TABLE lotes; --", "a,b;c\nd", "%s{0}", "$[name]", "$HOME", "`id`", "1e5"),
    *("<![CDATA[", "]]>", "<b>&amp;", "&#0;", "_x0041_", "\u202ex", "\u200b", "\ufeffx", "\x1b["),
    *("Ñandú", "ÑANDÚ", "Nandu", "nandu\u0301", "ñandu\u0301", "ﬁn", "FIN", "straße", "STRASSE"),
    *("😀" * 40, "x" * 200, "Ω" * 150, "a_vti_b", "x.tmp", "大豆", "العربية"),
    *("gpkg_x", "layer_styles", "sin cultivo", "cultivos_25-26", "parte1", "eudr_24-25_x", "NULL"),
    *("x;y", "¡Oh!", "100 %", "#1", "{x}"),
)  # fmt: skip


def generated(count: int) -> list[str]:
    """Names out of pieces that hurt, the same every time."""
    rng = random.Random(11)
    pieces = [*"aAáñÑ0 ./\\:*?\"<>|=+-@'\t\x00\x07\u200b\u202e\u0301%$&;😀大\ue000", *HOSTILE[:30]]
    return ["".join(rng.choices(pieces, k=rng.randint(1, 9))) for _ in range(count)]


def night_of(names: Sequence[str], crops: Sequence[str], *, full: int = 10**6) -> Tables:
    """Each name is a campo, its empresa, a lote and a crop at once.

    The first ``full`` lotes have soja too, so that there is an EUDR file of each, and two
    ambientes of that name, in one of them a mark.
    """
    items: dict[Recurso, list[dict[str, Any]]] = {
        recurso: [] for recurso in (Recurso.CAMPOS, Recurso.LOTES)
    }
    ambientes, marks = [], []
    for at, name in enumerate(names):
        lon, lat = -66 + at % 100 * 0.05, -38 + at // 100 * 0.05
        crop = clean_text(crops[at % len(crops)]) or "Trigo"  # one without a crop is rejected
        crops_here = [crop, "Soja 2da"] if at < full else [crop]
        items[Recurso.CAMPOS].append(
            campo(at, name, empresa=name, cuit=f"30-{at:08d}-0", renspa=f"01.{at:05d}")
        )
        items[Recurso.LOTES].append(lote(at, name, campo_at=at, cultivos=crops_here))
        if at >= full:
            continue
        for half in (0, 1):
            west = lon + half * 0.005
            ambientes.append(
                {
                    "id": f"A{at}-{half}",
                    "lote_id": f"L{at}",
                    "nombre": name,
                    "campania": "25/26",
                    "updated_at": STAMP,
                    "geometry": shapely.geometry.mapping(
                        shapely.box(west, lat, west + 0.005, lat + 0.01)
                    ),
                }
            )
        marks.append(
            {
                "id": f"M{at}",
                "lote_id": f"L{at}",
                "tipo": "muestreo",
                "nombre": name,
                "campania": "25/26",
                "updated_at": STAMP,
                "observacion": name,
                "geometry": {"type": "Point", "coordinates": [lon + 0.002, lat + 0.002]},
            }
        )
    return fuente_of({**items, Recurso.AMBIENTES: ambientes, Recurso.MARCADORES: marks}).tables


def check_names_through_all(
    names: Sequence[str], crops: Sequence[str], folder: Path, *, but: str = "", **options: int
) -> Mapping[str, Any]:
    tables = night_of(names, crops, **options)
    outputs = made(settings_below(folder), tables, but)
    assert_sound(outputs, tables, folder, but)
    files = list((outputs / "sustentabilidad").glob("eudr_25-26_*.geojson"))
    return {"outputs": outputs, "tables": tables, "eudr": files}


def check_marks_in_the_atlas(names: Sequence[str], folder: Path) -> None:
    """A sheet a campo of hundreds takes a minute: here they are marks of one, read back by PDFium.

    The sixty-eight hostile ones are campos of an atlas, with a file of that name.
    """
    base = {"lote_id": "L0", "campania": "25/26", "updated_at": STAMP, "tipo": "maleza"}
    marks = [
        {**base, "id": f"M{at}", "nombre": name}
        | {"geometry": {"type": "Point", "coordinates": [-66 + at * 1e-5, -38 + at % 90 * 1e-4]}}
        for at, name in enumerate(names)
    ]
    items = {Recurso.CAMPOS: [campo(0, "C")], Recurso.LOTES: [lote(0, "L", campo_at=0)]}
    made = build_atlas(fuente_of({**items, Recurso.MARCADORES: marks}), folder).carpetas["atlas"]
    with closing(PdfDocument(made["atlas_25-26 - C.pdf"])) as paper:
        text = "".join(page.get_textpage().get_text_bounded() for page in paper)
    read = "".join(text.split())
    words = ["".join(clean_text(name).split()) for name in names]
    latin = [word for word in words if word.isascii() and len(word) < 20]
    assert len(latin) > len(names) / 4
    assert not [word for word in latin if word not in read]


def test_sixty_eight_hostile_names_through_all_products_each_crop_with_a_layer(
    tmp_path: Path,
) -> None:
    assert len(set(HOSTILE)) >= 68
    found = check_names_through_all(HOSTILE, HOSTILE[:MAX_DESCONOCIDOS], tmp_path)
    empresas = {clean_text(name) for name in HOSTILE} - {""}
    assert len(found["eudr"]) >= len(empresas)
    crops = found["tables"].siembras.drop_duplicates(["cultivo_codigo", "cultivo"])
    layers = pyogrio.list_layers(found["outputs"] / "cultivos/cultivos_25-26.gpkg")
    assert len(layers) == len(crops) + 3  # that of all, sin_cultivo, layer_styles


def test_geopandas_opens_the_files_of_such_names_by_their_path(tmp_path: Path) -> None:
    found = check_names_through_all(["a;b", "a!b"], ["Soja 1ra"], tmp_path)
    assert [len(gpd.read_file(path)) for path in found["eudr"]] == [1, 1]


def test_hundreds_of_generated_names_through_all_products(tmp_path: Path) -> None:
    names = generated(300)
    check_names_through_all(names, names, tmp_path / "all", full=60, but="atlas")
    check_marks_in_the_atlas(names, tmp_path / "atlas")


@pytest.mark.integration
@pytest.mark.slow
def test_ten_thousand_generated_names_through_all_products(tmp_path: Path) -> None:
    """But for the atlas: a document a campo takes ten minutes, and fewer show the same."""
    names = generated(10_000)
    check_names_through_all(names, names, tmp_path, full=300, but="atlas")


@pytest.mark.shared
def test_the_big_list_of_naughty_strings_through_all_products(
    shared_data: Path, tmp_path: Path
) -> None:
    path = shared_data / "dirty" / "names" / "blns.json"
    names = json.loads(path.read_text(encoding="utf-8"))
    assert len(names) > 500
    check_names_through_all(names, names, tmp_path / "all", full=200, but="atlas")
    check_marks_in_the_atlas(names, tmp_path / "atlas")


@pytest.mark.shared
def test_real_names_that_differ_by_an_accent_or_a_blank(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "dirty" / "names" / "ar_names_pampas.csv"
    names = list(pd.read_csv(path, dtype=str, keep_default_na=False)["name"])
    twins = [name for name, count in _counted(names) if count > 1][:150]
    assert len(twins) > 20
    check_names_through_all(twins, ["Soja 1ra", "Trigo"], tmp_path)


def _counted(names: Iterable[str]) -> list[tuple[str, int]]:
    """Each name with how many of the others look the same to a file system."""
    distinct = sorted(set(names))
    count = pd.Series([flat(name.strip()) for name in distinct]).value_counts()
    return [(name, int(count[flat(name.strip())])) for name in distinct]
