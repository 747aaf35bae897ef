"""``lindero backups diff`` as a person runs it, between real nights of the demo portal."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from Modules.diff.compare import layers_of
from Modules.formats.geofiles import write_gpkg
from Modules.geo.borders import TOLERANCIA_M
from Modules.store.numeros import NAME, read_numeros
from Modules.store.snapshot import read_tables
from Modules.store.snapshots import SnapshotStore
from tests.kml_reading import folders, read_kmz
from tests.robustness.stable_ids import changed_rows
from tests.scripts.conftest import Command, command_in, night_in

DAYS = (0, 1, 30)


def test_the_tolerance_of_the_command_is_that_of_the_mornings() -> None:
    import inspect

    from Modules.cli.backups import backups_diff

    assert inspect.signature(backups_diff).parameters["tolerancia_m"].default == TOLERANCIA_M


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return night_in(tmp_path_factory.mktemp("nights"), *DAYS[:2])


@pytest.fixture(scope="module")
def nights(folder: Path) -> tuple[Command, list[str]]:
    """The command line where three nights were kept, and their ids; a refused one was accepted."""
    command = command_in(folder)
    ids = [str(one.id) for one in SnapshotStore(folder / "state" / "test").accepted()]
    for day in DAYS[2:]:
        answer = command("run", "backup", "--test", "--json", LINDERO_DEMO_DAY=str(day))
        assert answer.code in (0, 1), answer.err
        ids.append(answer.json["data"]["snapshot"])
        if answer.code == 1:
            accepted = command("backups", "accept", ids[-1], "--test", "--reason", "un mes después")
            assert accepted.code == 0, accepted.err
    return command, ids


@pytest.mark.integration
def test_without_arguments_it_tells_the_last_night(nights: tuple[Command, list[str]]) -> None:
    command, ids = nights
    answer = command("backups", "diff", "--test")
    assert answer.code == 0, answer.err
    assert answer.out.startswith(f"Cambios de {ids[1]} (")
    for said in ("borde movido", "lote nuevo", "lote renombrado", "Campo", "Detalle", "gana "):
        assert said in answer.out


@pytest.mark.integration
def test_days_in_between_add_up(nights: tuple[Command, list[str]], tmp_path: Path) -> None:
    command, ids = nights
    gpkg, kmz = tmp_path / "cambios.gpkg", tmp_path / "cambios.kmz"
    files = ("--gpkg", str(gpkg), "--kmz", str(kmz))
    answer = command("backups", "diff", ids[0], ids[2], "--test", "--json", *files)
    assert answer.code == 0, answer.err
    whole = answer.json
    steps = [command("backups", "diff", *pair, "--test", "--json").json
             for pair in (ids[:2], ids[1:])]  # fmt: skip
    new = [
        {c["id"] for c in one["cambios"] if c["clase"] == "lote_nuevo"} for one in (whole, *steps)
    ]
    assert new[0] == new[1] | new[2]
    assert len(new[0]) == 6  # on days 1, 6, 11, 16, 21 and 26
    layer = gpd.read_file(gpkg, layer="lotes_agregados")
    assert set(layer["id"]) == new[0]
    assert len(folders(read_kmz(kmz))["Lotes agregados"]) == len(new[0])
    back = command("backups", "diff", ids[2], ids[0], "--test", "--json").json
    assert back["resumen"]["lotes_eliminados_ha"] == whole["resumen"]["lotes_nuevos_ha"]
    assert back["resumen"]["bordes_ganan_ha"] == whole["resumen"]["bordes_pierden_ha"]
    assert any("es anterior a" in aviso for aviso in back["avisos"])


@pytest.mark.integration
def test_the_same_backup_twice_says_so(nights: tuple[Command, list[str]]) -> None:
    command, ids = nights
    answer = command("backups", "diff", ids[0], ids[0], "--test")
    assert (answer.code, "Es el mismo backup" in answer.out) == (0, True)
    found = json.loads(command("backups", "diff", "ultimo", "ultimo", "--test", "--json").out)
    assert (found["iguales"], found["cambios"], found["formato"]) == (True, [], 1)


@pytest.mark.integration
def test_a_wider_tolerance_leaves_fewer_borders(nights: tuple[Command, list[str]]) -> None:
    command, ids = nights
    counts = [
        command("backups", "diff", *ids[:2], "--test", "--json", "--tolerancia-m", metres)
        .json["resumen"]["por_clase"]["borde_movido"]
        for metres in ("1", "100")
    ]  # fmt: skip
    assert counts[0] > counts[1]


@pytest.mark.integration
def test_wrong_use_is_one_line_and_its_exit_code(
    nights: tuple[Command, list[str]], tmp_path: Path
) -> None:
    command, ids = nights
    there = tmp_path / "x.gpkg"
    there.write_text("mine")
    for arguments, code in (
        (("ayer", "ultimo"), 2),
        ((ids[0], "2025-11-20T060002Z-999999"), 2),
        ((*ids[:2], "--tolerancia-m", "0"), 2),
        ((*ids[:2], "--gpkg", str(there)), 2),
        ((*ids[:2], "--campania", "24-25"), 2),
        (("anterior", "ultimo", "--campania", "24/25"), 1),
    ):
        answer = command("backups", "diff", *arguments, "--test")
        assert (arguments, answer.code, answer.err.count("\n")) == (arguments, code, 1)
    assert there.read_text() == "mine"


@pytest.mark.integration
def test_a_changeset_has_the_rows_that_changed_and_makes_one_night_of_the_other(
    nights: tuple[Command, list[str]], folder: Path, tmp_path: Path
) -> None:
    from pygeodiff import GeoDiff

    command, ids = nights
    target = tmp_path / "noche.diff"
    asked = ("backups", "diff", *ids[:2], "--test", "--format", "geodiff")
    answer = command(*asked, "--to", str(target))
    assert answer.code == 0, answer.err
    assert f"Escrito: {target}" in answer.out
    summary = tmp_path / "resumen.json"
    GeoDiff().list_changes_summary(str(target), str(summary))
    changed = {one["table"]: one for one in json.loads(summary.read_text())["geodiff_summary"]}
    store = SnapshotStore(folder / "state" / "test")
    night_a, night_b = (read_tables(store.find(one)) for one in ids[:2])
    assert {name: sum(one[what] for what in ("insert", "update", "delete"))
            for name, one in changed.items()} == changed_rows(night_a, night_b)  # fmt: skip
    numeros = read_numeros(store.root / "numeros_25-26.json")
    sides = [tmp_path / "a.gpkg", tmp_path / "b.gpkg"]
    for night, side in zip((night_a, night_b), sides, strict=True):
        write_gpkg(layers_of(night, numeros), side)
    assert GeoDiff().changes_count(str(target)) > 0
    GeoDiff().apply_changeset(str(sides[0]), str(target))
    GeoDiff().create_changeset(*map(str, sides), str(tmp_path / "rest.diff"))
    assert not GeoDiff().has_changes(str(tmp_path / "rest.diff"))
    refused = command(*asked)
    assert (refused.code, "van juntos" in refused.err) == (2, True)
    again = command(*asked, "--to", str(target))
    assert (again.code, "ya existe" in again.err) == (2, True)
    assert not [one.name for one in tmp_path.iterdir() if one.name.startswith(".lindero-")]


@pytest.mark.integration
def test_nights_keep_the_fids_and_numbers_they_gave_and_carry_them(
    nights: tuple[Command, list[str]], folder: Path
) -> None:
    command, ids = nights
    state = folder / "state" / "test"
    kept = json.loads((state / "numeros_25-26.json").read_bytes())["numeros"]
    store = SnapshotStore(state)
    for one in ids:
        copy = json.loads(gzip.decompress((store.find(one).path / NAME).read_bytes()))["numeros"]
        assert {"lote", "siembra", "ambiente", "marcador"} <= set(copy)
        for kind, numbers in copy.items():
            assert numbers.items() <= kept[kind].items(), kind
    published = folder / "test_outputs" / "muestreos" / "muestreos_25-26.gpkg"
    marks = gpd.read_file(published, layer="muestreos", fid_as_index=True)
    fids = dict(zip(marks["punto_id"], marks.index, strict=True))
    assert fids.items() <= kept["marcador"].items()
    answer = command("backups", "renumerar", "--test", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["muestras"] >= len(fids)
    assert command("backups", "verify", "--test").code == 0
    answer = command("run", "productos", "--test", "--json")
    assert answer.code == 0, answer.err
    again = gpd.read_file(published, layer="muestreos", fid_as_index=True)
    assert dict(zip(again["punto_id"], again.index, strict=True)) == fids
    visited = again[again["orden"].notna()]
    proposed = gpd.read_file(published, layer="puntos_propuestos")
    whole = pd.concat([visited, proposed])
    assert (whole["numero"] == whole["orden"]).all(), (
        "numbered anew, they are the order of the visit"
    )
    damaged = state / "numeros_25-26.json"
    damaged.write_text(damaged.read_text().replace(": 1,", ": 2,", 1))
    found = command("backups", "verify", "--test")
    assert (found.code, "numeros_25-26.json" in found.out) == (1, True)
