"""What changed between two nights, by lote; the same nights give the same lists."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
import shapely

from Modules.diff.changes import (
    MAX_MARCAS,
    Changes,
    Conteo,
    Novedad,
    RowCounts,
    cambios,
    diff_tables,
    novedades,
)
from Modules.geo.geometry import geodesic_area_ha
from Modules.night.tables import Tables, build_tables
from Modules.words.domain import BoundingBox, Campania, Record, Recurso


def box(*bounds: float) -> dict[str, Any]:
    return json.loads(json.dumps(shapely.box(*bounds).__geo_interface__))


def mark(id_: str, lote_id: str) -> dict[str, Any]:
    point = {"type": "Point", "coordinates": [-63, -35]}
    return {"id": id_, "lote_id": lote_id, "nombre": "x", "geometry": point}


def night() -> dict[str, list[dict[str, Any]]]:
    sown = [
        {"id": "s1", "orden": 1, "cultivo": {"codigo": "TRI"}, "estado": "sembrado"},
        {"id": "s2", "orden": 2, "cultivo": {"codigo": "SOJ2"}},
    ]
    shapes = {
        "1": (-63, -35, -62.99, -34.99),
        "2": (-62.9, -35, -62.89, -34.99),
        "3": (-62.8, -35, -62.79, -34.99),
    }
    return {
        "campos": [{"id": "a", "nombre": "Norte"}, {"id": "b", "nombre": "Sur"}],
        "lotes": [
            {
                "id": id_,
                "campo_id": "a",
                "nombre": f"Lote {id_}",
                "siembras": sown if id_ == "1" else [],
                "geometry": box(*shape),
            }
            for id_, shape in shapes.items()
        ],
        "ambientes": [
            {
                "id": "amb",
                "lote_id": "1",
                "nombre": "Loma",
                "geometry": box(-63, -35, -62.995, -34.99),
            }
        ],
        "marcadores": [mark("m1", "1"), mark("m2", "1"), mark("m3", "2")],
    }


def build(lists: dict[str, list[dict[str, Any]]], rng: random.Random | None = None) -> Tables:
    records = {
        Recurso(name): [Record(item, 1, at) for at, item in enumerate(items)]
        for name, items in lists.items()
    }
    if rng is not None:
        records = {name: rng.sample(items, len(items)) for name, items in records.items()}
    return build_tables(records, campania=Campania(25, 26), encodings={}, bbox=BoundingBox()).tables


def test_equal_nights_differ_in_nothing():
    changes = diff_tables(build(night()), build(night(), random.Random(1)))
    assert changes.empty
    assert not changes.first_night
    assert (
        changes.campos,
        changes.lotes,
        changes.siembras,
        changes.ambientes,
        changes.marcadores,
    ) == ((),) * 5


def test_the_first_night_counts_rows_and_lists_nothing():
    changes = diff_tables(None, build(night()))
    assert changes.first_night
    assert not changes.empty
    assert changes.tablas["lotes"] == RowCounts(3, 0, 0)
    assert changes.lotes == ()


def test_a_moved_border_says_what_it_gains_and_loses():
    after = night()
    after["lotes"][0]["geometry"] = box(-63.002, -35, -62.995, -34.99)
    changes = diff_tables(build(night()), build(after))
    (moved,) = changes.lotes
    gained = geodesic_area_ha([shapely.box(-63.002, -35, -63, -34.99)])[0]
    lost = geodesic_area_ha([shapely.box(-62.995, -35, -62.99, -34.99)])[0]
    assert (moved.campo, moved.lote, moved.lote_id, moved.que) == (
        "Norte",
        "Lote 1",
        "1",
        "borde movido",
    )
    assert moved.gana_ha == pytest.approx(gained, rel=1e-6)
    assert moved.pierde_ha == pytest.approx(lost, rel=1e-6)
    assert moved.detalle == "gana 20,26 ha, pierde 50,64 ha"


def test_what_a_border_gains_less_what_it_loses_is_the_change_of_area():
    after = night()
    after["lotes"][1]["geometry"] = {
        "type": "Polygon",
        "coordinates": [[[-62.9, -35], [-62.88, -35.003], [-62.895, -34.98], [-62.9, -35]]],
    }
    before, now = build(night()), build(after)
    (moved,) = diff_tables(before, now).lotes
    difference = now.lotes["superficie_ha"].iloc[1] - before.lotes["superficie_ha"].iloc[1]
    assert moved.gana_ha - moved.pierde_ha == pytest.approx(difference, rel=1e-4)


def test_a_border_written_anew_on_the_same_ground_is_not_a_moved_one():
    after = night()
    ring = after["lotes"][0]["geometry"]["coordinates"][0]
    middle = [(ring[0][0] + ring[1][0]) / 2, (ring[0][1] + ring[1][1]) / 2]
    after["lotes"][0]["geometry"]["coordinates"][0] = [ring[0], middle, *ring[1:]]
    changes = diff_tables(build(night()), build(after))
    assert changes.lotes == ()
    assert changes.tablas["lotes"] == RowCounts(0, 0, 1)


def test_lotes_new_gone_renamed_and_moved_to_another_campo():
    after = night()
    after["lotes"][0] |= {"nombre": "Uno"}
    after["lotes"][1] |= {"campo_id": "b"}
    after["lotes"][2] |= {"id": "9"}
    after["lotes"].append(
        after["lotes"][0] | {"id": "8", "geometry": box(-62.7, -35, -62.69, -34.99)}
    )
    before = night()
    before["lotes"].append(
        before["lotes"][1] | {"id": "7", "geometry": box(-62.6, -35, -62.5, -34.9)}
    )
    changes = diff_tables(build(before), build(after))
    assert [(c.campo, c.lote, c.que, c.detalle) for c in changes.lotes] == [
        ("Norte", "Lote 2", "lote eliminado", "10.133,6 ha, sin siembras"),
        ("Norte", "Lote 3", "lote con otro id", "antes 3"),
        ("Norte", "Uno (1)", "lote renombrado", "antes Lote 1"),
        ("Norte", "Uno (8)", "lote nuevo", "101,3 ha, Trigo + Soja 2da"),
        ("Sur", "Lote 2", "cambió de campo", "antes en el campo Norte"),
    ]


def test_campos_new_gone_and_renamed():
    after = night()
    after["campos"][1] |= {"id": "c"}
    after["campos"][0] |= {"nombre": "Norte Grande"}
    changes = diff_tables(build(night()), build(after))
    assert [(c.campo, c.que, c.detalle) for c in changes.campos] == [
        ("Norte Grande", "campo renombrado", "antes Norte"),
        ("Sur (b)", "campo eliminado", ""),
        ("Sur (c)", "campo nuevo", ""),
    ]


def test_of_who_farms_a_campo_only_that_it_changed_is_told():
    before, after = night(), night()
    before["campos"][0] |= {"empresa": "Pérez, Ana", "partido": "Azul"}
    after["campos"][0] |= {"empresa": "Gómez, Luis", "partido": "Tandil"}
    changes = diff_tables(build(before), build(after))
    (changed,) = changes.campos
    assert changed.que == "datos del campo"
    assert changed.detalle == "empresa, partido Azul → Tandil"
    told = json.dumps(changes.to_dict(), ensure_ascii=False)
    assert "Pérez" not in told
    assert "Gómez" not in told


def test_a_resown_lote_says_its_crops_before_and_after():
    after = night()
    after["lotes"][0]["siembras"] = [
        {
            "id": "s1",
            "orden": 1,
            "cultivo": {"codigo": "TRI"},
            "estado": "cosechado",
            "fecha_cosecha": "2025-12-01",
        },
        {"id": "s9", "orden": 2, "cultivo": {"codigo": "MAI2"}},
    ]
    changes = diff_tables(build(night()), build(after))
    assert [(c.que, c.detalle) for c in changes.siembras] == [
        ("cambio de cultivo", "Trigo + Soja 2da → Trigo + Maíz 2da"),
        ("siembra", "Trigo: fecha de cosecha (vacío) → 01/12/2025, estado sembrado → cosechado"),
    ]
    assert changes.tablas["siembras"] == RowCounts(1, 1, 1)


def test_marks_are_counted_by_lote():
    after = night()
    after["marcadores"] = [
        mark("m1", "1") | {"nombre": "y"},
        mark("m3", "3"),
        mark("m4", "1") | {"nombre": "z"},
        mark("m5", "1") | {"nombre": "z"},
    ]
    changes = diff_tables(build(night()), build(after))
    assert changes.marcadores == (
        Conteo("Norte", "Lote 1", "1", 2, 1, 1),
        Conteo("Norte", "Lote 2", "2", 0, 1, 0),
        Conteo("Norte", "Lote 3", "3", 1, 0, 0),
    )
    assert changes.ambientes == ()


def test_marks_are_named_with_what_became_of_them_and_no_word_of_an_observation() -> None:
    before, after = night(), night()
    before["marcadores"][0] |= {"tipo": "muestreo", "estado": "planificado"}
    after["marcadores"] = [
        before["marcadores"][0] | {"estado": "hecho", "observacion": "el vecino fumigó"},
        mark("m3", "3"),
        mark("m4", "1") | {"nombre": "Rama negra", "tipo": "maleza"},
    ]
    changes = diff_tables(build(before), build(after))
    assert [(one.lote, one.nombre, one.id, one.que, one.detalle) for one in changes.marcas] == [
        ("Lote 1", "Rama negra", "m4", "nuevo", "maleza"),
        ("Lote 1", "x", "m1", "cambiado", "estado planificado → hecho, observación"),
        ("Lote 1", "x", "m2", "quitado", "otro"),
        ("Lote 2", "x", "m3", "quitado", "ahora en Norte, Lote 3"),
        ("Lote 3", "x", "m3", "nuevo", "antes en Norte, Lote 2"),
    ]
    assert "fumigó" not in json.dumps(changes.to_dict(), ensure_ascii=False)
    assert [row[3] for row in cambios(changes)] == [
        "1 nuevo (Rama negra, maleza), 1 quitado (x, otro), "
        "1 cambiado (x, estado planificado → hecho, observación)",
        "1 quitado (x, ahora en Norte, Lote 3)",
        "1 nuevo (x, antes en Norte, Lote 2)",
    ]
    assert [row[3] for row in cambios(changes.contadas())] == [
        "1 nuevo, 1 quitado, 1 cambiado", "1 quitado", "1 nuevo",
    ]  # fmt: skip


def test_of_thousands_of_new_marks_some_of_every_lote_are_named_and_all_counted() -> None:
    after = night()
    after["marcadores"] += [
        mark(f"n{at:04}", "1" if at < 4_997 else "3") | {"nombre": "Ñ" * 200, "tipo": "muestreo"}
        for at in range(5_000)
    ]
    changes = diff_tables(build(night()), build(after))
    assert len(changes.marcas) == MAX_MARCAS
    assert [one.lote for one in changes.marcas].count("Lote 3") == 3, "the few of a lote all"
    assert sum(one.total for one in changes.marcadores) == 5_000
    assert len(json.dumps(changes.to_dict(), ensure_ascii=False)) < 200_000
    first, last = (row[3] for row in cambios(changes))
    assert first.startswith("4.997 nuevos (ÑÑÑ")
    assert first.endswith("; y 4.989 más)")
    assert last.startswith("3 nuevos (")
    assert "más" not in last
    assert Changes.from_dict(json.loads(json.dumps(changes.to_dict()))) == changes


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("campos", {"renspa": "1", "tenencia": "propio"}),
        ("lotes", {"updated_at": "2025-01-01T00:00:00Z"}),
        ("marcadores", {"observacion": "roya"}),
        ("ambientes", {"version": 2}),
    ],
)
def test_no_changed_value_goes_uncounted(name, change):
    after = night()
    after[name][0] |= change
    changes = diff_tables(build(night()), build(after))
    assert not changes.empty
    assert changes.tablas[name] == RowCounts(0, 0, 1)
    back = diff_tables(build(after), build(night()))
    assert back.tablas[name] == RowCounts(0, 0, 1)


def test_the_same_nights_give_the_same_lists_whatever_the_order_of_records():
    after = copy.deepcopy(night())
    for lote in after["lotes"]:
        lote |= {"nombre": f"x{lote['id']}", "campo_id": "b"}
    after["marcadores"].pop()
    texts = {
        json.dumps(
            diff_tables(
                build(night(), random.Random(seed)), build(after, random.Random(-seed))
            ).to_dict()
        )
        for seed in range(4)
    }
    assert len(texts) == 1


def test_changes_go_by_campo_and_lote_as_people_count_them():
    lotes = [Novedad("lote nuevo", "", "Élida", lote=one, lote_id=one) for one in ("10", "2", "A")]
    sown = Novedad("siembra", "", "Élida", lote="2", lote_id="2")
    whole = [Novedad("datos del campo", "", one, one) for one in ("Zárate", "Élida")]
    changes = Changes(
        first_night=False, tablas={}, campos=tuple(whole), lotes=tuple(lotes), siembras=(sown,)
    )
    order = ["", "2", "2", "10", "A"]
    assert [row[:2] for row in cambios(changes)] == [
        *(("Élida", one) for one in order), ("Zárate", "")
    ]  # fmt: skip
    assert [row[2] for row in novedades(changes)] == [
        *(f"Élida · {one}" if one else "Élida" for one in order), "Zárate"
    ]  # fmt: skip


def test_what_is_kept_in_a_snapshot_reads_back_also_from_before_zonas_and_marks_were_told():
    after = night()
    after["marcadores"].append(mark("m9", "2"))
    after["lotes"][0] |= {"nombre": "Uno"}
    after["zonas"] = [{"id": "z", "nombre": "Oeste", "tipo": "region"}]
    changes = diff_tables(build(night()), build(after))
    stored = json.loads(json.dumps(changes.to_dict()))
    assert Changes.from_dict(stored) == changes
    assert [(one.nombre, one.que) for one in changes.otros] == [("Oeste", "zona nueva")]
    del stored["otros"], stored["marcas"]
    old = Changes.from_dict(stored)
    assert (old.lotes, old.marcadores, old.marcas) == (changes.lotes, changes.marcadores, ())
    assert ("Norte", "Lote 2", "marcadores", "1 nuevo") in cambios(old)


def test_twin_campos_carry_their_id():
    before = night()
    before["campos"][1]["nombre"] = "Norte"
    after = copy.deepcopy(before)
    after["lotes"][0] |= {"nombre": "Uno", "campo_id": "b"}
    changes = diff_tables(build(before), build(after))
    assert [(c.campo, c.que, c.detalle) for c in changes.lotes] == [
        ("Norte (b)", "cambió de campo", "antes en el campo Norte (a)"),
        ("Norte (b)", "lote renombrado", "antes Lote 1"),
    ]


def test_a_lote_under_another_id_is_one_line():
    after = night()
    after["lotes"][0] |= {"id": "1-bis"}
    for name in ("ambientes", "marcadores"):
        for item in after[name]:
            item["lote_id"] = "1-bis" if item["lote_id"] == "1" else item["lote_id"]
    changes = diff_tables(build(night()), build(after))
    assert [(c.lote_id, c.que, c.detalle) for c in changes.lotes] == [
        ("1-bis", "lote con otro id", "antes 1")
    ]
    told = (changes.siembras, changes.ambientes, changes.marcadores, changes.marcas)
    assert told == ((),) * 4
