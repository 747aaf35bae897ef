"""`lindero status` and `lindero doctor` as processes, with a real server and without one."""

from __future__ import annotations

import base64
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from Modules.orchestration.deployments import BACKUP, DEPLOYMENTS, WORK_POOL
from tests.scripts.conftest import ROOT, Command, ask, command_in, environment_below, prefect_server

pytestmark = pytest.mark.integration

AUTH = "admin:canario-7f3a9c-x8Kd2"


class Server:
    """A Prefect server with a password, spoken to as any program would."""

    def __init__(self, api: str) -> None:
        self.api = api
        token = base64.b64encode(AUTH.encode()).decode()
        self.headers = {"Authorization": f"Basic {token}"}

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return ask("POST", f"{self.api}{path}", body or {}, self.headers)

    def state(self, run: str, kind: str) -> str:
        """Ask for a state; the one that it came to."""
        self.post(f"/flow_runs/{run}/set_state", {"state": {"type": kind}})
        found = ask("GET", f"{self.api}/flow_runs/{run}", headers=self.headers)
        return str(found["state"]["type"])

    def deployment(self) -> str:
        path = f"/deployments/name/{BACKUP.flow}/{BACKUP.name}"
        return str(ask("GET", f"{self.api}{path}", headers=self.headers)["id"])

    def start(self) -> str:
        """A run of the backup, as somebody presses the button in the UI."""
        body = {"state": {"type": "SCHEDULED"}}
        return str(self.post(f"/deployments/{self.deployment()}/create_flow_run", body)["id"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("status")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("prefect-status")
    with prefect_server(home, PREFECT_SERVER_API_AUTH_STRING=AUTH) as api:
        yield Server(api)


@pytest.fixture(scope="module")
def lindero_there(folder: Path, server: Server) -> Command:
    """The command line of a machine that has a server, with everything deployed."""
    call = command_in(
        folder,
        PREFECT_API_URL=server.api,
        PREFECT_SERVER_API_AUTH_STRING=AUTH,
        PREFECT_HOME=str(folder / "home" / ".prefect"),
    )
    (folder / "home" / ".prefect").mkdir(parents=True)
    done = call("deploy", "--all")
    assert done.code == 0, done.err
    return call


OF_THE_PLATFORM = ("plataforma_worker", "sin_vigia")  # this server has neither worker nor watch


def codes(call: Command, *more: str) -> list[str]:
    answer = call("status", "--json", *more)
    rows = answer.json["hallazgos"]
    assert answer.code == int(any(one["nivel"] == "mal" for one in rows)), answer.err
    return [one["codigo"] for one in rows if one["codigo"] not in OF_THE_PLATFORM]


def until(look: Callable[[], bool], deadline_s: float = 90) -> None:
    end = time.monotonic() + deadline_s
    while not look():
        assert time.monotonic() < end, "it did not come"
        time.sleep(1)  # polling another process, bounded by the deadline


def test_without_a_server_it_says_so_and_starts_none(lindero: Command, tmp_path: Path) -> None:
    answer = lindero("status", PREFECT_HOME=str(tmp_path / "prefect"))
    assert answer.code == 1
    assert "MAL: Nunca se publicó una noche.\n  → lindero run backup" in answer.out
    assert "AVISO: No hay un servidor de Prefect configurado" in answer.out
    assert not (tmp_path / "prefect").exists()
    assert not (tmp_path / "home").exists()
    assert codes(lindero) == ["nunca_publicado", "sin_servidor"]
    assert codes(lindero, "--test") == ["nunca_publicado"]


def test_a_server_that_is_down_is_a_finding(lindero: Command) -> None:
    away = lindero("status", "--json", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert away.code == 1
    assert "servidor" in [one["codigo"] for one in away.json["hallazgos"]]
    doctor = lindero("doctor", "--json", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert doctor.code == 1
    assert [one["que"] for one in doctor.json if one["estado"] == "mal"] == ["Servidor de Prefect"]


def test_settings_that_cannot_be_read_end_with_2(lindero: Command) -> None:
    assert lindero("status", LINDERO_PORT="nueve").code == 2
    assert lindero("doctor", LINDERO_PORT="nueve").code == 2


def test_a_wrong_password_is_a_finding(server: Server, lindero: Command) -> None:
    answer = lindero(
        "status",
        "--json",
        PREFECT_API_URL=server.api,
        PREFECT_SERVER_API_AUTH_STRING="admin:otra-cosa-larga",
    )
    assert "rechaza la clave" in str(answer.json)
    assert "otra-cosa-larga" not in answer.out + answer.err


def test_the_next_night_is_known(server: Server, lindero_there: Command) -> None:
    until(lambda: codes(lindero_there) == ["nunca_publicado"])
    there = lindero_there("status", "--json").json["servidor"]
    by_name = {one["deployment"]: one for one in there["programas"]}
    assert set(by_name) == {one.full_name for one in DEPLOYMENTS.values() if one.cron}
    assert by_name[BACKUP.full_name]["proxima"].endswith("T06:00:00+00:00")
    said = lindero_there("status").out
    assert f"Próxima corrida: {BACKUP.full_name}" in said
    assert "03:00" in said


def test_two_starts_at_once_are_said_until_the_next_good_night(
    server: Server, lindero_there: Command
) -> None:
    first, second = server.start(), server.start()
    assert server.state(first, "PENDING") == "PENDING"
    assert server.state(first, "RUNNING") == "RUNNING"
    assert server.state(second, "PENDING") == "CANCELLED"
    found = lindero_there("status", "--json").json["hallazgos"]
    (said,) = [one for one in found if one["codigo"] == "cancelada_por_otra"]
    assert said["nivel"] == "aviso"
    assert "sigue en curso" in said["que"]
    assert server.state(first, "COMPLETED") == "COMPLETED"
    assert "cancelada_por_otra" in codes(lindero_there)
    third = server.start()
    for kind in ("PENDING", "RUNNING", "COMPLETED"):
        assert server.state(third, kind) == kind
    assert "cancelada_por_otra" not in codes(lindero_there)


def test_a_failed_night_is_said_and_a_trial_is_apart(
    server: Server, lindero_there: Command
) -> None:
    run = server.start()
    for kind in ("PENDING", "RUNNING", "FAILED"):
        assert server.state(run, kind) == kind
    assert "fallida" in codes(lindero_there)
    assert "fallida" not in codes(lindero_there, "--test")


def test_a_pause_leaves_no_night_to_come(server: Server, lindero_there: Command) -> None:
    path = f"/deployments/{server.deployment()}"
    server.post(f"{path}/pause_deployment")
    try:
        assert "sin_programa" in codes(lindero_there)
        row = doctor(lindero_there)[f"Despliegue {BACKUP.full_name}"]
        assert (row["estado"], row["detalle"]) == ("mal", "está en pausa")
    finally:
        server.post(f"{path}/resume_deployment")


def doctor(call: Command) -> dict[str, dict[str, str]]:
    answer = call("doctor", "--json")
    assert AUTH.split(":")[1] not in answer.out + answer.err
    return {one["que"]: one for one in answer.json}


def test_the_doctor_sees_what_the_worker_has_to_make(
    server: Server, lindero_there: Command
) -> None:
    lindero_there("deploy", "--all")
    before = doctor(lindero_there)
    assert before["Servidor de Prefect"]["estado"] == "bien"
    assert before[f"Pool {WORK_POOL}"]["estado"] == "bien"
    assert before["Worker"]["estado"] == "mal"
    assert before["Avisos de una noche mala"]["estado"] == "aviso"
    assert before[f"Despliegue {BACKUP.full_name}"]["estado"] == "bien"
    assert before["Secreto de la API"]["estado"] == "bien"
    deployed = [row for what, row in before.items() if what.startswith("Despliegue ")]
    assert len(deployed) == len(DEPLOYMENTS)
    assert {row["estado"] for row in deployed} == {"bien"}, deployed

    server.post(f"/work_pools/{WORK_POOL}/workers/heartbeat", {"name": "lindero"})
    after = doctor(lindero_there)
    assert after["Worker"]["estado"] == "bien"


def test_the_doctor_asks_the_server_over_http_and_loads_no_prefect(
    server: Server, lindero_there: Command, folder: Path
) -> None:
    code = (
        "import sys\nfrom Modules.cli.main import app\n"
        "app(['doctor', '--json'], exit_on_error=False)\n"
        "assert 'prefect' not in sys.modules"
    )
    told = {"PREFECT_API_URL": server.api, "PREFECT_SERVER_API_AUTH_STRING": AUTH}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment_below(folder), "PYTHONPATH": str(ROOT), **told},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert BACKUP.full_name in done.stdout


def _automation(name: str) -> dict[str, Any]:
    trigger = {"type": "event", "posture": "Reactive", "expect": ["nada"], "threshold": 1}
    return {"name": name, "trigger": trigger | {"within": 0}, "actions": [{"type": "do-nothing"}]}
