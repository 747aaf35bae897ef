"""Before the worker starts: automations, what is swept away, and runs that nobody holds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from prefect import flow
from prefect.automations import AutomationCore, EventTrigger, Posture
from prefect.blocks.notifications import SlackWebhook
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import BlockDocumentCreate, WorkPoolCreate
from prefect.client.schemas.objects import FlowRun
from prefect.events.actions import CallWebhook, DoNothing
from prefect.exceptions import ObjectAlreadyExists
from prefect.states import Cancelling, Completed, Pending, Running, State
from pydantic import SecretStr

from Modules.disk.run_lock import hold_for_life, life_lock
from Modules.orchestration import dead_runs
from Modules.orchestration import server as prefect_ops
from Modules.orchestration.prefect_api import PrefectServer
from Modules.settings import Settings, read_settings
from Modules.words.errors import SettingsError
from tests.scripts.conftest import prefect_server

pytestmark = pytest.mark.integration

CANARY = "canario-7f3a9c"
AUTH = f"admin:{CANARY}"


@flow(name="De prueba")
def nada() -> None:
    """Never run here: its runs are moved by hand, as a worker that died leaves them."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A Prefect server of its own with a password, and its log; automations are for a whole one."""
    home = tmp_path_factory.mktemp("prefect-ops")
    with prefect_server(home, PREFECT_SERVER_API_AUTH_STRING=AUTH) as api:
        yield api, home / "server.log"


@pytest.fixture
def api(server: tuple[str, Path]) -> str:
    return server[0]


@pytest.fixture
def client(api: str) -> Iterator[SyncPrefectClient]:
    with SyncPrefectClient(api, auth_string=AUTH) as open_client:
        yield open_client


def settings(api: str, **more: str | None) -> Settings:
    texts = {"prefect_api_url": api, "prefect_server_api_auth_string": AUTH, **more}
    return read_settings({name: text for name, text in texts.items() if text is not None})


def a_run(client: SyncPrefectClient, pool: str, state: State) -> FlowRun:
    """A run of a deployment on the pool, in a state."""
    with suppress(ObjectAlreadyExists):
        client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
    deployment = client.create_deployment(
        flow_id=client.create_flow(nada), name=f"en-{pool}", work_pool_name=pool
    )
    run = client.create_flow_run_from_deployment(deployment)
    client.set_flow_run_state(run.id, state, force=True)
    return run


def state_of(client: SyncPrefectClient, run: FlowRun) -> tuple[str, str]:
    found = client.read_flow_run(run.id).state
    assert found is not None
    return found.name, found.message or ""


def ours(client: SyncPrefectClient) -> dict[str, dict[str, object]]:
    return {one.name: one.model_dump() for one in client.read_automations()}


def test_the_second_time_nothing_changes(api: str, client: SyncPrefectClient) -> None:
    prefect_ops.prepare(settings(api), pool="dos-veces")
    assert client.read_work_pool("dos-veces").type == "process"
    before = ours(client)
    assert before == {}
    assert prefect_ops.prepare(settings(api), pool="dos-veces") == ()
    assert ours(client) == before


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # of Apprise
def test_what_told_people_before_the_watch_is_swept_from_a_server_that_has_it(
    api: str, client: SyncPrefectClient
) -> None:
    """Beside it what another tool made, under names of its own, stays."""
    hook = SecretStr(f"http://127.0.0.1:9/{CANARY}")
    held = {}
    for name, block in (
        ("lindero-aviso-webhook", Webhook(url=hook)),
        ("lindero-aviso-correo", SlackWebhook(url=hook)),
        ("de-otro", Webhook(url=hook)),
    ):
        kind = client.read_block_type_by_slug(block.get_block_type_slug())
        schema = client.get_most_recent_block_schema_for_block_type(kind.id)
        data = block.model_dump(mode="json", exclude_none=True) | {"url": hook.get_secret_value()}
        document = BlockDocumentCreate(
            name=name, data=data, block_schema_id=schema.id, block_type_id=kind.id
        )
        held[name] = client.create_block_document(document).id
    call = CallWebhook(block_document_id=held["lindero-aviso-webhook"], payload="{}")
    trigger = EventTrigger(expect={"prefect.flow-run.Failed"}, posture=Posture.Reactive)
    told, judged = prefect_ops.AUTOMATIONS
    for name, action in ((told, call), (judged, DoNothing()), ("ajena", DoNothing())):
        client.create_automation(AutomationCore(name=name, trigger=trigger, actions=[action]))
    done = prefect_ops.prepare(settings(api))
    assert [line for line in done if line.startswith(("automation", "block"))] == [
        "automation lindero-aviso-de-noche-mala: removed",
        "automation lindero-corridas-muertas: removed",
        "block lindero-aviso-webhook: removed",
        "block lindero-aviso-correo: removed",
    ]
    assert set(ours(client)) == {"ajena"}
    assert [one.name for one in client.read_block_documents()] == ["de-otro"]
    assert prefect_ops.prepare(settings(api)) == ()
    client.delete_automation(next(iter(client.read_automations_by_name("ajena"))).id)
    client.delete_block_document(held["de-otro"])


def test_a_wrong_alert_is_refused_before_anything_is_touched(api: str) -> None:
    with pytest.raises(SettingsError, match="LINDERO_ALERT_EMAIL"):
        prefect_ops.prepare(settings(api, lindero_alert_smtp_url="smtp://127.0.0.1"))
    with pytest.raises(SettingsError, match="LINDERO_WATCH_URL"):
        prefect_ops.prepare(settings(api, lindero_watch_url="hc.example/x"))


def test_runs_left_by_a_dead_worker_are_ended(api: str, client: SyncPrefectClient) -> None:
    prefect_ops.prepare(settings(api), pool="muerto")
    left = [a_run(client, "muerto", state) for state in (Running(), Pending(), Running())]
    client.set_flow_run_state(left[2].id, Cancelling())
    assert state_of(client, left[2])[0] == "Cancelling"
    done = a_run(client, "muerto", Completed())
    elsewhere = a_run(client, "ajeno", Running())
    said = prefect_ops.prepare(settings(api), pool="muerto")
    assert len(said) == 3
    assert [state_of(client, run)[0] for run in left] == ["Crashed", "Crashed", "Cancelled"]
    assert state_of(client, left[0])[1].startswith("El worker se reinició"), "Spanish, and ours"
    assert state_of(client, done)[0] == "Completed"
    assert state_of(client, elsewhere)[0] == "Running"
    assert prefect_ops.prepare(settings(api), pool="muerto") == ()


def test_a_run_whose_process_lives_outlives_its_worker(
    api: str, client: SyncPrefectClient, tmp_path: Path
) -> None:
    told = settings(api, lindero_state_dir=str(tmp_path))
    prefect_ops.prepare(told, pool="vive")
    living, dead = (a_run(client, "vive", Running()) for _ in range(2))
    hold_for_life(life_lock(tmp_path, str(living.id)))
    life_lock(tmp_path, str(dead.id)).touch()
    with _beating(api, "vive", "el otro"):  # another worker's: its lock is free all the same
        assert len(prefect_ops.prepare(told, pool="vive")) == 1
    assert prefect_ops.prepare(told, pool="vive") == ()
    assert [state_of(client, run)[0] for run in (living, dead)] == ["Running", "Crashed"]
    asked = PrefectServer(api, AUTH)
    (seen,) = dead_runs.live_runs(asked, "vive")
    client.set_flow_run_state(living.id, Completed())
    assert dead_runs.end(asked, seen, "x") is False, "never a second final state"
    assert state_of(client, living)[0] == "Completed"


def test_a_worker_that_stopped_just_now_does_not_save_its_runs(
    api: str, client: SyncPrefectClient
) -> None:
    prefect_ops.prepare(settings(api), pool="recien")
    run = a_run(client, "recien", Running())
    client.send_worker_heartbeat("recien", "el anterior", heartbeat_interval_seconds=1)
    assert prefect_ops.prepare(settings(api), pool="recien")
    assert state_of(client, run)[0] == "Crashed"


def test_a_second_worker_keeps_its_runs(
    api: str, client: SyncPrefectClient, caplog: pytest.LogCaptureFixture
) -> None:
    prefect_ops.prepare(settings(api), pool="de-dos")
    run = a_run(client, "de-dos", Running())
    with _beating(api, "de-dos", "el otro"):
        assert prefect_ops.prepare(settings(api), pool="de-dos") == ()
    assert state_of(client, run)[0] == "Running"
    assert "worker el otro serves de-dos too" in caplog.text


@contextmanager
def _beating(api: str, pool: str, name: str) -> Iterator[None]:
    """A worker that lives: a heartbeat every half second, one a second promised."""
    stop = threading.Event()
    first = threading.Event()

    def beat() -> None:
        with SyncPrefectClient(api, auth_string=AUTH) as client:
            while not stop.wait(0.5 if first.is_set() else 0):
                client.send_worker_heartbeat(pool, name, heartbeat_interval_seconds=1)
                first.set()

    thread = threading.Thread(target=beat)
    thread.start()
    assert first.wait(30)
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


def test_a_server_that_wants_another_password_is_said(api: str) -> None:
    for wrong in (None, "admin:otra-cosa-larga"):
        with pytest.raises(SettingsError, match="PREFECT_SERVER_API_AUTH_STRING"):
            prefect_ops.prepare(settings(api, prefect_server_api_auth_string=wrong))
