"""Machine files: read by others as we wrote them, within the schemas, names a menu can show."""

from __future__ import annotations

import random
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

import geopandas as gpd
import isoxml.models.base.v4 as iso4
import pytest
import shapely
from isoxml.util.isoxml_io import isoxml_from_text

from Modules.formats.isoxml import contours, element
from Modules.night.tables import Tables
from Modules.products.maquinas.product import build_maquinas
from Modules.products.source import Fuente
from Modules.store.numeros import CAMPO, EMPRESA, LOTE, Numeros
from Modules.words.columns import CAMPOS
from Modules.words.domain import Recurso
from Modules.words.errors import DataError
from Modules.words.names import check_names, name_key
from tests.fuentes import campo, fuente_of, lote
from tests.products.maquinas import leido
from tests.robustness.machine_files import losses, night

PAGE = Path(__file__).resolve().parents[3] / "docs" / "productos.md"
KINDS = ("isoxml_v4", "isoxml_v3", "lotes_shp", "ambientes_shp", "lotes_kml")
STAMP = "2025-11-19T12:00:00-03:00"
Built = Mapping[str, Path]


@pytest.fixture(scope="module")
def built(demo_fuente: Fuente, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_maquinas(demo_fuente, tmp_path_factory.mktemp("maquinas"))


def of(built: Built, kind: str, empresa: str = "") -> Path:
    (found,) = (
        path for name, path in built.items() if empresa in name and name.endswith(f" - {kind}.zip")
    )
    return found


def ambiente(at: str, lote_at: int, nombre: str, shape: Any) -> dict[str, Any]:
    base = {"id": at, "lote_id": f"L{lote_at}", "nombre": nombre, "campania": "25/26"}
    return {**base, "updated_at": STAMP, "geometry": shapely.geometry.mapping(shape)}


def named(names: Sequence[str], *, campos: Sequence[str] = ("Uno",), work: Path) -> Built:
    """One company; each name is a lote of every campo."""
    items = {
        Recurso.CAMPOS: [campo(at, name, empresa="Peña") for at, name in enumerate(campos)],
        Recurso.LOTES: [
            lote(at * len(names) + n, name, campo_at=at)
            for at in range(len(campos))
            for n, name in enumerate(names)
        ],
    }
    return build_maquinas(fuente_of(items), work)


def test_each_company_has_its_files_and_all_lotes_are_in_them_once(
    built: Built, demo_fuente: Fuente
) -> None:
    empresas = {name.split(" - ")[1] for name in built}
    assert empresas == {"Empresa Ejemplo S.A", "Agro Ñandú S.R.L", "La Demo & Cía"}
    assert list(built) == [
        f"maquinas_25-26 - {one} - {kind}.zip" for one in sorted(empresas) for kind in KINDS
    ]
    check_names(f"maquinas/{name}" for name in built)
    lotes = demo_fuente.tables.lotes
    numbers = demo_fuente.numeros.of(LOTE, lotes["lote_id"]).tolist()
    area = dict(zip((f"PFD{n}" for n in numbers), lotes["superficie_ha"], strict=True))
    ids = dict(zip((f"PFD{n}" for n in numbers), lotes["lote_id"], strict=True))
    for kind in KINDS[:2]:
        found = [one for name in empresas for one in leido.parsed(of(built, kind, name))]
        sown = {one.get("A"): one for one in found if one.tag == "PFD"}
        assert len([one for one in found if one.tag == "PFD"]) == len(lotes)
        assert {key: one.get("B") for key, one in sown.items()} == ids
        assert all(abs(int(one.get("D")) - area[key] * 1e4) <= 0.5 for key, one in sown.items())
        zones = sum(len(one) for one in found if one.tag == "TSK")
        assert zones == len(demo_fuente.tables.ambientes)


def _entities(one: Any) -> Iterator[Any]:
    yield one
    for field in fields(one):
        value = getattr(one, field.name)
        for inner in value if isinstance(value, list) else ():
            yield from _entities(inner)


@pytest.mark.parametrize("kind", KINDS[:2])
def test_every_attribute_is_what_the_schema_asks_and_every_reference_leads_somewhere(
    built: Built, kind: str
) -> None:
    for path in (path for name, path in built.items() if kind in name):
        data = isoxml_from_text(leido.xml(path).decode("utf-8"))
        entities = list(_entities(data))
        assert all(is_dataclass(one) for one in entities)
        ids = {one.id for one in entities if getattr(one, "id", None)}
        assert len(ids) == sum(1 for one in entities if getattr(one, "id", None))
        written = Counter(one.tag for one in leido.parsed(path).iter())
        assert sum(written.values()) == len(entities)  # nothing that the models do not know
        for one in entities:
            if isinstance(one, iso4.Point) or type(one).__name__ == "Point":
                continue  # millions; test_geometry… reads them
            for field in fields(one):
                value, rule = getattr(one, field.name), field.metadata
                if value is None or isinstance(value, list):
                    assert value or not rule.get("required"), (one, field.name)
                    continue
                text = str(value.value if isinstance(value, Enum) else value)
                assert rule.get("min_length", 0) <= len(text) <= rule.get("max_length", 99)
                assert re.fullmatch(rule.get("pattern", ".*"), text), (one, field.name)
                if "max_inclusive" in rule:
                    assert rule["min_inclusive"] <= value <= rule["max_inclusive"]
                if field.name.endswith("_id_ref"):
                    assert value in ids


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Counter[str]:
    return losses(night(90, seed=3), tmp_path_factory.mktemp("generated"))


def test_generated_lotes_are_read_back_with_every_part_hole_and_axis(found: Counter[str]) -> None:
    lost = {name: n for name, n in found.items() if n and not name.endswith(" sound")}
    assert not lost
    readers = ("pypi isoxml_v4", "pypi isoxml_v3", "GDAL lotes_shp", "GDAL lotes_kml")
    assert all(found[f"{reader} sound"] >= 90 for reader in readers)
    assert found["pypi isoxml_v4 sound"] == 90 + found["GDAL ambientes_shp sound"] > 120


def test_npm_reads_them_too(found: Counter[str]) -> None:
    if why := leido.npm_missing():
        pytest.skip(why)
    for version in (3, 4):
        name = f"isoxml_v{version} sound"
        assert found[f"npm {name}"] == found[f"pypi {name}"]


def test_a_swapped_axis_a_hole_and_a_part_would_be_noticed() -> None:
    square = shapely.box(-62, -35, -61, -34)
    holed = square - shapely.box(-61.6, -34.6, -61.4, -34.4)
    two = shapely.MultiPolygon([holed, shapely.box(-60, -35, -59, -34)])
    assert leido.lost(two, two) == ""
    assert leido.lost(two, shapely.transform(two, lambda xy: xy[:, ::-1])) == "axes"
    assert leido.lost(holed, square) == "holes"
    assert leido.lost(two, holed) == "parts"


def test_a_lote_of_two_parts_is_two_polygons_in_version_4_and_one_in_version_3(
    tmp_path: Path,
) -> None:
    holed = shapely.box(-62, -35, -61.9, -34.9) - shapely.box(-61.96, -34.96, -61.94, -34.94)
    two = shapely.MultiPolygon([holed, shapely.box(-61.8, -35, -61.7, -34.9)])
    items = {
        Recurso.CAMPOS: [campo(0, "Uno")],
        Recurso.LOTES: [lote(0, "7", campo_at=0, shape=two)],
    }
    built = build_maquinas(fuente_of(items), tmp_path)
    types = {
        kind: [[ring.get("A") for ring in one] for one in leido.parsed(of(built, kind)).iter("PLN")]
        for kind in KINDS[:2]
    }
    assert types == {"isoxml_v4": [["1", "2"], ["1"]], "isoxml_v3": [["1", "2", "1"]]}
    (first, *_) = leido.parsed(of(built, "isoxml_v4")).iter("PNT")
    assert (float(first.get("C")), float(first.get("D"))) == (-35.0, -62.0)  # north, east
    assert re.fullmatch(r"-35\.\d{9}", first.get("C"))
    assert leido.parsed(of(built, "isoxml_v4")).find("CTR").get("B") == "Sin empresa"
    assert " - ambientes_shp.zip" not in "".join(built)


def test_names_are_short_distinct_and_ascii_where_machines_need_it(tmp_path: Path) -> None:
    names = ["Ñandú" + "x" * 195, "Ñandú" + "x" * 194 + "y", "Año", "Ano", "مزرعة الأمل", "7", "🌱"]
    built = named(names, campos=["El Cañadón " + "largo " * 30, "العربية"], work=tmp_path)
    for kind in KINDS[:2]:
        root = leido.parsed(of(built, kind))
        for farm in root.iter("FRM"):
            own = [one.get("C") for one in root.iter("PFD") if one.get("F") == farm.get("A")]
            assert len({name_key(name) for name in own}) == len(names)
            assert max(map(len, own)) <= 32
        shown = [
            one.get(key) for one in root for key in ("B", "C") if one.tag != "PFD" or key == "C"
        ]
        assert all((one or "").isascii() for one in shown) == (kind == "isoxml_v3")
    modern, plain = (leido.parsed(of(built, kind)) for kind in KINDS[:2])
    assert {"مزرعة الأمل", "lote 7", "7"} <= {one.get("C") for one in modern.iter("PFD")}
    first = [one.get("C") for one in plain.iter("PFD")][:7]
    assert first[0] == "7"
    assert {"Ano (L2)", "Ano (L3)", "lote 6", "lote 7"} <= set(first)
    assert sorted(one.get("B") for one in plain.iter("FRM")) == [
        "El Canadon largo largo largo lar", "campo 2",
    ]  # fmt: skip
    rows = gpd.read_file(of(built, "lotes_shp"))
    assert set(rows["Field"]) == {one.get("C") for one in plain.iter("PFD")}
    assert set(rows["Client"]) == {"Pena"}


def test_tasks_are_called_by_campo_and_lote_and_zones_by_their_potential(built: Built) -> None:
    root = leido.parsed(of(built, "isoxml_v4", "Ñandú"))
    tasks = [one.get("B") for one in root.iter("TSK")]
    assert len({name_key(one) for one in tasks}) == len(tasks) > 20
    assert "El Cañadón - 1" in tasks
    colours = {"alto": "2", "medio": "14", "bajo": "12"}  # green, yellow, red
    zones = [(one.get("B").split(" - ")[-1], one.get("C")) for one in root.iter("TZN")]
    assert {colours.get(potencial): colour for potencial, colour in zones if colour} == {
        one: one for one in colours.values()
    }
    assert "Media loma - alto" in {one.get("B") for one in root.iter("TZN")}
    assert not list(root.iter("PDV"))  # whoever prescribes gives the dose


def test_numbers_stay_when_lotes_and_zones_come_and_go(tmp_path: Path) -> None:
    def items(lotes: Sequence[int], zones: Sequence[int]) -> dict[Recurso, list[dict[str, Any]]]:
        west = shapely.box(-66, -38, -65.999, -37.99)
        return {
            Recurso.CAMPOS: [campo(1, "Uno", empresa="A"), campo(2, "Dos", empresa="B")],
            Recurso.LOTES: [lote(at, f"Lote {at}", campo_at=1 + at % 2) for at in lotes],
            Recurso.AMBIENTES: [
                ambiente(f"A{n}", 0, f"Zona {n}", shapely.affinity.translate(west, n * 0.001))
                for n in zones
            ],
        }

    seen: list[dict[str, str]] = []
    kept = Numeros()
    for night_at, (lotes, zones) in enumerate((((3, 0, 5), (1, 2)), ((0, 1, 2, 5), (0, 2, 3)))):
        kept = Numeros.from_bytes(kept.to_bytes(), "")
        work = tmp_path / str(night_at)
        work.mkdir()
        built = build_maquinas(replace(fuente_of(items(lotes, zones)), numeros=kept), work)
        read = [leido.parsed(path) for name, path in built.items() if "isoxml_v4" in name]
        names = {one.get("C"): one.get("A") for root in read for one in root.iter("PFD")}
        names |= {one.get("B"): one.get("A") for root in read for one in root.iter("CTR", "FRM")}
        names |= {
            one.get("B"): f"{one.getparent().get('A')}/{one.get('A')}"
            for root in read
            for one in root.iter("TZN")
        }
        seen.append(names)
    first, second = seen
    both = first.keys() & second.keys()
    assert both == {"Lote 0", "Lote 5", "A", "B", "Uno", "Dos", "Zona 2"}
    assert all(first[name] == second[name] for name in both)
    assert len(set(second.values())) == len(second)
    assert second["Zona 0"].split("/")[1] == "3"  # its place, not that of the zone that is gone


def test_a_lote_with_more_zones_than_a_task_takes_has_a_second_task(tmp_path: Path) -> None:
    zones = [
        ambiente(f"A{n}", 0, "Loma", shapely.box(-66 + n * 1e-5, -38, -66 + (n + 1) * 1e-5, -37.99))
        for n in range(300)
    ]
    items = {
        Recurso.CAMPOS: [campo(0, "Uno")],
        Recurso.LOTES: [lote(0, "7", campo_at=0)],
        Recurso.AMBIENTES: zones,
    }
    built = build_maquinas(fuente_of(items), tmp_path)
    for kind in KINDS[:2]:
        tasks = list(leido.parsed(of(built, kind)).iter("TSK"))
        codes = [sorted(int(zone.get("A")) for zone in task) for task in tasks]
        assert codes == [[*range(1, 255)], [*range(1, 47)]]
        assert [task.get("A") for task in tasks] == ["TSK1", "TSK10000001"]
        assert len({task.get("B") for task in tasks}) == 2
        zones_by_name = [zone.get("B") for task in tasks for zone in task]
        assert len(set(zones_by_name)) == 300
    assert len(gpd.read_file(of(built, "ambientes_shp"))) == 300


def test_tiny_and_huge_lotes_and_a_campo_without_any(tmp_path: Path) -> None:
    tiny = shapely.box(-62, -35, -62 + 2e-5, -35 + 1.5e-5)
    huge = shapely.box(-64, -36, -63.8, -35.85)
    items = {
        Recurso.CAMPOS: [campo(0, "Uno"), campo(1, "Vacío", empresa="Nadie")],
        Recurso.LOTES: [
            lote(at, str(at), campo_at=0, shape=one) for at, one in enumerate((tiny, huge))
        ],
    }
    built = build_maquinas(fuente_of(items), tmp_path)
    root = leido.parsed(of(built, "isoxml_v4"))
    assert [one.get("D") for one in root.iter("PFD")] == ["3", "300414251"]
    assert [one.get("B") for one in root.iter("FRM")] == ["Uno"]
    empty = {Recurso.CAMPOS: [campo(1, "Vacío", empresa="Nadie")]}
    assert build_maquinas(fuente_of(empty), tmp_path) == {}


def test_one_company_written_in_two_ways_is_one_client(tmp_path: Path) -> None:
    names = ("Agro Ñandú", "AGRO  NANDU", None)
    items = {
        Recurso.CAMPOS: [campo(at, f"Campo {at}", empresa=one) for at, one in enumerate(names)],
        Recurso.LOTES: [lote(at, str(at), campo_at=at) for at in range(3)],
    }
    fuente = fuente_of(items)
    built = build_maquinas(fuente, tmp_path)
    assert {name.split(" - ")[1] for name in built} == {"AGRO NANDU", "Sin empresa"}
    assert len(list(leido.parsed(of(built, "isoxml_v4", "AGRO")).iter("PFD"))) == 2
    assert fuente.numeros.of(EMPRESA, ["", "agro nandu"]).tolist() == [1, 2]
    assert sorted(fuente.numeros.of(CAMPO, ["C0", "C1", "C2"]).tolist()) == [1, 2, 3]


def test_the_same_night_gives_the_same_bytes_whatever_the_order_of_rows(
    built: Built, demo_fuente: Fuente, tmp_path: Path
) -> None:
    turned = {name: one.sample(frac=1, random_state=random.randrange(99))
              for name, one in demo_fuente.tables.as_dict().items()}  # fmt: skip
    again = build_maquinas(replace(demo_fuente, tables=Tables(**turned)), tmp_path)
    assert list(again) == list(built)
    assert all(again[name].read_bytes() == path.read_bytes() for name, path in built.items())


def test_shapefiles_lie_flat_say_their_encoding_and_are_as_documented(
    built: Built, demo_fuente: Fuente
) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for layer in ("lotes", "ambientes"):
        path = of(built, f"{layer}_shp", "Ejemplo")
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            assert names == [f"{layer}_25-26.{end}" for end in ("shp", "shx", "dbf", "prj", "cpg")]
            assert archive.read(f"{layer}_25-26.cpg").strip() == b"UTF-8"
        rows = gpd.read_file(path)
        texts = rows.drop(columns="geometry").astype("string").to_numpy().ravel()
        assert all(one.isascii() and len(one) <= 40 for one in texts)
        section = page.split(f"### Columnas de `{layer}_shp.zip`")[1].split("\n#")[0]
        assert re.findall(r"^\| `(\w+)`", section, re.MULTILINE) == list(rows.columns[:-1])
        assert rows.crs.to_epsg() == 4326
        table = getattr(demo_fuente.tables, layer).set_index(f"{layer[:-1]}_id")
        key = "lote_id" if layer == "lotes" else "amb_id"
        for one in rows.itertuples():
            assert abs(one.Area_ha - table.at[getattr(one, key), "superficie_ha"]) < 1e-4
    with zipfile.ZipFile(of(built, "lotes_kml", "Ejemplo")) as archive:
        assert "San José (1003)/1B.kml" in archive.namelist()


def test_nothing_of_the_owner_but_the_company_is_in_them(built: Built, demo_fuente: Fuente) -> None:
    campos = demo_fuente.tables.campos
    secret = {one for name in ("cuit", "renspa") for one in campos[name].dropna()}
    assert secret
    assert {"cuit", "renspa"} == {
        one.name for one in CAMPOS.columns if "personal" in one.description
    }
    for path in built.values():
        with zipfile.ZipFile(path) as archive:
            data = b"".join(archive.read(name) for name in archive.namelist())
        assert not [one for one in secret if one.encode() in data]


@pytest.mark.parametrize(
    ("tag", "given"),
    [
        ("CTR", {"A": 1}),
        ("CTR", {"A": 0, "B": "x"}),
        ("CTR", {"A": 10**11, "B": "x"}),
        ("CTR", {"A": 1, "B": ""}),
        ("CTR", {"A": 1, "B": "x" * 33}),
        ("CTR", {"A": 1, "B": "x", "Z": 1}),
        ("FRM", {"A": "FRM1", "B": "x"}),
        ("PFD", {"A": 1, "C": "x", "D": -1}),
        ("PFD", {"A": 1, "C": "x", "D": 4_294_967_295}),
        ("TSK", {"A": 1, "G": 5}),
        ("TZN", {"A": 255}),
    ],
)
def test_what_the_schemas_refuse_cannot_be_written(tag: str, given: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=tag):
        element(tag, **given)


def test_attributes_are_in_order_and_escaped() -> None:
    text = element("FRM", I=2, A=1, B='<"Peña" & Hijos>')
    assert text == '<FRM A="FRM1" B=\'&lt;"Peña" &amp; Hijos&gt;\' I="CTR2"/>'


@pytest.mark.parametrize(
    "shape",
    [
        shapely.LineString([(0, 0), (1, 1)]),
        shapely.Polygon(),
        shapely.MultiPolygon(),
        shapely.GeometryCollection([shapely.box(0, 0, 1, 1), shapely.Point(0, 0)]),
        shapely.box(0, 0, 1, 91),
        shapely.box(-181, 0, 1, 1),
    ],
)
def test_what_is_no_polygon_on_the_earth_is_refused_before_it_is_lost(shape: Any) -> None:
    with pytest.raises(DataError):
        contours([shapely.box(0, 0, 1, 1), shape])
