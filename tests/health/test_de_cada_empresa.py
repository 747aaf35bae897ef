"""The nights of one company of many, and a line for each of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from Modules.cli import main as cli
from Modules.disk.publish import publish_files
from Modules.health.known import Facts, Programa, Publicacion, Run, Servidor
from Modules.health.rules import judge
from Modules.orchestration.deployments import (
    DEPLOYMENTS,
    EMPRESAS,
    MAPAS_EMPRESAS,
    OF_EMPRESAS,
    Deployment,
)
from Modules.orchestration.empresas import Hecha
from Modules.settings import PROJECT_ROOT
from Modules.store.snapshots import SnapshotStore
from Modules.watch.dead import to_redo
from tests.processes import patience
from tests.sample_tables import SEASON, tables

ZONE = ZoneInfo("America/Argentina/Buenos_Aires")
AHORA = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)  # nine in the morning there
NOCHE = datetime(2026, 11, 21, 6, 12, tzinfo=UTC)
PUBLICADA = Publicacion("2026-11-21T061200Z-000042", "25/26", NOCHE, "outputs/sur/x")
BIEN = Facts(
    AHORA,
    ZONE,
    publicada=PUBLICADA,
    noche_para=time(6, 30),
    empresa="O'Higgins & Cía",
    ultima=Hecha("2026-11-21", NOCHE.isoformat(), 0),
)
MALA = Hecha("2026-11-21", (NOCHE + timedelta(minutes=5)).isoformat(), 4, "no contesta")


def test_a_good_night_of_one_of_many_has_nothing_to_say_though_no_server_is_asked() -> None:
    assert judge(BIEN).findings == ()
    assert judge(replace(BIEN, ultima=None)).findings == ()


def test_what_the_run_of_all_made_of_it_is_said_until_a_newer_night_is_published() -> None:
    (said, *_) = judge(replace(BIEN, ultima=MALA)).findings
    assert (said.code, said.what) == ("fallida", "La noche del 21/11/2026 03:17 falló. no contesta")
    assert said.todo.endswith("""lindero run backup --empresa 'O'"'"'Higgins & Cía'""")
    later = replace(PUBLICADA, cuando=NOCHE + timedelta(hours=1))
    assert judge(replace(BIEN, ultima=MALA, publicada=later)).findings == ()
    first = judge(replace(BIEN, ultima=MALA, publicada=None)).findings
    assert [one.code for one in first] == ["fallida", "nunca_publicado"]


def test_maps_that_failed_are_a_warning_until_the_next_of_all() -> None:
    failed = replace(MALA, codigo=1, error="KMZ POR CAMPO: no se pudo armar")
    report = judge(replace(BIEN, mapas=failed))
    (said,) = report.findings
    assert (said.code, said.is_error, report.exit_code) == ("mapas_fallidos", False, 0)
    assert said.what == (
        "Los mapas (KMZ y H3) del 21/11/2026 03:17 fallaron, todos o algunos. "
        "KMZ POR CAMPO: no se pudo armar"
    )
    assert said.todo.endswith("""y lindero run h3 --empresa 'O'"'"'Higgins & Cía'""")
    assert judge(replace(BIEN, mapas=replace(MALA, codigo=0))).findings == ()


def test_silence_is_told_of_one_of_many_too() -> None:
    """Its night is that of the run of all, and nobody has to see a server for it."""
    old = replace(PUBLICADA, cuando=NOCHE - timedelta(days=1))
    (said,) = judge(replace(BIEN, publicada=old)).findings
    assert said.code == "sin_noche"
    assert "06:30" in said.what
    assert judge(replace(BIEN, publicada=old, ahora=AHORA - timedelta(hours=3))).findings == ()


@pytest.mark.parametrize("what", [EMPRESAS, MAPAS_EMPRESAS], ids=lambda one: one.name)
def test_the_night_of_all_and_their_maps_that_died_are_done_again_once(what: Deployment) -> None:
    due = NOCHE - timedelta(minutes=2)
    died = Run(what.flow, "noche", "CRASHED", due, id="a", del_horario=True)
    programa = Programa(what.full_name, what.cuando, desplegado=True)
    facts = Facts(
        due + timedelta(minutes=20), ZONE, servidor=Servidor("x", None, (died,), (programa,))
    )
    assert to_redo(facts, time(6, 30), what) == died
    assert to_redo(facts, time(6, 30)) is None, "the other night did not die"
    own = replace(facts, turno="pid 7 de ana", publicada=BIEN.publicada)
    assert to_redo(own, time(6, 30), what) == died, "that is the one company's"
    again = replace(died, estado="RUNNING", id="b", otra_vez=True, del_horario=False)
    both = replace(facts, servidor=Servidor("x", None, (died, again), (programa,)))
    assert to_redo(both, time(6, 30), what) is None


def test_the_deployments_are_there_only_with_a_list_of_companies() -> None:
    assert not set(OF_EMPRESAS) & set(DEPLOYMENTS)
    code = "from Modules.orchestration.deployments import *; print(*DEPLOYMENTS)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "LINDERO_EMPRESAS": "empresas.toml"},
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=patience(60),
        check=True,
    )
    nights = ["backup-empresas", "tanda-empresas", "backup-empresas-prueba"]
    maps = ["mapas-empresas", "tanda-mapas", "mapas-empresas-prueba"]
    assert done.stdout.split() == [*DEPLOYMENTS, *nights, *maps]
    assert MAPAS_EMPRESAS.cuando == "los domingos a las 04:15"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good company, one that never had a night, and an entry that is wrong."""
    file = tmp_path / "empresas.toml"
    for name, value in (
        ("EMPRESAS", file),
        ("STATE_DIR", tmp_path / "state"),
        ("OUTPUTS_DIR", tmp_path / "out"),
        ("NIGHT_BY", "nunca"),
        ("EMPRESA", ""),  # so that what a command sets goes
    ):
        monkeypatch.setenv(f"LINDERO_{name}", str(value))
    entry = "[[empresas]]\nnombre = '{}'\nportal = '{}'\n"
    good, new, bad = (("Sur", "https://a.example"), ("Norte", "https://b.example"), ("Este", "b"))
    file.write_text("\n".join(entry.format(*one) for one in (good, new, bad)), encoding="utf-8")
    store = SnapshotStore(tmp_path / "state" / "empresas" / "sur" / "prod")
    draft = store.draft(SEASON, datetime.now(UTC))
    draft.write_tables(tables(2))
    facts = {"portal": {"origin": "https://a.example", "profile": "contract@0"}, "parent": None}
    kept = store.keep(draft, verdict={}, accepted=True, facts=facts)
    copy = tmp_path / "out" / "sur" / "Backup_Databaler" / SEASON.slug / str(kept.id)
    publish_files(kept.files, copy, snapshot_id=str(kept.id), now=datetime.now(UTC))
    return tmp_path


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    said = capsys.readouterr()
    return int(str(ended.value.code)), said.out, said.err


def test_status_has_a_line_for_each_the_worst_first_and_ends_with_the_worst_code(
    house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = answer(capsys, "status", "--todas", "--json")
    rows = json.loads(out)
    assert code == 2
    assert [(row["empresa"], row["veredicto"]) for row in rows] == [
        ("Norte", "mal"),
        ("Este", "mal"),
        ("Sur", "bien"),
    ]
    assert rows[0]["qué hacer"] == "lindero run backup --empresa Norte"
    assert rows[1]["qué"].startswith("empresas.toml, renglón 11 (Este): portal: no es")
    assert rows[2]["última noche buena"] != "nunca"
    (house / "empresas.toml").write_text(
        "[[empresas]]\nnombre = 'Sur'\nportal='https://a.example'\n"
    )
    code, out, _ = answer(capsys, "status", "--todas")
    assert code == 0
    assert "Empresas: 1 bien." in out


def test_any_command_is_of_the_company_that_it_names(
    house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = answer(capsys, "--empresa", "sur", "backups", "list", "--json")
    assert (code, len(json.loads(out))) == (0, 1)
    code, out, _ = answer(capsys, "status", "--empresa=SUR", "--json")
    assert (code, json.loads(out)["bien"]) == (0, True)
    code, _, err = answer(capsys, "backups", "list", "--empresa", "Oeste")
    assert (code, "no hay una empresa 'Oeste'" in err) == (2, True)
    code, _, err = answer(capsys, "run", "backup", "--empresa")
    assert (code, "--empresa lleva un nombre" in err) == (2, True)
    code, _, err = answer(capsys, "stack", "up", "--empresa", "Sur")
    assert (code, "no va con stack" in err) == (2, True)
