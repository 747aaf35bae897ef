"""Cases from the field: small worlds after public reports, each with its right value.

They go the way of a night: mapped by the default profile, made tables, judged.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from Modules.diff.changes import diff_tables
from Modules.night.checks import judge
from Modules.night.figures import Nights, resumen
from Modules.night.tables import Built, Tables, build_tables
from Modules.night.verdict import Verdict
from Modules.portal.mapping import Mapper
from Modules.portal.profile import DEFAULT_PROFILE
from Modules.products.cultivos.sown import sown, sown_crops
from Modules.products.cultivos.workbook import summary_sheets
from Modules.products.source import Fuente
from Modules.words.domain import BoundingBox, Campania, Recurso, SnapshotId

SEASON = Campania(25, 26)
pytestmark = pytest.mark.shared


@pytest.fixture
def night(shared_data: Path) -> Any:
    """Makes the night of a case, with changes to its lists."""

    def make(case: str, **lists: list[dict[str, Any]]) -> tuple[Built, Verdict]:
        world = json.loads((shared_data / "cases" / f"{case}.json").read_text("utf-8")) | lists
        records = {
            recurso: Mapper(DEFAULT_PROFILE, recurso, SEASON, "25/26").records(
                world[recurso.value], 1, recurso.value
            )
            for recurso in Recurso
        }
        built = build_tables(records, campania=SEASON, encodings={}, bbox=BoundingBox())
        figures = resumen(built.tables, repairs=built.repairs)
        verdict = judge(Nights(built.tables, figures), built)
        return built, verdict

    return make


def fuente_of(tables: Tables) -> Fuente:
    first = SnapshotId(1, datetime(2026, 11, 20, 6, tzinfo=UTC))
    return Fuente(tables, SEASON, first, diff_tables(None, tables), ZoneInfo("America/Cordoba"))


def notes_of(verdict: Verdict, what: str) -> str:
    return "; ".join(next(check for check in verdict.checks if check.what == what).notes)


def test_04_what_is_deleted_is_refused_in_every_list(night: Any) -> None:
    built, _ = night("04-soft-deleted")
    refused = built.tables.rechazados
    assert set(refused["motivo"]) == {"borrado"}
    assert Counter(refused["recurso"]) == Counter(["ambientes", "marcadores", "siembras", "zonas"])
    assert list(built.tables.siembras["siembra_id"]) == ["s2-1"]
    assert not len(built.tables.ambientes) + len(built.tables.marcadores) + len(built.tables.zonas)


def test_05_a_date_that_cannot_be_deletes_nothing(night: Any) -> None:
    built, verdict = night("05-zero-date-deleted")
    assert len(built.tables.lotes) == len(built.tables.siembras) == 5
    assert built.tables.rechazados.empty
    assert verdict.accepted


def test_07_an_annulled_mark_is_annulled_however_it_is_written(night: Any) -> None:
    built, verdict = night("07-estado-anulado")
    assert set(built.tables.marcadores["estado"]) == {"anulado"}
    assert not built.valores_desconocidos
    assert not notes_of(verdict, "estados, tipos y potenciales conocidos")


def test_08_names_that_look_alike_carry_their_id(night: Any) -> None:
    built, _ = night("08-invisible-twins")
    fuente = fuente_of(built.tables)
    shown = [
        f"{name} ({key})" for key, name in built.tables.campos[["campo_id", "campo"]].to_numpy()
    ]
    assert len(shown) == 4
    assert fuente.tables.campos["campo"].tolist() == shown
    assert fuente.tables.lotes["campo"].tolist() == shown
    rows = sown(fuente.tables)
    for sheet in summary_sheets(fuente, rows, sown_crops(fuente.tables)):
        if "campo" in sheet.frame.columns and len(sheet.frame):
            assert sorted(sheet.frame["campo"]) == sorted(shown)
    assert {one.campo for one in resumen(built.tables).por_campo.values()} == set(shown)


def test_16_ground_that_lotes_share_is_told_and_counted_once(night: Any) -> None:
    built, verdict = night("16-same-plot-twice")
    one = float(built.tables.lotes["superficie_ha"].iloc[0])
    check = next(one for one in verdict.checks if one.what == "lotes que no se superponen")
    assert check.is_warning
    assert verdict.accepted
    assert check.figures["pares"] == 3
    assert check.figures["lotes_ha"] == pytest.approx(4 * one)
    assert check.figures["tierra_ha"] == pytest.approx(2.5 * one, rel=1e-6)
    assert check.notes[0].startswith("los lotes suman 327,")
    assert "la tierra es 205,0 ha" in check.notes[0]
    assert "Campo 1 / L1 y Campo 1 / L2: comparten 82,0 ha, el 100 % del menor" in check.notes
    fuente = fuente_of(built.tables)
    whole, campos, *_ = summary_sheets(fuente, sown(built.tables), sown_crops(built.tables))
    assert whole.frame["tierra_ha"].dropna().tolist() == pytest.approx(
        [2.5 * one, 2.5 * one, 0, 0], rel=1e-6
    )
    assert whole.frame["sembrada_ha"].dropna().tolist() == pytest.approx([4 * one])
    assert campos.frame["tierra_ha"].tolist() == pytest.approx([2.5 * one], rel=1e-6)


def test_17_a_mark_far_from_its_lote_is_told_with_how_far(night: Any) -> None:
    _, verdict = night("17-mark-far-away")
    (check,) = (one for one in verdict.checks if one.what == "marcadores en su lote")
    assert check.is_warning
    assert check.figures["lejos"] == 1
    assert check.figures["mas_lejos_m"] == pytest.approx(827_000, rel=0.02)
    assert check.notes[0].startswith("Campo 1 / L1: M1 (1) a 8")
    assert check.notes[0].endswith(" km de él")


def test_18_a_collection_of_one_polygon_is_the_polygon(night: Any) -> None:
    built, verdict = night("18-geometrycollection")
    assert len(built.tables.lotes) == 8
    assert set(built.tables.lotes.geom_type) == {"Polygon"}
    assert not built.repairs
    assert verdict.accepted


def test_19_an_empty_part_goes_and_the_rest_is_noted_as_repaired(night: Any) -> None:
    built, verdict = night("19-empty-part")
    assert len(built.tables.lotes) == 8
    areas = built.tables.lotes["superficie_ha"]
    assert areas.iloc[0] == pytest.approx(areas.iloc[1], rel=1e-6)
    (repair,) = built.repairs
    assert (repair.id, repair.area_before_ha) == ("1", repair.area_after_ha)
    assert "sin coordenadas" in notes_of(verdict, "geometrías reparadas")


def test_values_of_the_neighbours_of_these_cases(night: Any) -> None:
    """An id of another type, impossible days, an unknown estado, an ambiente elsewhere."""
    world = {"type": "Polygon", "coordinates": [[[-61.98, -34], [-61.97, -34], [-61.97, -33.992],
                                                 [-61.98, -33.992], [-61.98, -34]]]}  # fmt: skip

    def lote(id_: Any, **siembra: Any) -> dict[str, Any]:
        sown = [{"id": f"s{id_}", "orden": 1, "cultivo": {"codigo": "SOJ1"}, **siembra}]
        return {"id": id_, "campo_id": "1", "nombre": f"L{id_}", "campania": "25/26",
                "siembras": sown, "geometry": world}  # fmt: skip

    days = [
        {"fecha_siembra": "2025-11-20T01:30:00Z", "fecha_cosecha": "1899-12-30"},
        {"fecha_siembra": "2025-11-19T22:30:00-03:00", "fecha_cosecha": "0000-00-00"},
        {"fecha_siembra": "2025-11-19", "fecha_cosecha": "9999-12-31T00:00:00Z"},
        {"fecha_siembra": "2025-11-19T00:00:00Z", "fecha_cosecha": "2031-04-01"},
        {"fecha_siembra": "2025-11-18T21:00:00-03:00", "fecha_cosecha": "2026-04-01"},
    ]
    lotes = [lote(f"00000{at}", **one) for at, one in enumerate(days, start=1)]
    moved = {"type": "Polygon", "coordinates": [[[x + 0.001, y] for x, y in ring]
                                                for ring in world["coordinates"]]}  # fmt: skip
    ambientes = [
        {"id": f"a{at}", "lote_id": "000001", "nombre": "Loma", "potencial": said,
         "campania": "25/26", "geometry": moved if at == 2 else world}
        for at, said in enumerate(["ALTA", " Medio", "bueno"])
    ]  # fmt: skip
    ambientes.append({**ambientes[0], "id": "a9", "lote_id": "000006"})
    built, verdict = night(
        "07-estado-anulado", lotes=[*lotes, lote(6)], ambientes=ambientes, marcadores=[]
    )
    siembras = built.tables.siembras
    assert {day.isoformat() for day in siembras["fecha_siembra"]} == {"2025-11-19"}
    assert siembras["fecha_cosecha"].dropna().astype(str).tolist() == ["2026-04-01"]
    assert built.valores_ilegibles == {"siembras.fecha_cosecha": 4}
    assert built.tables.ambientes["potencial"].tolist() == ["alto", "medio", "bueno"]
    assert built.valores_desconocidos == {"ambientes.potencial «bueno»": 1}
    assert "«bueno»: 1" in notes_of(verdict, "estados, tipos y potenciales conocidos")
    inside = notes_of(verdict, "ambientes dentro de su lote")
    assert inside.startswith("Campo 1 / L000001: Loma (a2) está adentro en un 90 %")
    refused = built.tables.rechazados.set_index(["recurso", "id"])["detalle"]
    assert refused["lotes", "6"] == "el id 6 vino como número y los demás como texto"
    assert "vino el número 6" in refused["ambientes", "a9"]
    assert isinstance(refused, pd.Series)
