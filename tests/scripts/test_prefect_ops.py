"""Before the worker starts: automations, alerts that arrive, and runs that nobody holds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from pathlib import Path

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions, FlowRun
from prefect.exceptions import ObjectAlreadyExists
from prefect.states import Cancelling, Completed, Crashed, Failed, Pending, Running, State

from Modules.orchestration import alerts as alertas
from Modules.orchestration import server as prefect_ops
from Modules.settings import Settings, read_settings
from Modules.words.errors import SettingsError
from tests.scripts.conftest import prefect_server
from tests.scripts.mailbox import mailbox, webhook

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),  # of Apprise
]

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


def a_run(client: SyncPrefectClient, pool: str, state: State, limit: int | None = None) -> FlowRun:
    """A run of a deployment on the pool, in a state."""
    with suppress(ObjectAlreadyExists):
        client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
    cancel_new = ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    deployment = client.create_deployment(
        flow_id=client.create_flow(nada),
        name=f"en-{pool}",
        work_pool_name=pool,
        concurrency_limit=limit,
        concurrency_options=cancel_new,
    )
    run = client.create_flow_run_from_deployment(deployment)
    client.set_flow_run_state(run.id, state, force=True)
    return run


def state_of(client: SyncPrefectClient, run: FlowRun) -> tuple[str, str]:
    found = client.read_flow_run(run.id).state
    assert found is not None
    return found.name, found.message or ""


def until(look: Callable[[], object], deadline_s: float = 40) -> object:
    end = time.monotonic() + deadline_s
    while not (seen := look()) and time.monotonic() < end:
        time.sleep(0.1)  # polling another process, bounded by the deadline
    return seen


def ours(client: SyncPrefectClient) -> dict[str, dict[str, object]]:
    return {one.name: one.model_dump() for one in client.read_automations()}


def test_the_second_time_nothing_changes(api: str, client: SyncPrefectClient) -> None:
    told = settings(
        api,
        lindero_alert_webhook_url=f"http://127.0.0.1:9/{CANARY}",
        lindero_alert_email="campo@empresa.example",
        lindero_alert_smtp_url="smtp://127.0.0.1:9",
    )
    first = prefect_ops.prepare(told, pool="dos-veces")
    assert client.read_work_pool("dos-veces").type == "process"
    assert [line for line in first if alertas.AVISO in line]
    before = ours(client)
    assert set(before) == {alertas.ZOMBIES, alertas.AVISO}
    assert prefect_ops.prepare(told, pool="dos-veces") == ()
    assert ours(client) == before


def test_a_dead_run_is_ended_and_nothing_else_hangs_on_it(
    api: str, client: SyncPrefectClient
) -> None:
    prefect_ops.prepare(settings(api))
    zombies = ours(client)[alertas.ZOMBIES]
    assert [action["type"] for action in zombies["actions"]] == ["change-flow-run-state"]
    assert zombies["trigger"]["within"].total_seconds() == 90
    assert zombies["trigger"]["posture"].value == "Proactive"


def test_an_automation_that_somebody_changed_is_mended_but_a_pause_is_theirs(
    api: str, client: SyncPrefectClient
) -> None:
    prefect_ops.prepare(settings(api))
    (held,) = client.read_automations_by_name(alertas.ZOMBIES)
    wrong = prefect_ops._zombies().model_copy(update={"description": "otra cosa"})
    client.update_automation(held.id, wrong)
    client.create_automation(wrong)  # and a twin
    client.pause_automation(held.id)
    assert prefect_ops.prepare(settings(api))
    (now,) = client.read_automations_by_name(alertas.ZOMBIES)
    assert now.description == prefect_ops._zombies().description
    assert now.enabled is False


def test_alerts_go_with_their_settings(api: str, client: SyncPrefectClient) -> None:
    prefect_ops.prepare(
        settings(
            api,
            lindero_alert_webhook_url=f"http://127.0.0.1:9/{CANARY}",
            lindero_alert_email="campo@empresa.example",
            lindero_alert_smtp_url=f"smtps://u:{CANARY}@127.0.0.1:9",
        )
    )
    blocks = client.read_block_documents(include_secrets=False)
    assert {one.name for one in blocks} == {alertas.BLOQUE_WEBHOOK, alertas.BLOQUE_CORREO}
    assert CANARY not in str([one.data for one in blocks])
    assert len(ours(client)[alertas.AVISO]["actions"]) == 2

    prefect_ops.prepare(settings(api, lindero_alert_webhook_url=f"http://127.0.0.1:9/{CANARY}"))
    assert [one.name for one in client.read_block_documents()] == [alertas.BLOQUE_WEBHOOK]
    assert len(ours(client)[alertas.AVISO]["actions"]) == 1

    assert len(prefect_ops.prepare(settings(api))) == 2
    assert client.read_block_documents() == []
    assert set(ours(client)) == {alertas.ZOMBIES}


def test_a_wrong_alert_is_refused_before_anything_is_touched(api: str) -> None:
    with pytest.raises(SettingsError, match="LINDERO_ALERT_EMAIL"):
        prefect_ops.prepare(settings(api, lindero_alert_smtp_url="smtp://127.0.0.1"))


def test_a_bad_night_reaches_the_webhook_and_the_mailbox(
    server: tuple[str, Path], client: SyncPrefectClient
) -> None:
    with webhook(f"/{CANARY}") as hook, mailbox() as box:
        told = settings(
            server[0],
            lindero_alert_webhook_url=hook.url,
            lindero_alert_email="campo@empresa.example",
            lindero_alert_smtp_url=f"smtp://127.0.0.1:{box.port}",
        )
        prefect_ops.prepare(told, pool="avisa")
        run = a_run(
            client, "avisa", Failed(message='Faltan "lotes" de Ñandú <&>\nQué hacer: mirar')
        )
        assert until(lambda: hook.bodies and box.messages), "no alert came"
        text = hook.bodies[0]["text"]
        assert text.startswith("De prueba falló.")
        assert run.name in text
        assert 'Faltan "lotes" de Ñandú <&>\nQué hacer: mirar' in text
        assert hook.types == ["application/json"]
        mail = box.messages[0]
        assert mail["Subject"] == "Lindero: De prueba falló"
        assert "Ñandú" in _text_of(mail)
        assert box.recipients == ["campo@empresa.example"]

        hook.status = 500  # a broken webhook: the next one is sent all the same
        a_run(client, "avisa", Crashed(message="se cayó"))
        assert until(lambda: len(hook.bodies) > 1)
        assert hook.bodies[1]["text"].startswith("De prueba se cortó.")
        a_run(client, "avisa", Completed())
        over = Completed(name=alertas.CON_AVISO, message="la 25/26 terminó el 31/05/2026")
        a_run(client, "avisa", over)
        assert until(lambda: len(hook.bodies) > 2)
        assert hook.bodies.pop()["text"].startswith("De prueba terminó con un aviso.")
        a_run(client, "otro-pool-sin-avisos", Failed())
        second = _collided(client, "avisa")
        assert until(lambda: len(hook.bodies) > 2)
        assert second.name in hook.bodies[2]["text"]
        assert "se canceló" in hook.bodies[2]["text"]
        assert len(hook.bodies) == 3
    assert CANARY not in server[1].read_text(errors="replace")


def _collided(client: SyncPrefectClient, pool: str) -> FlowRun:
    """The second of two runs that started at once, cancelled by the limit."""
    first = a_run(client, pool, Completed(), limit=1)
    first = client.create_flow_run_from_deployment(first.deployment_id)
    client.set_flow_run_state(first.id, Pending())
    client.set_flow_run_state(first.id, Running())
    second = client.create_flow_run_from_deployment(first.deployment_id)
    client.set_flow_run_state(second.id, Pending())
    assert state_of(client, second)[0] == "Cancelled"
    return second


def _text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain", "html"))
    assert part is not None
    return part.get_content()


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
    assert "worker se reinició" in state_of(client, left[0])[1]
    assert state_of(client, done)[0] == "Completed"
    assert state_of(client, elsewhere)[0] == "Running"
    assert prefect_ops.prepare(settings(api), pool="muerto") == ()


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
