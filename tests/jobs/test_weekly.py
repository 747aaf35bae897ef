"""The weekly verification: what it reads, says, and prunes only if all is well."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from Modules.disk.publish import publish_files
from Modules.jobs import weekly as verificacion
from Modules.jobs.weekly import Poda, Week, WeekReport
from Modules.settings import Settings
from Modules.store.readings import LIST_NAME
from Modules.store.snapshots import Snapshot
from Modules.words.domain import Modo
from Modules.words.errors import DataError, PublishError, SnapshotDamaged
from tests.sample_tables import NOW, SEASON, tables

FACTS = {"portal": {"origin": "demo:small", "profile": "contract@0"}}


def encargo_in(folder: Path, now: datetime = NOW, **more: int) -> Week:
    settings = Settings(
        lindero_state_dir=folder / "state",
        lindero_test_outputs_dir=folder / "outputs",
        lindero_symlink_config=folder / "none.json",
        **more,
    )
    return verificacion.prepare(settings, Modo.TEST, now)


def night(encargo: Week, day: int = 0, *, publish: bool = True) -> Snapshot:
    store = encargo.store
    draft = store.draft(SEASON, NOW + timedelta(days=day))
    draft.write_tables(tables(2, seed=day))
    snapshot = store.keep(draft, verdict={}, accepted=True, facts={**FACTS, "parent": None})
    if publish:
        folder = encargo.copies / SEASON.slug / str(snapshot.id)
        publish_files(snapshot.files, folder, snapshot_id=str(snapshot.id), now=NOW)
    return snapshot


@pytest.fixture(scope="module")
def many_(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve nights, of which retention wants the last two."""
    folder = tmp_path_factory.mktemp("many")
    encargo = encargo_in(folder)
    for day in range(12):
        night(encargo, day)
    return folder


FEW = {"lindero_retention_daily": 2, "lindero_retention_weekly": 0, "lindero_retention_monthly": 0}
LATER = NOW + timedelta(days=11, hours=2)


@pytest.fixture
def many(many_: Path, tmp_path: Path) -> Week:
    shutil.copytree(many_, tmp_path / "many")
    return encargo_in(tmp_path / "many", LATER, **FEW)


def test_a_store_without_backups_is_no_good_verification(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="primero: lindero run backup"):
        verificacion.read(encargo_in(tmp_path))


def test_what_was_read_and_sound_is_noted(many: Week) -> None:
    lectura = verificacion.read(many)
    assert lectura.report.passed
    assert str(many.store.accepted()[-1].id) in lectura.leidos
    noted = json.loads((many.store.root / LIST_NAME).read_text())
    assert set(noted) == set(lectura.leidos)
    assert 3 <= len(noted) <= 4, "the newest and a quarter of twelve"


def test_a_damaged_file_is_named_and_nothing_is_pruned(many: Week) -> None:
    newest = many.store.accepted()[-1]
    damaged = newest.path / "tables" / "lotes.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    informe = WeekReport(verificacion.read(many), verificacion.rehearse(many))
    informe = verificacion.with_poda(informe, lambda: pytest.fail("pruned in spite of damage"))
    assert informe.poda is None
    outcome = verificacion.outcome(many, informe)
    assert isinstance(outcome.error, SnapshotDamaged)
    assert "tables/lotes.parquet" in str(outcome.error)
    assert "**hay daños**" in outcome.markdown
    assert "primero hay que ver lo dañado" in outcome.markdown
    assert any("lotes.parquet" in row["dónde"] for row in outcome.calidad)
    assert any("simulacro" in row["dónde"] for row in outcome.calidad)
    noted = json.loads((many.store.root / LIST_NAME).read_text())
    assert str(newest.id) not in noted


def test_a_sound_store_is_pruned_and_the_report_says_so(many: Week) -> None:
    ids = [str(one.id) for one in many.store.accepted()]
    informe = WeekReport(verificacion.read(many), verificacion.rehearse(many))
    informe = verificacion.with_poda(informe, lambda: verificacion.do_prune(many))
    outcome = verificacion.outcome(many, informe)
    assert outcome.error is None
    assert "todo sano" in outcome.markdown
    assert "idéntico al manifiesto" in outcome.markdown
    assert f"{ids[0]} 25/26 no le toca ningún lugar" in outcome.markdown
    assert "Sale 1 de 12 backups" in outcome.markdown
    assert [str(one.id) for one in many.store.accepted()] == ids[1:]
    assert not (many.copies / SEASON.slug / ids[0]).exists()
    assert [one["id"] for one in outcome.data["poda"]["salen"]] == ids[:1]
    assert len(outcome.data["poda"]["esperan"]) == 9
    json.dumps(outcome.data)


def test_the_dry_run_says_what_the_real_run_does_and_writes_nothing(many: Week) -> None:
    def everything() -> dict[str, bytes]:
        root = many.store.root.parent.parent
        return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    before = everything()
    dry, _ = verificacion.plan_prune(many)
    assert everything() == before
    real = verificacion.do_prune(many)
    assert verificacion.poda_texto(dry) == verificacion.poda_texto(real)
    assert verificacion.poda_data(dry) == verificacion.poda_data(real)
    gone = [path for path in before if str(dry.plan.salen[0].ficha.id) in path]
    assert gone
    assert before.keys() - everything().keys() == set(gone)


def test_a_damaged_backup_takes_no_place_is_named_and_stays(many: Week) -> None:
    damaged = many.store.accepted()[-2]
    page = damaged.path / "tables" / "campos.parquet"
    page.write_bytes(page.read_bytes()[:-1] + b"!")
    poda = verificacion.do_prune(many)
    said = {line.ficha.id: line.motivo for line in poda.plan.quedan}
    assert said[damaged.id] == "sin verificar"
    assert many.store.accepted()[-3].id in said, "it takes the place"
    assert "tables/campos.parquet: el contenido cambió" in poda.danados[0]
    assert "Dañado, no cuenta y no se toca" in verificacion.poda_texto(poda)
    informe = verificacion.with_poda(WeekReport(verificacion.read(many)), lambda: poda)
    assert isinstance(informe.fallo_poda, SnapshotDamaged)


def test_without_reading_nothing_goes_on_the_strength_of_what_nobody_read(many: Week) -> None:
    assert verificacion.after_night(many.settings, many.modo, many.now) == ""
    assert len(many.store.accepted()) == 12
    first = str(many.store.accepted()[0].id)
    verificacion.do_prune(many)  # reads all, and notes it
    second = str(many.store.accepted()[0].id)
    said = verificacion.after_night(many.settings, many.modo, many.now)
    assert said == f"Retención: salieron `{second}`."
    assert first != second


def test_a_wrong_clock_is_said_and_fails_the_week_but_not_the_night(many: Week) -> None:
    early = encargo_in(many.store.root.parent.parent, NOW - timedelta(days=400), **FEW)
    poda = verificacion.do_prune(early)
    assert "No se quita nada: el reloj dice" in verificacion.poda_texto(poda)
    informe = verificacion.with_poda(WeekReport(verificacion.read(early)), lambda: poda)
    assert isinstance(verificacion.outcome(early, informe).error, DataError)
    said = verificacion.after_night(early.settings, early.modo, early.now)
    assert said.startswith("Retención: no se quita nada, el reloj dice")
    assert len(many.store.accepted()) == 12


def test_a_prune_that_fails_leaves_the_report(many: Week) -> None:
    def podar() -> Poda:
        raise PublishError("the disk is full")

    informe = verificacion.with_poda(WeekReport(verificacion.read(many)), podar)
    outcome = verificacion.outcome(many, informe)
    assert isinstance(outcome.error, PublishError)
    assert "No se pudo completar: the disk is full" in outcome.markdown


def test_a_night_whose_prune_fails_says_so_and_goes_on(many: Week) -> None:
    (many.store.root / "podados.jsonl").mkdir()
    said = verificacion.after_night(many.settings, many.modo, many.now)
    assert said.startswith("Retención: no se pudo completar")
