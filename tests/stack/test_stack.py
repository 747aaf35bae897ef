"""A night on the real five processes: PostgreSQL, Redis, server, services, worker.

One module, so that under xdist one worker has it all and the stack is started once. The last
tests stop the stack: others go before them.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import pytest
import redis
import requests
from dotenv import dotenv_values

from Modules.demo.world import build_world
from Modules.health.facts import gather
from Modules.health.rules import judge
from Modules.integrations.blocks import BLOCKS
from Modules.orchestration.dead_runs import MURIO
from Modules.orchestration.deployments import DEPLOYMENTS, MARCADORES, OTRA_VEZ, PLAN
from Modules.settings import PROJECT_ROOT
from Modules.stack import checks as stack_health
from Modules.stack import databases
from Modules.stack.entry import WATCH, api_of, database_of, redis_of
from Modules.stack.local import FULL, RUN_NAME, log_of, stack_folder
from Modules.stack.moving import _postgres
from Modules.stack.plan import RECENT, ROUNDS
from Modules.stack.processes import of_stack, tail
from Modules.stack.secrets import CLIENT_AUTH
from Modules.watch.rounds import Watch
from Modules.words.domain import Modo
from Modules.words.spanish import corrida
from tests.faults.named import parse_fault
from tests.faults.running import faulty_portal
from tests.processes import patience
from tests.robustness.prompts_kills import bench_on, unlike
from tests.stack.browser import browser
from tests.stack.canaries import command_lines, files_below, keys_of, leaks, tables_of
from tests.stack.doors import POLICY, Answer, greet, knock, shown, websockets
from tests.stack.guide import Guide, copy_project, steps
from tests.stack.plataforma import (
    FINAL,
    HOOK_SECRET,
    PORTAL_SECRET,
    SECRETS,
    Plataforma,
    scheduled_night,
)
from tests.stack.rounds import rounds_due, rounds_late_s
from tests.stack.silence import Silenced, silent_portal
from tests.stack.whole import torn
from tests.words.test_errors import ENGLISH

pytestmark = [pytest.mark.integration, pytest.mark.timeout(280)]
BACKUP = "Backup Databaler Lotes/backup-lotes-daily-3am"
TRIAL = "Backup Databaler Lotes/backup-lotes-prueba"
OPEN_ROUTES = {"GET /api/health", "GET /api/ready"}  # for health checks: they hold no data
CANARIES = {
    **SECRETS,
    "the password in PREFECT_SERVER_API_AUTH_STRING": SECRETS[
        "PREFECT_SERVER_API_AUTH_STRING"
    ].partition(":")[2],
    "DATABALER_CLIENT_SECRET": PORTAL_SECRET,
    "LINDERO_ALERT_WEBHOOK_URL": HOOK_SECRET,
}
GUIDE_SAYS = {
    "uv run lindero backups list --test": "aceptado",
    "uv run lindero backups verify --test": "Todo está sano",
    "make init": "PREFECT_POSTGRES_PASSWORD",
    "uv run lindero stack up": "Prefect: http",
    "uv run lindero deploy --all --dry-run": "No se escribió nada",
    "uv run lindero status --test": "Todo bien.",
}


@pytest.fixture(scope="module")
def portal() -> Iterator[Silenced]:
    """The demo portal, which falls silent and speaks when it is told to."""
    with silent_portal("mini") as silenced:
        yield silenced


@pytest.fixture(scope="module")
def guide(plataforma: Plataforma, tmp_path_factory: pytest.TempPathFactory) -> Guide:
    """A fresh copy of the project, with the environment of the stack that runs."""
    own = ("DATABALER_", "LINDERO_ALERT_", "LINDERO_OUTPUTS_", "LINDERO_TEST_OUTPUTS_")
    told = plataforma.connected.environment
    kept = {name: text for name, text in told.items() if not name.startswith(own)}
    return copy_project(tmp_path_factory.mktemp("guide"), kept)


def test_status_says_that_all_five_do_their_work(plataforma: Plataforma) -> None:
    answer = plataforma.lindero("stack", "status", "--json")

    assert answer.returncode == 0, answer.stdout
    rows = json.loads(answer.stdout)
    assert [row["proceso"] for row in rows] == list(FULL)
    assert {row["estado"] for row in rows} == {"bien"}


def test_the_worker_has_deployed_everything(plataforma: Plataforma) -> None:
    names = {one["name"] for one in plataforma.post("deployments/filter")}

    assert names == {deployment.name for deployment in DEPLOYMENTS.values()}


def test_an_execution_of_prompts_is_done_by_the_worker_and_shown_by_its_id(
    plataforma: Plataforma,
) -> None:
    """Kills: tests/prompts/test_killed.py, and by the hundred tests/robustness/prompts_kills.py."""
    with unlike() as (model, given), bench_on(plataforma, model) as bench:
        bench.submit(2, 0)
        ids = set(bench.sent.values())
        plataforma.await_that(lambda: bench.look() == 0, "the executions end", 120)

        assert {state for state, _ in bench.seen.values()} == {"completed"}
        outputs = [value for _, output in bench.seen.values() for value in output.values()]
        assert sorted(outputs) == sorted(given)  # each answer once, and each of another call
        wanted = {"task_runs": {"name": {"any_": [*ids]}}}

        def shown() -> dict[str, str]:
            runs = plataforma.post("task_runs/filter", wanted)
            return {run["name"]: run["state"]["type"] for run in runs}

        plataforma.await_that(
            lambda: shown() == dict.fromkeys(ids, "COMPLETED"), "Prefect shows them", 60
        )


def test_three_nights_are_scheduled_at_three_in_buenos_aires(plataforma: Plataforma) -> None:
    question = {
        "deployments": {"name": {"any_": ["backup-lotes-daily-3am"]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
        "sort": "NEXT_SCHEDULED_START_TIME_ASC",
    }
    plataforma.await_that(
        lambda: len(plataforma.post("flow_runs/filter", question)) >= 3, "three runs are scheduled"
    )

    times = [
        datetime.fromisoformat(run["next_scheduled_start_time"])
        for run in plataforma.post("flow_runs/filter", question)
    ]
    assert all(time > datetime.now(UTC) for time in times)
    assert {f"{time.astimezone(UTC):%H:%M}" for time in times} == {"06:00"}
    assert times[1] - times[0] == times[2] - times[1] == timedelta(days=1)


def test_a_night_runs_through_the_worker_to_completed(plataforma: Plataforma) -> None:
    run_id = plataforma.start_run(TRIAL, campania="25/26", test=True)

    state = plataforma.await_state(run_id, patience_s=180)

    assert state["type"] == "COMPLETED", (state, plataforma.log_tails())
    artifacts = plataforma.post(
        "artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run_id]}}}
    )
    assert "resumen-corrida" in {artifact["key"] for artifact in artifacts}
    plataforma.await_that(  # the last lines come a moment after the state
        lambda: any("terminó" in line["message"] for line in plataforma.logs_of(run_id)),
        "the last line in the run's log",
    )
    page = plataforma.logs_of(run_id)
    assert {line["name"] for line in page} == {corrida.name}, "Prefect's own lines are English"
    assert not [line for line in page if ENGLISH.search(line["message"])]
    assert (plataforma.folder / "test_outputs" / "cultivos").is_dir()
    assert not (plataforma.folder / "outputs").exists()


def test_up_again_starts_nothing(plataforma: Plataforma) -> None:
    before = [running.pid for running in plataforma.stack.alive()]

    assert "Ya estaba corriendo" in plataforma.up()

    assert [running.pid for running in plataforma.stack.alive()] == before


def test_no_process_is_told_more_secrets_than_it_needs(plataforma: Plataforma) -> None:
    held = {}
    for running in plataforma.stack.alive():
        environment = "\n".join(
            f"{name}={value}" for name, value in psutil.Process(running.pid).environ().items()
        )
        arguments = " ".join(psutil.Process(running.pid).cmdline())
        assert not any(secret in arguments for secret in SECRETS.values())
        held[running.name] = {name for name, secret in SECRETS.items() if secret in environment}

    assert held["postgres"] == held["redis"] == set()
    assert held["worker"] == {"PREFECT_SERVER_API_AUTH_STRING"}


def test_the_health_of_services_sees_a_scheduler_that_stopped(plataforma: Plataforma) -> None:
    settings = plataforma.stack.settings
    now = datetime.now(UTC)

    def health(at: datetime) -> stack_health.Health:
        return stack_health.services(redis_of(settings), api_of(settings), at)

    assert health(now).ok
    plataforma.kill("services")
    later = health(now + timedelta(minutes=4))  # as if it had been gone for so long
    assert not later.ok
    assert "planificador" in later.text


def test_up_mends_what_has_died_without_its_note(plataforma: Plataforma) -> None:
    plataforma.kill("services")
    before = {running.name: running.pid for running in plataforma.stack.alive()}
    assert plataforma.lindero("stack", "status").returncode == 1
    (plataforma.stack.folder / RUN_NAME).write_text("{")

    assert "Se levantó: services." in plataforma.up()

    came_s = time.time() - plataforma.process("services").started
    assert rounds_late_s(plataforma.stack.settings)[1] < came_s - ROUNDS[RECENT], "made by it"
    assert plataforma.lindero("stack", "status").returncode == 0
    after = {running.name: running.pid for running in plataforma.stack.alive()}
    assert {name: after[name] for name in before} == before


def test_who_stays_starts_again_what_dies_and_may_die_itself(plataforma: Plataforma) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "Modules.cli.main", "stack", "up", "--stay"],
        env=dict(plataforma.environment),
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as staying:
        assert staying.stdout is not None
        while "stack down" not in staying.stdout.readline():  # the last it says before it stays
            assert staying.poll() is None
        try:
            killed = plataforma.process("redis").pid
            plataforma.kill("redis")
            plataforma.await_that(
                lambda: (
                    plataforma.process("redis").pid != killed
                    and plataforma.stack.health("redis").ok
                ),
                "Redis runs again",
            )
        finally:
            staying.kill()
    assert {running.name for running in plataforma.stack.alive()} == set(FULL)


def red(plataforma: Plataforma, after_s: float = 0) -> list[str]:
    """The platform's errors of status, as the clock would have it in ``after_s`` seconds."""
    later = datetime.now(UTC) + timedelta(seconds=after_s)
    facts = gather(plataforma.stack.settings, Modo.PROD, later)
    codes = [one.code for one in judge(facts).errors]
    return [code for code in codes if code.startswith("plataforma_") or code == "servidor"]


@pytest.mark.parametrize("name", ["redis", "postgres"])
def test_a_dead_store_is_red_at_once_and_green_again_with_it(
    plataforma: Plataforma, name: str
) -> None:
    assert red(plataforma) == []
    process = plataforma.process(name).process()
    assert process is not None
    process.kill()
    psutil.wait_procs([process], timeout=10)
    try:
        assert red(plataforma) == [f"plataforma_{name}"]
        if name == "redis":
            assert not plataforma.stack.health("server").ok
    finally:
        plataforma.stack.start(name)
        plataforma.stack.await_healthy(name)
    plataforma.await_that(lambda: red(plataforma) == [], f"{name} is well again", 120)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_status_with_a_server_costs_no_more_than_it_may(plataforma: Plataforma) -> None:
    """The peak since exec: ``ru_maxrss`` of a child begins with that of who forked it."""
    code = (
        "import sys, time\nfrom Modules.cli.main import app\n"
        "app(['status', '--metrics'], exit_on_error=False)\n"
        "peak = open('/proc/self/status').read().split('VmHWM:')[1].split()[0]\n"
        "sys.stderr.write(f'{time.process_time()} {peak}')"
    )
    done = subprocess.run(
        (sys.executable, "-c", code),
        env=dict(plataforma.connected.environment),
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert 'lindero_part_up{modo="prod",part="redis"} 1' in done.stdout
    seconds, kilobytes = map(float, done.stderr.split())
    print(f"{seconds:.2f} s, {kilobytes / 1024:.0f} MB")
    assert kilobytes / 1024 <= 80
    assert seconds <= patience(0.5)


def test_a_run_that_is_killed_with_its_worker_ends_crashed(
    plataforma: Plataforma, portal: Silenced
) -> None:
    portal.fall_silent()
    run_id = plataforma.start_run(TRIAL, env=portal.env, campania="25/26", test=True)
    plataforma.await_that(lambda: plataforma.fetches(run_id), "the run asks the portal", 120)
    flow = psutil.Process(plataforma.process("worker").pid).children(recursive=True)
    assert any("prefect.engine" in " ".join(process.cmdline()) for process in flow)

    plataforma.kill("worker")
    for process in flow:
        process.kill()

    assert plataforma.state(run_id)["type"] == "RUNNING"  # nobody said otherwise yet
    state = plataforma.await_state(run_id, patience_s=90)  # the watch beside services does
    assert (state["type"], state["message"]) == ("CRASHED", MURIO)
    assert torn(plataforma.folder / "test_outputs") == []
    _a_scheduler_that_hangs_and_a_worker_that_died_are_red_within_two_minutes(plataforma)
    assert "Se levantó: worker." in plataforma.up()
    plataforma.await_that(lambda: red(plataforma) == [], "both are well again", 120)


def _a_scheduler_that_hangs_and_a_worker_that_died_are_red_within_two_minutes(
    plataforma: Plataforma,
) -> None:
    services = plataforma.process("services").process()
    assert services is not None
    services.suspend()
    try:
        both = ["plataforma_services", "plataforma_worker"]
        assert sorted(red(plataforma, after_s=118)) == both
        doctor = plataforma.connected.lindero("doctor", "--json")
        assert {one["que"] for one in json.loads(doctor.stdout)} >= {
            "Redis",
            "PostgreSQL",
            "Worker",
        }
    finally:
        services.resume()


def test_a_run_outlives_its_worker_and_ends_once(plataforma: Plataforma, portal: Silenced) -> None:
    portal.fall_silent()
    run_id = plataforma.start_run(TRIAL, env=portal.env, campania="25/26", test=True)
    plataforma.await_that(lambda: plataforma.fetches(run_id), "the run asks the portal", 120)

    plataforma.kill("worker")  # with it goes who reads the run's console
    assert "Se levantó: worker." in plataforma.up()
    assert plataforma.state(run_id)["type"] == "RUNNING"
    portal.speak()

    assert plataforma.await_state(run_id, patience_s=120)["type"] == "COMPLETED"
    ends = [
        one["type"]
        for one in plataforma.get(f"flow_run_states/?flow_run_id={run_id}")
        if one["type"] in FINAL
    ]
    assert ends == ["COMPLETED"]


def test_of_two_starts_one_runs_on_through_restarts_of_postgres_and_redis(
    plataforma: Plataforma, portal: Silenced
) -> None:
    portal.fall_silent()
    pair = [
        plataforma.start_run(TRIAL, env=portal.env, campania="25/26", test=True) for _ in range(2)
    ]
    plataforma.await_that(
        lambda: any(plataforma.fetches(one) for one in pair), "one of two runs", 120
    )
    run_id = next(one for one in pair if plataforma.fetches(one))
    (other,) = set(pair) - {run_id}
    assert plataforma.await_state(other)["message"] == "Deployment concurrency limit reached."

    pids = {name: plataforma.process(name).pid for name in ("server", "services", "worker")}
    refused = plataforma.lindero("stack", "restart", "postgres")
    assert refused.returncode == 3
    assert "hay una corrida en curso, que sigue" in refused.stderr
    restarted = plataforma.lindero("stack", "restart", "postgres", "--now")
    assert restarted.stdout == "Se reinició: postgres.\n", restarted.stderr
    assert "Atención: hay una corrida en curso, que sigue" in restarted.stderr
    with plataforma.log_of("worker") as said:
        assert plataforma.stack.stop("redis")
        portal.speak()  # the run goes on, and comes to its end while Redis is away
        plataforma.await_that(
            lambda: "Task run 'Producto sustentabilidad" in said(), "the last task", 120
        )
        assert plataforma.state(run_id)["type"] == "RUNNING"
    _restart(plataforma, "redis")
    back = time.time() + ROUNDS[RECENT]  # what is due later than this was put there since

    assert plataforma.await_state(run_id)["type"] == "COMPLETED", plataforma.log_tails()
    assert {name: plataforma.process(name).pid for name in pids} == pids  # nobody mended them
    for name in ("postgres", "redis", "server", "worker"):
        plataforma.stack.await_healthy(name)
    # Rounds of the scheduler that were under way when Redis went come again after half a minute;
    # Docket by itself would wait 300 s, and services would be ill until then.
    plataforma.await_that(lambda: min(rounds_due(plataforma.stack.settings)) > back, "rounds", 90)
    plataforma.stack.await_healthy("services")
    assert plataforma.process("services").pid == pids["services"]


def test_what_the_killed_and_the_struck_runs_left_is_whole(plataforma: Plataforma) -> None:
    assert torn(plataforma.folder / "test_outputs") == []
    assert not list((plataforma.folder / "test_outputs").rglob(".lindero-*.tmp"))
    verified = plataforma.lindero("backups", "verify", "--test")
    assert verified.returncode == 0, verified.stdout


def test_status_reports_the_start_that_was_cancelled_and_no_more(plataforma: Plataforma) -> None:
    answer = plataforma.connected.lindero("status", "--test", "--json")

    found = json.loads(answer.stdout)["hallazgos"]
    assert [one["codigo"] for one in found] == ["cancelada_por_otra"]  # the crash is superseded
    assert answer.returncode == 0  # a warning: it clears with the next good night


def test_no_route_answers_without_the_auth_string(plataforma: Plataforma) -> None:
    wrong = base64.b64encode(b"campo:not the one 123").decode()
    right = base64.b64encode(SECRETS["PREFECT_SERVER_API_AUTH_STRING"].encode()).decode()
    with requests.Session() as session:
        session.trust_env = False
        for headers in ({}, {"Authorization": f"Basic {wrong}"}):
            answers = list(knock(session, plataforma.origin, headers))
            open_ = {answer.door for answer in answers if answer.status not in (401, 403)}
            print(f"{len(answers)} routes; open: {sorted(open_)}")
            assert len(answers) > 150
            assert open_ == OPEN_ROUTES
            assert {answer.text for answer in answers if answer.door not in OPEN_ROUTES} == {
                '{"exception_message":"Unauthorized"}'
            }
        for path in ("/api/variables/name/x-health", "/api/docs", "/api/openapi.json", "/api/"):
            assert session.get(f"{plataforma.origin}{path}", timeout=30).status_code == 401, path
        host = {"Host": "127.0.0.1/api/health?"}  # CVE-2026-48710 moved the path with it
        hidden = session.get(f"{plataforma.origin}/api/admin/settings", headers=host, timeout=30)
        assert hidden.status_code in (400, 401)
        known = session.get(
            f"{plataforma.origin}/api/admin/version",
            headers={"Authorization": f"Basic {right}"},
            timeout=30,
        )
        assert known.ok


def test_no_websocket_answers_without_the_auth_string(plataforma: Plataforma) -> None:
    paths, origin = websockets(), plataforma.origin
    print(paths)
    assert {"/api/events/in", "/api/events/out", "/api/logs/out"} <= set(paths)
    right = SECRETS["PREFECT_SERVER_API_AUTH_STRING"]
    for path in paths:
        assert greet(origin, path, hello=False) == "status 403", path
        assert greet(origin, path, hello=True) == f"closed {POLICY}", path
        assert greet(origin, path, hello=True, token="campo:not it") == f"closed {POLICY}", path
        assert greet(origin, path, hello=True, token=right) == "auth_success", path


def test_no_secret_is_left_by_a_good_a_failed_and_a_refused_night(plataforma: Plataforma) -> None:
    nights = {
        "COMPLETED": (),
        "FAILED, the portal refuses us": (parse_fault("wrong_secret@token"),),
        "FAILED, half of the lotes": (parse_fault("night_half"),),
    }
    served = faulty_portal(build_world("mini"), client_id="campo", client_secret=PORTAL_SECRET)
    with command_lines() as lines, served as portal:
        for expected, faults in nights.items():
            portal.inject(*faults)
            env = {"DATABALER_BASE_URL": portal.base_url}
            run_id = plataforma.start_run(BACKUP, env=env, campania="25/26", test=False)
            state = plataforma.await_state(run_id, patience_s=180)
            assert state["type"] == expected.split(",")[0], (expected, state)
        plataforma.await_that(lambda: plataforma.alerts("fue rechazada") == 1, "it is told", 90)
    for earlier in ("se cortó", "fue cancelada"):  # trials: the killed one and the start too many
        assert plataforma.alerts(earlier) == 0, plataforma.hook.bodies

    settings, posted = plataforma.stack.settings, json.dumps(plataforma.hook.bodies)
    assert any("prefect.engine" in line for line in lines)
    places = {
        "command lines": [("a command line", line.encode()) for line in lines],
        "files": list(files_below(plataforma.folder)),
        "tables": tables_of(settings),
        "Redis": list(keys_of(settings)),
        "alerts": [("an alert", posted.encode())],
    }
    for kind, content in places.items():
        assert leaks({"what is there": "prefect"}, content) or kind == "alerts", f"{kind}: blind"
        assert leaks(CANARIES, content) == [], kind


def ended(state: dict[str, Any]) -> None:
    """A night came to its end; it is refused where the portal before had another address."""
    assert state["type"] == "COMPLETED" or "el portal es el mismo" in state["message"]


def test_a_night_of_the_schedule_that_dies_is_done_again_once_and_a_trial_runs_beside_it(
    plataforma: Plataforma, portal: Silenced
) -> None:
    portal.fall_silent()
    with scheduled_night(plataforma, portal.env) as night:
        plataforma.await_that(lambda: any(map(plataforma.fetches, night())), "it begins", 120)
        (died,) = night()
        (flow,) = [
            process
            for process in psutil.Process(plataforma.process("worker").pid).children()
            if "prefect.engine" in " ".join(process.cmdline())
        ]
        flow.kill()
        plataforma.await_that(lambda: len(night()) == 2, "it is done again", 90)
        (again,) = set(night()) - {died}
        plataforma.await_that(lambda: plataforma.fetches(again), "it asks the portal", 120)
        _a_trial_runs_beside_it_and_none_is_made_of_the_nights_deployment(plataforma, again)
        portal.speak()

        assert plataforma.await_state(died)["type"] == "CRASHED"
        ended(plataforma.await_state(again))
        run = plataforma.get(f"flow_runs/{again}")
        assert OTRA_VEZ in run["tags"]
        assert run["name"].endswith(OTRA_VEZ)
        name = plataforma.get(f"flow_runs/{died}")["name"]
        link = f"/runs/flow-run/{died}"  # all nights of a day have one name
        told = [body["text"] for body in plataforma.hook.bodies if link in body["text"]]
        assert len(told) == 1
        assert f"corrida {name} " in told[0]
        assert "se está haciendo otra vez" in told[0]
        for _ in range(2):  # who remembers nothing of it looks: nobody does it a third time
            Watch(plataforma.stack.settings).round(datetime.now(UTC))
        assert set(night()) == {died, again}


def _a_trial_runs_beside_it_and_none_is_made_of_the_nights_deployment(
    plataforma: Plataforma, night: str
) -> None:
    trial = plataforma.start_run(TRIAL, campania="25/26")
    assert plataforma.await_state(trial, patience_s=180)["type"] == "COMPLETED"
    assert plataforma.state(night)["type"] == "RUNNING"
    refused = plataforma.session.post(
        f"{plataforma.stack.settings.prefect_api_url}/deployments/"
        f"{plataforma.get(f'deployments/name/{BACKUP}')['id']}/create_flow_run",
        json={"parameters": {"test": True}, "state": {"type": "SCHEDULED"}},
        timeout=30,
    )
    assert refused.status_code == 409, refused.text
    assert "'test'" in refused.text
    both = {plataforma.get(f"flow_runs/{one}")["parameters"]["test"] for one in (night, trial)}
    assert both == {False, True}
    tags = {tag for one in (night, trial) for tag in plataforma.get(f"flow_runs/{one}")["tags"]}
    assert tags == {"backup", "prod", "prueba", OTRA_VEZ}


def test_up_starts_the_companions_that_died(plataforma: Plataforma) -> None:
    """They are no process that `up` waits for, and nothing else would start them again."""
    folder = stack_folder(plataforma.settings)
    for one in of_stack(folder, WATCH):
        one.kill()
    done = plataforma.lindero("stack", "up")
    assert done.returncode == 0, done.stderr
    assert "Se levantó el vigía de services" in done.stderr
    roles = sorted(one.cmdline()[-1] for one in of_stack(folder, WATCH))
    assert roles == ["services", "worker"]


def test_no_route_that_reads_shows_a_secret(plataforma: Plataforma) -> None:
    answers = list(shown(plataforma.session, plataforma.origin))
    for page in ("/", "/settings", "/ui-settings", "/openapi.json"):
        got = plataforma.session.get(f"{plataforma.origin}{page}", timeout=30)
        answers.append(Answer("GET", page, got.status_code, got.text))

    good = {answer.door for answer in answers if answer.status == 200}
    print(
        f"{len(answers)} answers of {len({answer.door for answer in answers})} doors; {len(good)}"
    )
    assert len(good) > 40
    assert {"GET /api/flow_runs/{id}", "GET /api/deployments/{id}"} <= good
    places = [(answer.door, answer.text.encode()) for answer in answers]
    assert leaks(CANARIES, places) == []
    settings = json.loads(dict(places)["GET /api/admin/settings"])["server"]
    port = plataforma.stack.settings.prefect_redis_messaging_port
    assert settings["docket"]["url"] == f"redis://**********@127.0.0.1:{port}/1"
    assert settings["analytics_enabled"] is False  # the page reads it here, and would say yes
    assert settings["database"]["connection_url"] == "**********"


def test_only_our_own_page_may_read_the_api(plataforma: Plataforma) -> None:
    allowed, url = {}, f"{plataforma.origin}/api/admin/version"
    ours = (plataforma.origin, plataforma.origin.replace("127.0.0.1", "localhost"))
    for origin in (*ours, "https://elsewhere.example", "http://127.0.0.1:1", "null"):
        said = plataforma.session.get(url, headers={"Origin": origin}, timeout=30)
        asks = {"Access-Control-Request-Method": "GET", "Origin": origin}
        before = plataforma.session.options(url, headers=asks, timeout=30)
        told = {one.headers.get("Access-Control-Allow-Origin") for one in (said, before)}
        allowed[origin] = (said.ok, before.ok, told)

    assert {origin for origin, (_, ok, told) in allowed.items() if ok or told != {None}} == set(
        ours
    )
    assert all(allowed[origin] == (True, True, {origin}) for origin in ours)


def test_redis_lets_prefect_do_its_work_and_administer_nothing(plataforma: Plataforma) -> None:
    """After all that the tests above made it do; each refusal would be a line of a log."""
    refused = []
    address = redis_of(plataforma.stack.settings)
    with redis.Redis(address.host, address.port, password=address.password) as client:
        for command in (("CONFIG", "GET", "*"), ("FLUSHALL",), ("KEYS", "*"), ("SHUTDOWN",)):
            with pytest.raises(redis.exceptions.NoPermissionError) as caught:
                client.execute_command(*command)
            refused.append(str(caught.value))
    logs = list(files_below(stack_folder(plataforma.settings) / "logs"))
    assert {"server.log", "services.log", "redis.log"} <= {name for name, _ in logs}
    words = {text.partition("'")[0]: text for text in refused}
    assert leaks({**words, "NOPERM": "NOPERM"}, logs) == []


def test_the_page_shows_the_deployments_and_the_help_in_spanish(plataforma: Plataforma) -> None:
    login = base64.b64encode(SECRETS["PREFECT_SERVER_API_AUTH_STRING"].encode()).decode()
    backup = plataforma.get(f"deployments/name/{BACKUP}")["id"]
    with browser() as page:
        page.text_of(f"{plataforma.origin}/deployments", "Login")  # it asks who we are
        page.before_each_page(f"localStorage.setItem('prefect-password', {json.dumps(login)})")
        page.before_each_page("localStorage.setItem('deployment-list-limit', '25')")  # on one page
        names = [deployment.name for deployment in DEPLOYMENTS.values()]
        page.text_of(f"{plataforma.origin}/deployments", *names)
        help_ = "Campaña a respaldar", "Si es una prueba", "lo que ve toda la empresa"
        block = "credentials_block_name", "Bloque databaler-credentials (página Blocks)"
        page.text_of(f"{plataforma.origin}/deployments/deployment/{backup}/run", *help_, *block)
        for one in (PLAN, MARCADORES):
            held = plataforma.get(f"deployments/name/{one.full_name}")
            asked = held["parameter_openapi_schema"]["properties"].values()
            said = [line for field in asked for line in field["description"].splitlines()]
            form = f"{plataforma.origin}/deployments/deployment/{held['id']}/run"
            page.text_of(form, *said)
        for kind in BLOCKS:
            fields = [one.title for one in kind.model_fields.values()]
            fields += [one.description.partition("http")[0] for one in kind.model_fields.values()]
            form = f"/blocks/catalog/{kind.get_block_type_slug()}/create"
            page.text_of(f"{plataforma.origin}{form}", kind.get_description(), *fields)


@pytest.mark.timeout(900)  # ten commands, whole runs among them
@pytest.mark.slow
def test_every_step_of_the_guide_does_what_it_says(plataforma: Plataforma, guide: Guide) -> None:
    """Last before the end: the deployments are those of the guide's copy from here on."""
    dotenv = guide.folder / "lindero" / ".env"
    *lines, last = steps()
    assert last == "uv run lindero stack down"
    assert {"make demo", "make init", "uv run lindero stack up"} <= set(lines)

    for line in lines:
        done = guide.run(line, without=tuple(SECRETS) if line == "make init" else ())
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        assert GUIDE_SAYS.get(line, "") in done.stdout, (line, done.stdout)
        if line == "make init":
            assert set(dotenv_values(dotenv)) == {*SECRETS, CLIENT_AUTH}
            assert dotenv.stat().st_mode & 0o777 == 0o600
    for folder in ("cultivos", "KMZ POR LOTE", "H3"):
        assert any((guide.folder / "lindero" / "test_outputs" / folder).iterdir()), folder


def test_its_database_goes_into_one_file_while_it_runs_and_comes_out_elsewhere(
    plataforma: Plataforma,
) -> None:
    """The whole move, with the nights after it, is in test_moving_house."""
    file, other = plataforma.folder / "casa.tar", plataforma.folder / "other"
    elsewhere = {**plataforma.environment, "LINDERO_STATE_DIR": str(other)}
    question = "select count(*) from flow_run where state_type in ('COMPLETED', 'CRASHED')"
    over = databases.ask(database_of(plataforma.stack.settings), question)

    there = replace(plataforma, environment=elsewhere)
    for where, command in ((plataforma, "backup"), (there, "restore")):
        done = where.lindero("stack", command, str(file))
        assert done.returncode == 0, done.stderr

    with _postgres(replace(plataforma.settings, lindero_state_dir=other)) as database:
        assert databases.ask(database, question) == over
    assert plataforma.lindero("stack", "status").returncode == 0  # it ran all the time


# --- the last tests of this module: the stack is gone after them ------------------------------


def test_every_line_of_the_five_logs_is_dated(plataforma: Plataforma) -> None:
    moments = {
        # of a signal it says the second since 1970
        "redis": r"\d+:([CMSX] \d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3}|signal-handler \(\d+\)) ",
        "postgres": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} -03 ",
    }
    for name in FULL:
        moment = moments.get(name, r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}-03:00 ")
        lines = tail(log_of(plataforma.settings, name), 100_000)
        assert lines, name
        assert [line for line in lines if not re.match(moment, line)] == [], name


def test_down_leaves_no_process(plataforma: Plataforma, guide: Guide) -> None:
    pids = {running.name: running for running in plataforma.stack.alive()}
    assert set(pids) == set(FULL)

    assert guide.run(steps()[-1]).returncode == 0

    assert not [running for running in pids.values() if running.alive()]
    assert plataforma.strays() == []
    assert plataforma.lindero("stack", "status").returncode == 1
    assert "No estaba corriendo" in plataforma.lindero("stack", "down").stdout


def test_an_up_that_fails_on_the_way_stops_what_it_started(plataforma: Plataforma) -> None:
    other = {"PREFECT_POSTGRES_PASSWORD": "not the one of the data 77"}

    done = replace(plataforma, environment={**plataforma.environment, **other}).lindero(
        "stack", "up"
    )

    assert done.returncode == 2
    assert "PREFECT_POSTGRES_PASSWORD: PostgreSQL" in done.stderr
    assert other["PREFECT_POSTGRES_PASSWORD"] not in done.stdout + done.stderr
    assert plataforma.strays() == []


def _restart(plataforma: Plataforma, name: str) -> None:
    plataforma.stack.stop(name)
    plataforma.stack.start(name)
    plataforma.stack.await_healthy(name)
