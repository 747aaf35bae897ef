"""Whole nights through the command line, a real Prefect server and a real portal on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import geopandas as gpd
import psutil
import pytest
from filelock import FileLock

from Modules.demo.world import build_world
from Modules.jobs.backup import FOLDER
from Modules.products.entry import CADA_NOCHE
from Modules.products.registry import made_by
from Modules.words.spanish import corrida
from tests.faults.named import Fault
from tests.faults.running import FaultyPortal, faulty_portal
from tests.processes import patience
from tests.scripts.conftest import (
    ROOT,
    Answer,
    Command,
    ask,
    command_in,
    environment_below,
    night_in,
    prefect_server,
    python_in,
)
from tests.words.test_errors import ENGLISH

pytestmark = pytest.mark.integration


def contents(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Every file below a folder: hash, inode and time of writing."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_ino,
            path.stat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def portal() -> Iterator[FaultyPortal]:
    with faulty_portal(build_world("mini")) as running:
        yield running


def _production_in(folder: Path, portal: FaultyPortal, **more: str) -> Command:
    """It asks for so few rows a page that the marks have three."""
    (profile := folder / "profile.toml").write_text('[paging]\nkind = "page"\nsize = 20\n')
    return command_in(
        folder,
        DATABALER_PROFILE=str(profile),
        DATABALER_BASE_URL=portal.base_url,
        DATABALER_CLIENT_ID=portal.client_id,
        DATABALER_CLIENT_SECRET=portal.client_secret,
        **more,
    )


@pytest.fixture
def production(portal: FaultyPortal, tmp_path: Path) -> Iterator[Command]:
    """``lindero`` with that portal configured, as in production; runs do without Prefect."""
    yield _production_in(tmp_path, portal)
    portal.inject()


@pytest.fixture(scope="module")
def good_night(portal: FaultyPortal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one night was published; tests that change it work on copies."""
    folder = tmp_path_factory.mktemp("good")
    good = _production_in(folder, portal)("run", "backup")
    assert good.code == 0, good.err
    return folder


@pytest.fixture(scope="module")
def after_a_good_night(
    good_night: Path, portal: FaultyPortal, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Command, Path]:
    """The command line where one night was published, and its outputs."""
    folder = tmp_path_factory.mktemp("after")
    shutil.copytree(good_night, folder, dirs_exist_ok=True)
    return _production_in(folder, portal), folder / "outputs"


@pytest.fixture
def production_after_a_night(production: Command, good_night: Path, tmp_path: Path) -> Command:
    """``production`` in a copy of what a night left."""
    shutil.copytree(good_night, tmp_path, dirs_exist_ok=True)
    return production


@pytest.fixture
def under_prefect(
    production_after_a_night: Command, portal: FaultyPortal, prefect_api: str, tmp_path: Path
) -> Command:
    """The same with a Prefect server: the stages are its tasks, what they say is its log."""
    return _production_in(tmp_path, portal, PREFECT_API_URL=prefect_api)


def test_a_trial_without_a_portal_then_a_quiet_night_then_a_day_on(
    lindero: Command, tmp_path: Path
) -> None:
    first = lindero("run", "backup", "--test", "--json")
    assert (first.code, first.err) == (0, "")
    data = first.json["data"]
    assert data["first_night"]
    assert data["recursos"]["lotes"] == {"received": 12, "accepted": 12, "rejected": 0}
    published = Path(data["published_dir"])
    assert published.is_relative_to(tmp_path / "test_outputs" / "Backup_Databaler" / "25-26")
    for folder in (Path(data["snapshot_dir"]), published):
        subprocess.run(["sha256sum", "--quiet", "-c", "manifest.sha256"], cwd=folder, check=True)
    layer = gpd.read_file(published / "lotes.gpkg")
    assert layer.crs.to_epsg() == 4326
    assert layer["superficie_ha"].sum() == pytest.approx(data["superficie_ha"], abs=1e-3)
    before = contents(tmp_path / "test_outputs")

    second = lindero("run", "backup", "--test")
    assert second.code == 0, second.err
    assert "sin cambios" in second.out
    stages = ["Traer del portal", "Revisar la noche", "Guardar el backup", "Publicar"]
    stages.append("Traer las fotos")
    told = [*stages, *(f"Producto {one.nombre}" for one in made_by(CADA_NOCHE))]
    said = second.err.splitlines()
    assert [line for line in said if line.endswith("…")] == [f"{stage}…" for stage in told]
    for stage in told:
        assert any(re.match(rf"{stage}: .+ \(\d+,\d s\)$", line) for line in said), second.err
    assert "Lotes 12 en 1 página" in second.err
    assert "rechazan 0 y avisan 1: noche aceptada (" in second.err
    assert said[-1].startswith("La corrida terminó bien, en ")
    assert not any(ENGLISH.search(line) for line in said), second.err
    assert contents(tmp_path / "test_outputs") == before

    third = lindero("run", "backup", "--test", LINDERO_DEMO_DAY="1")
    assert third.code == 0, third.err
    assert "Cambios desde" in third.out
    assert "borde movido" in third.out
    kept = {name: fact for name, fact in before.items() if name.startswith(FOLDER)}
    assert kept.items() <= contents(tmp_path / "test_outputs").items()


def test_production_without_a_portal_is_refused_at_once(lindero: Command, tmp_path: Path) -> None:
    answer = lindero("run", "backup")
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert "DATABALER_BASE_URL" in answer.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--campania", "2025"), "no es una campaña; escribir dos años seguidos, como 25/26"),
        (("--campania", "25/27"), "no es una campaña; escribir dos años seguidos, como 25/26"),
        (("--nonsense",), "--nonsense"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(
    lindero: Command, arguments: tuple[str, ...], said: str
) -> None:
    answer = lindero("run", "backup", "--test", *arguments)
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert said in answer.err


def test_a_prefect_server_that_is_down_is_said_before_anything_starts(
    lindero: Command, tmp_path: Path
) -> None:
    answer = lindero("run", "backup", "--test", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert answer.code == 2
    assert "PREFECT_API_URL" in answer.err
    assert not (tmp_path / "test_outputs").exists()


REFUSALS: Mapping[str, tuple[dict[str, Any], int, str]] = {
    "unknown campaña": ({"arguments": ("--campania", "98/99")}, 2, "98/99"),
    "wrong secret": ({"environment": {"DATABALER_CLIENT_SECRET": "canary-51"}}, 2, "credenciales"),
    "portal down": ({"environment": {"DATABALER_BASE_URL": "http://127.0.0.1:9/x"}}, 4, "llegar"),
    "half list": ({"fault": Fault("half_page", "lotes", 1)}, 1, "incompleta"),
    "half a page short": ({"fault": Fault("next_null", "marcadores", 1)}, 1, "incompleta"),
    "empty list": ({"fault": Fault("empty_list", "lotes")}, 1, "cuarentena"),
    "half a night, whole by its own count": ({"fault": Fault("night_half")}, 1, "cuarentena"),
    "HTML con 200": ({"fault": Fault("html_200", "campos")}, 1, "forma"),
    "una redirección; no se sigue, revisar la dirección": (
        {"fault": Fault("redirect_302", "lotes")},
        1,
        "Detalle",
    ),
}


@pytest.mark.parametrize("name", list(REFUSALS))
def test_a_refused_night_says_why_and_touches_nothing(
    name: str, after_a_good_night: tuple[Command, Path], portal: FaultyPortal
) -> None:
    command, outputs = after_a_good_night
    how, code, said = REFUSALS[name]
    before = contents(outputs)
    portal.inject(*([how["fault"]] if "fault" in how else []))
    bad = command("run", "backup", *how.get("arguments", ()), **how.get("environment", {}))
    portal.inject()
    assert bad.code == code, bad.err
    assert said in bad.err
    assert "Traceback" not in bad.out + bad.err
    assert "canary" not in bad.out + bad.err
    assert before
    assert contents(outputs) == before


def test_of_two_campanias_the_one_that_fails_does_not_hide_the_other(
    after_a_good_night: tuple[Command, Path],
) -> None:
    command, _ = after_a_good_night
    both = command("run", "backup", "--json", LINDERO_CAMPANIA="98/99,25/26")
    assert both.code == 2, both.err
    seasons = both.json["data"]["campanias"]
    assert (seasons["98/99"], seasons["25/26"]["accepted"]) == ({}, True)
    assert both.json["error"]["kind"] == "CampaniasFailed"
    assert "Campaña 98/99: El portal no tiene esa campaña." in both.json["error"]["mensaje"]
    assert "25/26" in both.json["summary"]
    by_the_portal = command("run", "backup", "--json", "--campania", "actual")
    assert by_the_portal.json["data"]["campania"] == "25/26"
    assert command("run", "kmz", "--campania", "98/99,25/26").code == 1


def test_a_quarantined_night_can_be_accepted_once(
    production_after_a_night: Command, portal: FaultyPortal, tmp_path: Path
) -> None:
    production = production_after_a_night
    portal.inject(Fault("night_campo_gone"))
    refused = production("run", "backup", "--json")
    assert refused.code == 1
    assert refused.json["error"]["kind"] == "NightRefused"
    snapshot = refused.json["data"]["snapshot"]
    folder = Path(refused.json["data"]["snapshot_dir"])
    assert folder.parent.parent.name == "quarantine"
    assert '"changes"' in (folder / "verdict.json").read_text(encoding="utf-8")

    no_reason = production("backups", "accept", snapshot)
    assert no_reason.code == 2
    outputs = tmp_path / "outputs"
    in_the_way = outputs / "muestreos"
    in_the_way.rename(outputs / "aparte")
    in_the_way.write_text("a file where a folder goes", encoding="utf-8")
    taken = production("backups", "accept", snapshot, "--reason", "campo vendido")
    assert taken.code == 5, "accepted, and one product could not be written"
    assert f"{snapshot} quedó aceptado" in taken.err
    assert "lindero run productos --campania 25/26" in taken.err
    assert "aceptado y publicado" in taken.out
    for carpeta in ("cultivos", "sustentabilidad"):
        record = json.loads((outputs / carpeta / ".lindero.json").read_text("utf-8"))
        assert record["snapshot"] == snapshot
    in_the_way.unlink()
    (outputs / "aparte").rename(in_the_way)
    assert production("run", "productos").code == 0
    assert (tmp_path / "outputs/Backup_Databaler/25-26" / snapshot / "lotes.gpkg").is_file()
    again = production("backups", "accept", snapshot, "--reason", "campo vendido")
    assert again.code != 0
    listed = production("backups", "list", "--json")
    assert snapshot in listed.out
    assert "cuarentena" not in listed.out
    assert production("run", "backup").code == 0, "the night after is measured against it"


def test_a_second_run_at_the_same_time_is_turned_away(
    production_after_a_night: Command, tmp_path: Path
) -> None:
    production = production_after_a_night
    lock = next((tmp_path / "state").rglob("*.lock"))
    with FileLock(lock):
        answer = production("run", "backup")
    assert answer.code == 3
    assert "Otra corrida" in answer.err
    assert production("run", "backup").code == 0


def test_a_dangling_link_is_refused_before_anything_is_fetched(
    production: Command, portal: FaultyPortal, tmp_path: Path
) -> None:
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "Backup_Databaler").symlink_to(tmp_path / "nowhere")
    asked = len(portal.requests)
    answer = production("run", "backup")
    assert answer.code == 5
    assert "no lleva a ningún lado" in answer.err
    assert len(portal.requests) == asked


def test_a_plain_folder_where_a_link_is_configured_is_refused(
    production_after_a_night: Command, portal: FaultyPortal, tmp_path: Path
) -> None:
    production = production_after_a_night
    target = tmp_path / "OneDrive"
    target.mkdir()
    (tmp_path / "symlink_config.json").write_text(
        f'{{"../outputs/Backup_Databaler": "{target.as_posix()}"}}', encoding="utf-8"
    )
    shutil.rmtree(tmp_path / "outputs" / "Backup_Databaler")
    (tmp_path / "outputs" / "Backup_Databaler").mkdir()
    asked = len(portal.requests)
    assert production("run", "backup").code == 5
    assert len(portal.requests) == asked
    (tmp_path / "outputs" / "Backup_Databaler").rmdir()
    (tmp_path / "outputs" / "Backup_Databaler").symlink_to(target)
    assert production("run", "backup").code == 0
    assert list(target.rglob("lotes.gpkg"))
    assert (tmp_path / "outputs" / "Backup_Databaler").is_symlink()


def test_a_retry_is_told_in_the_log_of_the_run_and_on_standard_error(
    under_prefect: Command, portal: FaultyPortal, prefect_api: str
) -> None:
    portal.inject(Fault("status_503", "lotes", times=1))
    answer = under_prefect("run", "backup")
    assert answer.code == 0, answer.err
    said = [line["message"] for line in _post(prefect_api, "logs/filter", {"limit": 200})]
    for lines in (said, answer.err.splitlines()):
        assert any("lotes" in line and "503; se pide otra vez en" in line for line in lines)


def test_prefect_shows_the_run_its_artifacts_and_a_spanish_message(
    under_prefect: Command, portal: FaultyPortal, prefect_api: str
) -> None:
    assert under_prefect("run", "backup").code == 0
    portal.inject(Fault("night_half"))
    assert under_prefect("run", "backup").code == 1
    runs = _post(prefect_api, "flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 2})
    failed, completed = runs
    assert under_prefect("run", "backup", DATABALER_BASE_URL="http://127.0.0.1:9/x").code == 4
    (dead,) = _post(prefect_api, "flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 1})
    for run, said in (
        (completed, ("Lotes 12 en", "noche aceptada", "archivos: ", "La corrida terminó bien")),
        (failed, ("noche RECHAZADA", "RECHAZA · ", "en cuarentena", "La corrida falló a los")),
        (dead, ("rechazó la conexión; se pide otra vez", "No se pudo llegar al portal")),
    ):
        page = _page_of(prefect_api, run["id"], said[-1])
        assert {line["name"] for line in page} == {corrida.name}, "Prefect's own are English"
        lines = [line["message"] for line in page]
        assert not [line for line in lines if ENGLISH.search(line)]
        assert [words for words in said if not any(words in line for line in lines)] == []
    assert (failed["state_type"], completed["state_type"]) == ("FAILED", "COMPLETED")
    message = failed["state"]["message"]
    assert message.startswith("Los controles rechazaron")
    assert "quedaron como estaban" in message
    assert "Qué hacer:" in message
    assert completed["name"].startswith("25-26-prod-")
    artifacts = _post(prefect_api, "artifacts/filter", {"limit": 50})
    keys = {(row["flow_run_id"], row["key"]) for row in artifacts}
    for run in runs:
        assert (run["id"], "resumen-corrida") in keys
        assert (run["id"], "calidad-datos") in keys
    log_lines = _post(prefect_api, "logs/filter", {"limit": 200})
    everything = f"{artifacts}{log_lines}{runs}"
    assert portal.client_secret not in everything


def _page_of(api: str, run_id: str, last: str) -> list[dict[str, Any]]:
    """The log of a run, once its last line came: they come a moment after the run."""
    question = {"logs": {"flow_run_id": {"any_": [run_id]}}, "limit": 200}
    deadline = time.monotonic() + patience(20)
    while True:
        page: list[dict[str, Any]] = _post(api, "logs/filter", question)
        if any(last in line["message"] for line in page):
            return page
        assert time.monotonic() < deadline, page
        time.sleep(0.1)  # polling a server, bounded by the deadline above


@pytest.mark.slow
def test_a_prefect_server_with_a_password_takes_that_of_the_settings(
    lindero: Command, tmp_path: Path
) -> None:
    home = tmp_path / "server"
    home.mkdir()
    with prefect_server(home, PREFECT_SERVER_API_AUTH_STRING="admin:right-51") as api:
        wrong = {"PREFECT_API_URL": api, "PREFECT_SERVER_API_AUTH_STRING": "admin:canary-51"}
        refused = lindero("run", "backup", "--test", **wrong)
        assert (refused.code, refused.err.count("\n")) == (2, 1)
        assert "PREFECT_SERVER_API_AUTH_STRING" in refused.err
        assert "canary" not in refused.err
        assert not (tmp_path / "test_outputs").exists()
        right = {**wrong, "PREFECT_SERVER_API_AUTH_STRING": "admin:right-51"}
        assert lindero("run", "backup", "--test", **right).code == 0
        for fixed, code in ((wrong, 2), (right, 0)):
            done = _deploy(tmp_path, **fixed)
            assert done.code == code, done.err


def test_a_deployment_without_a_server_is_refused(tmp_path: Path) -> None:
    for api in ({}, {"PREFECT_API_URL": "http://127.0.0.1:9/api"}):
        done = _deploy(tmp_path, **api)
        assert done.code == 2
        assert "PREFECT_API_URL" in done.err
        assert "Traceback" not in done.err


def _deploy(folder: Path, **more: str) -> Answer:
    return python_in(folder, str(ROOT / "scripts" / "backup_lotes.py"), **more)


def test_an_accepted_night_whose_publication_was_cut_short_is_finished_by_accepting_again(
    production_after_a_night: Command, portal: FaultyPortal, tmp_path: Path
) -> None:
    production = production_after_a_night
    portal.inject(Fault("night_campo_gone"))
    snapshot = production("run", "backup", "--json").json["data"]["snapshot"]
    in_the_way = tmp_path / "outputs/Backup_Databaler/25-26" / snapshot
    in_the_way.write_text("a file where a folder goes", encoding="utf-8")
    accept = ("backups", "accept", snapshot, "--reason", "campo vendido")
    assert production(*accept).code == 5
    in_the_way.unlink()
    finished = production(*accept, "--json")
    assert finished.code == 0
    assert (in_the_way / "lotes.gpkg").is_file()
    assert (finished.json["estado"], finished.json["error"]) == ("aceptado", None)
    assert finished.json["productos"]["cultivos"]["written"]


def _post(api: str, path: str, body: dict[str, Any]) -> Any:
    return ask("POST", f"{api}/{path}", body)


def test_the_flow_deploys_itself_at_three_in_buenos_aires(prefect_api: str, tmp_path: Path) -> None:
    for _ in range(2):  # again changes nothing
        done = _deploy(tmp_path, PREFECT_API_URL=prefect_api)
        assert done.code == 0, done.err
    found = _post(prefect_api, "deployments/filter", {})
    backup = [row for row in found if row["name"] == "backup-lotes-daily-3am"]
    assert len(backup) == 1
    schedule = backup[0]["schedules"][0]["schedule"]
    assert schedule["cron"] == "0 3 * * *"
    assert schedule["timezone"] == "America/Argentina/Buenos_Aires"
    assert backup[0]["parameters"] == {"test": False}, "the flow reads LINDERO_CAMPANIA"
    assert backup[0]["entrypoint"] == "scripts/backup_lotes.py:backup_databaler_flow"


def _alone(tmp_path: Path, *command: str, **more: str) -> Answer:
    """A command that ends with an error of its own if it has loaded Prefect."""
    code = (
        "import sys\nfrom Modules.cli.main import app\nassert 'prefect' not in sys.modules\n"
        f"code = app({list(command)!r}, exit_on_error=False)\n"
        "sys.exit(99 if 'prefect' in sys.modules else code)"
    )
    return python_in(tmp_path, "-c", code, prefect=False, **more)


def test_without_a_server_a_night_is_the_same_and_prefect_is_not_loaded(
    lindero: Command, prefect_api: str, tmp_path: Path
) -> None:
    first = _alone(tmp_path, "run", "backup", "--test", "--json")
    assert (first.code, first.err) == (0, "")
    alone = first.json
    before = contents(tmp_path / "test_outputs")
    for command in (("backup",), ("productos",), ("verificar",)):
        done = _alone(tmp_path, "run", *command, "--test", "--json")
        assert done.code == 0, done.err
    assert contents(tmp_path / "test_outputs") == before
    shutil.rmtree(tmp_path / "test_outputs")
    shutil.rmtree(tmp_path / "state")

    served = lindero("run", "backup", "--test", "--json", PREFECT_API_URL=prefect_api).json
    assert served.keys() == alone.keys()
    assert (served["status"], served["error"]) == ("ok", None)
    assert served["data"].keys() == alone["data"].keys()
    same = ("first_night", "superficie_ha", "recursos", "files_written", "changes")
    assert [served["data"][name] for name in same] == [alone["data"][name] for name in same]
    as_it_was = served["summary"].replace(served["data"]["snapshot"], alone["data"]["snapshot"])
    assert as_it_was.splitlines()[5:] == alone["summary"].splitlines()[5:]
    now = contents(tmp_path / "test_outputs")
    products = [name for name in before if not name.startswith(FOLDER)]
    assert products == [name for name in now if not name.startswith(FOLDER)]
    dateless = [name for name in products if name.endswith((".geojson", ".csv", ".parquet"))]
    assert len(dateless) > 5
    assert [now[name][0] for name in dateless] == [before[name][0] for name in dateless]


@pytest.mark.usefixtures("production_after_a_night")
def test_without_a_server_a_refusal_is_told_as_ever(tmp_path: Path, portal: FaultyPortal) -> None:
    told = {
        "DATABALER_BASE_URL": portal.base_url,
        "DATABALER_CLIENT_ID": portal.client_id,
        "DATABALER_CLIENT_SECRET": portal.client_secret,
    }
    for environment, code, said in (
        ({"DATABALER_CLIENT_SECRET": "canary-51"}, 2, "credenciales"),
        ({"DATABALER_BASE_URL": "http://127.0.0.1:9/x"}, 4, "llegar"),
    ):
        bad = _alone(tmp_path, "run", "backup", **{**told, **environment})
        assert bad.code == code
        assert said in bad.err
        first, second, *tried, last = bad.err.splitlines()
        assert first.startswith("Campaña 25/26, de http://127.0.0.1:")
        assert second == "Traer del portal…"
        assert all("; se pide otra vez en " in line for line in tried)
        assert last.startswith("lindero: ")
    portal.inject(Fault("status_503", "lotes", times=1))
    try:
        good = _alone(tmp_path, "run", "backup", "--verbose", **told)
    finally:
        portal.inject()
    assert good.code == 0, good.err
    assert any("WARNING" in line and "lotes" in line for line in good.err.splitlines())


def _asked(portal: psutil.Process) -> bool:
    """Whether somebody is connected to a demo portal: the fetch has begun."""
    with suppress(psutil.Error):
        return any(one.status == "ESTABLISHED" for one in portal.net_connections("tcp"))
    return False


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGTERM elsewhere")
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_run_without_a_server_that_is_ended_leaves_nothing_behind(
    lindero: Command, tmp_path: Path, signum: signal.Signals
) -> None:
    before = contents(night_in(tmp_path, 0) / "test_outputs")
    slow = {"LINDERO_PORTAL_REQUESTS_PER_SECOND": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "Modules.cli.main", "run", "backup", "--test"],
        env={**environment_below(tmp_path), "PYTHONPATH": str(ROOT), **slow},
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # a shell that runs the tests in the background has them ignore what this test sends
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    me = psutil.Process(process.pid)
    deadline = time.monotonic() + 60
    while not (children := [one for one in me.children(recursive=True) if _asked(one)]):
        assert time.monotonic() < deadline
        time.sleep(0.05)  # polling a process, bounded by the deadline above
    process.send_signal(signum)
    _, said = process.communicate(timeout=60)
    assert process.returncode == (130 if signum is signal.SIGINT else -signum)
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []
    assert contents(tmp_path / "test_outputs") == before != {}
    assert not list((tmp_path / "state").glob("test/staging/*"))
    assert lindero("run", "backup", "--test").code == 0
