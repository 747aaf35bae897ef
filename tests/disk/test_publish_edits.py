"""What people do with published layers: hold them open, write into them. Nothing of it is lost."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from Modules.disk.delivery import look_at
from Modules.disk.edits import is_edited, settle
from Modules.disk.problems import Damage
from Modules.disk.publish import Published, intact, publish_files
from Modules.disk.published import check_folder, held_files
from Modules.disk.safe_files import fingerprint
from Modules.formats.sheets import Sheet, xlsx_bytes
from Modules.jobs.outcome import Resultado
from Modules.jobs.report import productos_markdown
from Modules.products.cultivos.product import build_cultivos
from Modules.products.source import Fuente
from Modules.words.errors import PublishError

NOW = datetime(2025, 11, 20, 6, 0, tzinfo=UTC)
NAME = "cultivos_25-26.gpkg"
LATE = 'UPDATE lotes SET nota = "de la analista"'


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "outputs" / "cultivos"


def publish(out: Path, day: int, name: str = NAME) -> Published:
    """A database of one row that says which night it is of."""
    source = out.parent.parent / f"night-{day}.gpkg"
    source.unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as db, db:
        db.execute("CREATE TABLE lotes (noche INTEGER, nota TEXT)")
        db.execute("INSERT INTO lotes VALUES (?, '')", (day,))
    settle(source)
    return publish_files(
        {name: source}, out, snapshot_id=f"id-{day}", now=NOW + timedelta(days=day)
    )


def row(path: Path) -> tuple[int, str]:
    with closing(sqlite3.connect(path)) as db:
        found: tuple[int, str] = db.execute("SELECT noche, nota FROM lotes").fetchone()
        return found


def die_in_the_middle(path: Path) -> None:
    """A program that has written into its -wal, and dies before it is carried over."""
    work = (
        f"import os, sqlite3; db = sqlite3.connect({str(path)!r});"
        "db.execute('PRAGMA journal_mode=WAL'); db.execute('PRAGMA wal_autocheckpoint=0');"
        f"db.execute({LATE!r}); db.commit(); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", work], check=False)
    assert path.with_name(f"{path.name}-wal").stat().st_size


def test_a_layer_with_a_wal_beside_it_is_not_replaced_and_is_named(out: Path) -> None:
    publish(out, 0)
    die_in_the_middle(out / NAME)
    done = publish(out, 1)
    copy = "cultivos_25-26 (pendiente) 2025-11-21.gpkg"
    assert (done.written, done.pending) == ((), (copy,))
    assert row(out / copy) == (1, "")
    found = {one.item: one for one in check_folder(out).problems}
    assert set(found) == {f"{NAME}-shm", f"{NAME}-wal"}
    assert {one.code for one in found.values()} == {Damage.HELD}
    assert not any(one.is_error for one in found.values())
    assert check_folder(out).foreign == ()
    assert {path.name for path in held_files(out.parent)} == set(found)
    said = productos_markdown([Resultado("cultivos", out, done)])
    assert "pendiente" in said
    assert "QGIS" in said

    # whoever opens it finds one whole file with that work; then tonight's takes its place
    assert row(out / NAME) == (0, "de la analista")
    assert not out.joinpath(f"{NAME}-wal").exists()
    done = publish(out, 2)
    edited = "cultivos_25-26 (editado 2025-11-22).gpkg"
    assert (done.written, done.edited, done.removed) == ((NAME,), (edited,), (copy,))
    assert row(out / NAME) == (2, "")
    assert row(out / edited) == (0, "de la analista")
    assert "editó" in productos_markdown([Resultado("cultivos", out, done)])
    assert [*check_folder(out).problems, *held_files(out.parent)] == []
    assert check_folder(out).foreign == (edited,)  # theirs from now on


@pytest.mark.parametrize("ending", ["-wal", "-shm", "-journal"])
def test_each_of_the_three_holds_and_an_empty_one_does_not(out: Path, ending: str) -> None:
    publish(out, 0)
    side = out / f"{NAME}{ending}"
    side.write_bytes(b"x" * 512)
    assert publish(out, 1).pending
    side.write_bytes(b"")
    assert publish(out, 2).written == (NAME,)
    side.write_bytes(b"x")
    (out.parent.parent / "night-2.gpkg").rename(out.parent.parent / "o")
    gone = publish_files({"o.gpkg": out.parent.parent / "o"}, out, snapshot_id="i", now=NOW)
    assert (gone.removed, gone.held) == ((), (NAME,))


def test_an_edit_is_kept_each_time_and_is_no_damage(out: Path) -> None:
    publish(out, 0)
    for note in ("una", "otra"):
        with closing(sqlite3.connect(out / NAME)) as db, db:
            db.execute("UPDATE lotes SET nota = ?", (note,))
        (found,) = check_folder(out).problems
        assert (found.item, found.code, found.is_error) == (NAME, Damage.EDITED, False)
        assert not intact(out)  # so that a quiet night makes the product again
        (copy,) = publish(out, 0).edited
        assert row(out / copy) == (0, note)
        assert row(out / NAME) == (0, "")
    assert copy == "cultivos_25-26 (editado 2025-11-20, 2).gpkg"
    assert publish(out, 0).changed is False


def test_a_layer_that_somebody_only_opened_is_neither_edited_nor_damaged(out: Path) -> None:
    publish(out, 0)
    before = (out / NAME).read_bytes()
    for mode in ("WAL", "DELETE"):  # as an older QGIS does, to look at it
        with closing(sqlite3.connect(out / NAME)) as db:
            db.execute(f"PRAGMA journal_mode={mode}")
            db.execute("SELECT * FROM lotes").fetchall()
    assert (out / NAME).read_bytes() != before
    assert check_folder(out).problems == ()
    done = publish(out, 1)
    assert (done.written, done.edited) == ((NAME,), ())


@pytest.mark.parametrize("broken", ["half", "a byte short", "a bit turned over", "a count lost"])
def test_a_layer_that_is_broken_is_damage_and_is_put_right(out: Path, broken: str) -> None:
    publish(out, 0)
    data = (out / NAME).read_bytes()
    turned = bytearray(data)
    turned[-5] ^= 1  # in the row
    lost = bytearray(data[:-1])
    lost[27] = 7
    (out / NAME).write_bytes(
        {
            "half": data[: len(data) // 2],
            "a byte short": data[:-1],
            "a count lost": bytes(lost),
        }.get(broken, bytes(turned))
    )
    (found,) = check_folder(out).problems
    assert found.is_error
    assert publish(out, 0).edited == ()
    assert (out / NAME).read_bytes() == data


def test_an_edited_workbook_is_kept_and_a_damaged_one_is_not(out: Path, tmp_path: Path) -> None:
    ours = tmp_path / "resumen"
    ours.write_bytes(xlsx_bytes([Sheet("a", pd.DataFrame({"x": [1]}))], NOW))

    def again(day: int) -> Published:
        now = NOW + timedelta(days=day)
        return publish_files({"resumen.xlsx": ours}, out, snapshot_id="i", now=now)

    again(0)
    data = bytearray(ours.read_bytes())
    data[10] ^= 1  # a date in the archive
    (out / "resumen.xlsx").write_bytes(data)
    assert check_folder(out).problems[0].is_error
    assert again(0).edited == ()
    book = openpyxl.load_workbook(out / "resumen.xlsx")
    book["a"]["A2"] = 7
    book.save(out / "resumen.xlsx")
    assert check_folder(out).problems[0].code == Damage.EDITED
    (kept,) = again(1).edited
    assert kept == "resumen (editado 2025-11-21).xlsx"
    assert openpyxl.load_workbook(out / kept)["a"]["A2"].value == 7
    assert (out / "resumen.xlsx").read_bytes() == ours.read_bytes()


def test_nothing_is_delivered_over_a_layer_that_is_held(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"")
    (tmp_path / f"{NAME}-wal").write_bytes(b"x")
    with pytest.raises(PublishError, match=f"{NAME}-wal"):
        look_at(tmp_path, [NAME], overwrite=True)


def test_case_01_a_wal_that_qgis_left_beside_a_published_layer(
    shared_data: Path, demo_fuente: Fuente, out: Path, tmp_path: Path
) -> None:
    script = shared_data / "cases" / "01-stale-wal.py"
    if not script.is_file():
        pytest.skip("../shared has no case 01")

    def night(number: int, fuente: Fuente) -> Published:
        work = tmp_path / f"work-{number}"
        work.mkdir()
        built = {NAME: build_cultivos(fuente, work)[NAME]}
        return publish_files(built, out, snapshot_id=str(number), now=NOW + timedelta(days=number))

    def say(what: str) -> str:
        command = [sys.executable, script, out / NAME, what]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    night(0, demo_fuente)
    say("edit")
    siembras = demo_fuente.tables.siembras.assign(material="esta noche")
    later = replace(demo_fuente, tables=replace(demo_fuente.tables, siembras=siembras))
    done = night(1, later)
    assert (done.written, len(done.pending)) == ((), 1)
    read = say("read")
    assert "('ok',)" in read
    assert "NOTA" in read  # the analyst's own work, whole
    assert "esta noche" not in read


def test_a_layer_of_an_older_version_is_ours_as_it_lies(tmp_path: Path) -> None:
    path = tmp_path / NAME
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE one (id INTEGER)")
        db.commit()
        db.execute("CREATE TABLE other (id INTEGER)")
        db.commit()
    assert is_edited(path, [])
    assert not is_edited(path, [fingerprint(path)])
