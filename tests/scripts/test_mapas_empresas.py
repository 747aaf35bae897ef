"""The maps of every company, out of its backups alone; as Jobs: ``test_k8s_jobs``."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from Modules.orchestration.empresas import Obrero
from tests.processes import patience
from tests.scripts.conftest import command_in, companies_in

pytestmark = pytest.mark.integration
QUICK = {"LINDERO_H3_RESOLUTIONS": "8,9", "LINDERO_TASK_RUNNER": "serial"}


def test_maps_need_no_secret_of_a_company_and_its_night_is_refused_without(tmp_path: Path) -> None:
    file = companies_in(tmp_path, "Sur")
    with file.open("a", encoding="utf-8") as entries:
        entries.write("\n[[empresas]]\nnombre = 'Nueva'\nportal = 'https://nueva.example'\n")
    lindero = command_in(tmp_path, LINDERO_EMPRESAS=str(file), **QUICK)

    made = lindero("run", "mapas-empresas", "--test", "--json")
    assert (made.code, made.json["status"], made.json["data"]["bien"]) == (1, "partial", 1), (
        made.err
    )
    said = "todavía no hay un backup aceptado de 25/26 (test); primero: lindero run backup"
    assert made.json["data"]["fallaron"] == {"Nueva": said}, "said once, though two maps lack it"
    of_sur = tmp_path / "test_outputs" / "sur"
    assert list((of_sur / "KMZ POR CAMPO").rglob("*.kmz"))
    assert list((of_sur / "H3").rglob("h3_25-26_r09.gpkg"))
    assert not (tmp_path / "test_outputs" / "H3").exists(), "of the one company nothing is made"
    summary = tmp_path / "state" / "empresas" / "sur" / "resumen-mapas-test.md"
    assert {"# KMZ 25/26", "# Hexágonos H3 25/26"} <= set(summary.read_text("utf-8").splitlines())

    night = lindero("run", "backup", "--empresa", "Sur", "--test", "--json")
    assert night.code == 2
    assert "secreto: no está la variable que nombra" in night.json["error"]["detail"]
    told = lindero("status", "--empresa", "Nueva", "--test", "--json").json["hallazgos"]
    assert [one["nivel"] for one in told if one["codigo"] == "mapas_fallidos"] == ["aviso"]


def gone(process: Obrero) -> None:
    """As where who asks was killed."""
    assert process.process.stdin is not None
    process.process.stdin.close()


@pytest.mark.skipif(os.name != "posix", reason="a group of processes is POSIX's")
@pytest.mark.parametrize("ended", [Obrero.end, gone])
def test_who_is_ended_amid_the_maps_takes_along_the_processes_that_make_the_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: Callable[[Obrero], None]
) -> None:
    """They waited for ever for the next piece, with 200 MB each."""
    monkeypatch.setenv("LINDERO_EMPRESAS", str(companies_in(tmp_path, "Sur")))
    monkeypatch.setenv("LINDERO_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("LINDERO_TEST_OUTPUTS_DIR", str(tmp_path / "test_outputs"))
    monkeypatch.setenv("LINDERO_TASK_RUNNER", "processes")
    process = Obrero()
    thread = threading.Thread(target=process.ask, args=(["Sur", True, "mapas"], 600))
    thread.start()
    try:
        first, deadline = psutil.Process(process.process.pid), time.monotonic() + patience(60)
        while not (
            making := [one for one in first.children() if "spawn_main" in str(one.cmdline())]
        ):
            assert time.monotonic() < deadline
            time.sleep(0.05)  # polling a process, bounded by the deadline above
        ended(process)
        _, alive = psutil.wait_procs([first, *making], timeout=patience(20))
        assert alive == []
    finally:
        process.end()
        thread.join(20)
