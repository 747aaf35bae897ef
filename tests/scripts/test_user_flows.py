"""A flow that a user wrote, deployed as the users do, run by a real worker."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.processes import ended, patience
from tests.scripts.conftest import ROOT, ask, environment_below, python_in

pytestmark = pytest.mark.integration

THEIRS = '''
"""Lluvias: the rain of each field, a flow of our own."""

from prefect import flow

from Modules.outputs import carpeta


@flow(name="Lluvias")
def lluvias_flow(test: bool = True) -> str:
    archivo = carpeta("lluvias", test=test) / "lluvias.csv"
    archivo.write_text("campo;mm\\nLa Ñandú;12\\n", encoding="utf-8")
    return str(archivo)


if __name__ == "__main__":
    for name, entrypoint in (
        ("lluvias", "mis_lluvias.py:lluvias_flow"),
        ("hola", "hello_world.py:hello_world_flow"),
    ):
        flow.from_source(source="SCRIPTS", entrypoint=entrypoint).deploy(
            name=name, work_pool_name="local-pool", ignore_warnings=True
        )
'''


DECORATED = """
from prefect import flow
from Modules.carpetas import carpeta as as_ever
from Modules.decorators import carpeta, logged_task, retry_transient, timed
from Modules.words.errors import ApiRejected, ApiUnavailable, PublishError

tries = {"bajar": 0, "escribir": 0, "pedir": 0}


@logged_task("Bajar lluvias", retries=2, delay_s=0)
def bajar():
    tries["bajar"] += 1
    if tries["bajar"] < 3:
        raise ApiUnavailable("no answer")
    return 12


@retry_transient(1, delay_s=0)
@timed
def escribir(archivo, mm):
    tries["escribir"] += 1
    if tries["escribir"] < 2:
        raise PublishError("held open")
    archivo.write_text(f"campo;mm\\nLa Ñandú;{mm}\\n", encoding="utf-8")


@logged_task("Pedir permiso", retries=2, delay_s=0)
def pedir():
    tries["pedir"] += 1
    raise ApiRejected("no")


@flow(name="Decorada")
def decorada(test: bool = True):
    assert carpeta is as_ever
    archivo = carpeta("lluvias", test=test) / "lluvias.csv"
    escribir(archivo, bajar())
    assert isinstance(pedir(return_state=True).result(raise_on_failure=False), ApiRejected)
    return tries


print(decorada())
"""


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A copy of the project's flows, beside nothing of the project, with one of a user."""
    folder = tmp_path / "app" / "scripts"
    shutil.copytree(ROOT / "scripts", folder, ignore=shutil.ignore_patterns("__pycache__"))
    page = THEIRS.replace("SCRIPTS", folder.as_posix())
    (folder / "mis_lluvias.py").write_text(page, encoding="utf-8")
    return folder


@contextmanager
def _worker(environment: dict[str, str], folder: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "local-pool"]
    with (folder / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [*command, "--type", "process", "--name", "of-the-test"],
            env={**environment, "PREFECT_WORKER_QUERY_SECONDS": "2"},
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield
    finally:
        ended(worker)


def _ended(api: str, run: str, log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + patience(150)
    while time.monotonic() < deadline:
        found = ask("GET", f"{api}/flow_runs/{run}")
        if found["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
            return found
        time.sleep(0.5)  # polling a run, bounded by the deadline above
    pytest.fail(f"run {found['state_name']}: {log.read_text(errors='replace')[-2000:]}")


def test_a_flow_of_a_user_imports_modules_and_writes_where_test_says(
    prefect_api: str, tmp_path: Path, scripts: Path
) -> None:
    environment = {**environment_below(tmp_path), "PREFECT_API_URL": prefect_api}
    assert "PYTHONPATH" not in environment
    if not ask("POST", f"{prefect_api}/work_pools/filter", {}):
        ask("POST", f"{prefect_api}/work_pools/", {"name": "local-pool", "type": "process"})
    deployed = python_in(tmp_path, str(scripts / "mis_lluvias.py"), PREFECT_API_URL=prefect_api)
    assert deployed.code == 0, deployed.out + deployed.err
    with _worker(environment, tmp_path):
        begun = [
            _begun(prefect_api, name, parameters)
            for name, parameters in (
                ("Lluvias/lluvias", {"test": True}),
                ("Hello World/hola", {"nombre": "campo"}),
            )
        ]
        ended = [_ended(prefect_api, run, tmp_path / "worker.log") for run in begun]
    logs = ask("POST", f"{prefect_api}/logs/filter", {"limit": 200})
    for run in ended:
        assert run["state_type"] == "COMPLETED", [line["message"] for line in logs]
    written = list(tmp_path.rglob("lluvias.csv"))
    assert written == [tmp_path / "test_outputs" / "lluvias" / "lluvias.csv"]
    assert not (tmp_path / "outputs").exists()


def _begun(api: str, name: str, parameters: dict[str, Any]) -> str:
    deployment = ask("GET", f"{api}/deployments/name/{name}")["id"]
    run = ask("POST", f"{api}/deployments/{deployment}/create_flow_run", {"parameters": parameters})
    return str(run["id"])


def test_the_decorators_of_users_measure_and_repeat_what_time_can_mend(
    prefect_api: str, tmp_path: Path
) -> None:
    page = tmp_path / "decorada.py"
    page.write_text(DECORATED, encoding="utf-8")
    done = python_in(tmp_path, str(page), PREFECT_API_URL=prefect_api)
    assert done.code == 0, done.err
    assert done.out.strip() == str({"bajar": 3, "escribir": 2, "pedir": 1})
    written = tmp_path / "test_outputs" / "lluvias" / "lluvias.csv"
    assert "La Ñandú;12" in written.read_text(encoding="utf-8")
    assert not (tmp_path / "outputs").exists()
    logs = ask("POST", f"{prefect_api}/logs/filter", {"limit": 200, "sort": "TIMESTAMP_DESC"})
    said = [line["message"] for line in logs]
    for start in ("bajar falló a los", "bajar tardó", "escribir tardó", "pedir falló a los"):
        assert any(line.startswith(start) for line in said), (start, said)
    runs = ask("POST", f"{prefect_api}/task_runs/filter", {"limit": 200})
    assert any(run["name"].startswith("Bajar lluvias") for run in runs)
