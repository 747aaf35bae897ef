"""Entry of Prefect's three processes, in a container and on this machine.

```text
python -m Modules.stack.entry server|services|worker [--host H] [--port P]
python -m Modules.stack.entry healthy postgres|redis|server|services|worker
python -m Modules.stack.entry prepare postgres|redis
python -m Modules.stack.entry prefect WORD…   # docs/actualizar.md, the way back
```

The first refuses packages of another release and secrets that will not do, makes the environment
out of the settings, and becomes Prefect; the worker makes its pool and the deployments first.
``services`` and ``worker`` start the watch beside it (``Modules.watch``, which stands above and so
is only named here). The second says in one line whether a process does its work: exit code 0, or 1.
The third makes a store that others keep ready for us, or says what it lacks: exit code 0, or 2.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NoReturn

from Modules.jobs.code_version import check_packages
from Modules.orchestration.deployments import WORK_POOL
from Modules.settings import PROJECT_ROOT, Settings, load_settings
from Modules.stack import checks as stack_health
from Modules.stack import logs as stack_logs
from Modules.stack import plan as stack_plan
from Modules.stack.plan import CLIENT_AUTH, Api, Database, Environment, Redis
from Modules.words.errors import ApiUnavailable, PipelineError

API_PATIENCE_S: Final = 300
_POLL_S: Final = 0.5
DATED: Final = (sys.executable, "-m", "Modules.stack.logs")  # it becomes the module named next
WATCHED: Final = ("services", "worker")  # what starts a companion beside it
WATCH: Final = "Modules.watch"


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; every error of ours is one line and its exit code."""
    options = _options().parse_args(argv)
    try:
        settings = load_settings()
        if options.what == "healthy":
            port = os.environ.get("PREFECT_WORKER_WEBSERVER_PORT") or stack_plan.WORKER_HEALTH_PORT
            health = check(options.process, settings, worker_port=int(port))
            sys.stdout.write(f"{options.process}: {health.text}\n")
            sys.exit(0 if health.ok else 1)
        if options.what == "prepare":
            from Modules.stack.shared import prepare

            sys.stdout.write(f"{options.process}: {prepare(options.process, settings)}\n")
            return
        if options.what == "prefect":
            become_client(settings, options.words)
        check_packages()
        stack_logs.date_streams()
        become(options.what, settings, host=options.host, port=options.port)
    except PipelineError as err:
        sys.stderr.write(f"{err}\n")
        sys.exit(err.exit_code)


def become(process: str, settings: Settings, *, host: str, port: int) -> NoReturn:
    """Turn this process into one of Prefect's.

    Raises:
        SettingsError: a secret is missing, short or known to everybody.
        ApiUnavailable: the worker waited for the server in vain.
    """
    environment = environment_of(process, settings).over(os.environ)
    home = Path(environment.get("PREFECT_HOME", Path.home() / ".prefect"))
    home.mkdir(parents=True, exist_ok=True)
    auth = settings.prefect_server_api_auth_string
    if auth is not None and auth.file is not None and "PREFECT_HOME" in environment:
        # for `prefect …` and the users' scripts, typed in the same container: they know no files
        profile, word = home / "profiles.toml", json.dumps(auth.get_secret_value())
        profile.touch(mode=0o600)
        links = f'PREFECT_UI_URL = "{_page(settings)}"\n'
        profile.write_text(
            f'active = "lindero"\n[profiles.lindero]\n{CLIENT_AUTH} = {word}\n{links}'
        )
    if process in WATCHED:
        _start_watch(process, settings)
    if process == "worker":
        _prepare(settings, environment)
    _exec(command_of(process, host=host, port=port), environment)


def become_client(settings: Settings, words: Sequence[str]) -> NoReturn:
    """Turn this process into ``prefect WORD…`` beside the server, whose database it may change.

    Raises:
        SettingsError: a secret is missing, short or known to everybody.
    """
    from Modules.stack import local

    stack, home = local.find(settings), {}
    if stack is not None:
        settings, home = stack.settings, {"PREFECT_HOME": str(stack.folder / "prefect")}
    role = "single" if stack is not None and stack.single else "server"
    environment = environment_of(role, settings).over({**os.environ, **home})
    _exec((sys.executable, "-m", "prefect", *words), environment)


def environment_of(process: str, settings: Settings) -> Environment:
    """What one of Prefect's processes is told.

    Raises:
        SettingsError: a secret is missing, short or known to everybody.
    """
    secrets = secrets_of(process, settings)
    stack_plan.check_secrets(secrets)
    api, tz = api_of(settings), settings.tz
    page = _page(settings)
    ui = f"{page}/api"  # as the browser sees it
    if process == "worker":
        return stack_plan.worker_environment(api, ui_url=page, tz=tz)
    if process == "single":
        return stack_plan.single_environment(api, ui_api_url=ui, tz=tz)
    database, redis = database_of(settings), redis_of(settings)
    return stack_plan.server_environment(database, redis, api, ui_api_url=ui, tz=tz)


def watch_command(role: str) -> tuple[str, ...]:
    """The command of a companion; ``role`` is the process that it was started beside."""
    return (*DATED, WATCH, role)


def command_of(process: str, *, host: str, port: int) -> tuple[str, ...]:
    """Prefect's own command of a process; ``single`` is the server with its services inside."""
    if process in ("server", "single"):
        alone = () if process == "single" else ("--no-services",)
        masked = (*DATED, "Modules.orchestration.prefect_masked")
        return (*masked, "server", "start", "--host", host, "--port", str(port), *alone)
    if process == "services":
        return (*DATED, "Modules.orchestration.services", "server", "services", "start")
    pool = ("--pool", WORK_POOL, "--type", "process", "--name", "lindero")
    return (*DATED, "prefect", "worker", "start", *pool, "--with-healthcheck")


def check(
    process: str, settings: Settings, *, worker_port: int, since: float | None = None
) -> stack_health.Health:
    """Whether one of the processes does its work; ``since``: when it began, where that is known."""
    api, now = api_of(settings), datetime.now(UTC)
    if process == "postgres":
        return stack_health.postgres(database_of(settings))
    if process == "redis":
        return stack_health.redis(redis_of(settings))
    if process == "worker":
        return stack_health.worker(worker_port)
    if process == "services":
        return stack_health.services(redis_of(settings), api, now, since)
    single = process == "single"
    health = stack_health.server(api.url, None if single else redis_of(settings))
    return stack_health.schedules(api, now) if single and health.ok else health


def secrets_of(process: str, settings: Settings) -> dict[str, str | None]:
    needed = stack_plan.SECRETS if process in ("server", "services") else (stack_plan.AUTH_STRING,)
    return {name: settings.secret_text(name) for name in needed}


def database_of(settings: Settings) -> Database:
    return Database(
        user=settings.prefect_postgres_user,
        password=settings.secret_text(stack_plan.DATABASE_PASSWORD) or "",
        host=settings.prefect_postgres_host or "127.0.0.1",
        port=settings.prefect_postgres_port or 5432,
        name=settings.prefect_postgres_db,
    )


def redis_of(settings: Settings) -> Redis:
    return Redis(
        host=settings.prefect_redis_messaging_host or "127.0.0.1",
        port=settings.prefect_redis_messaging_port or 6379,
        password=settings.secret_text(stack_plan.REDIS_PASSWORD) or "",
        db=settings.prefect_redis_messaging_db,
    )


def api_of(settings: Settings) -> Api:
    url = settings.prefect_api_url or f"http://127.0.0.1:{stack_plan.API_PORT}/api"
    return Api(url=url, auth=settings.secret_text(stack_plan.AUTH_STRING) or "")


def _prepare(settings: Settings, environment: Mapping[str, str]) -> None:
    """What must be there before the worker starts: pool, automations, no zombies, deployments."""
    os.environ.clear()
    os.environ.update(environment)  # before Prefect is imported: it reads its settings then
    from Modules.orchestration import deploy as prefect_deploy
    from Modules.orchestration import server as prefect_ops

    url, deadline = api_of(settings).url, time.monotonic() + API_PATIENCE_S
    while not (health := stack_health.server(url)).ok:
        if time.monotonic() > deadline:
            raise ApiUnavailable(f"el servidor de Prefect en {url} no está listo: {health.text}")
        time.sleep(_POLL_S)
    for line in prefect_ops.prepare(replace(settings, prefect_api_url=url)):
        print(line, flush=True)  # noqa: T201 - the log of the worker
    for cambio in prefect_deploy.deploy_all().cambios:
        print(f"deployment {cambio.deployment.full_name}: {cambio.estado}", flush=True)  # noqa: T201


def _start_watch(process: str, settings: Settings) -> None:
    """Start the companion; it inherits what we were told, and goes when our stack goes."""
    told = {**os.environ, "PREFECT_API_URL": api_of(settings).url}
    try:
        subprocess.Popen(  # noqa: S603 - never waited for: we become another program
            watch_command(process), env=told, cwd=PROJECT_ROOT, stdin=subprocess.DEVNULL
        )
    except OSError as err:  # a night without a watch is better than none
        print(f"nobody watches: {err}", file=sys.stderr, flush=True)  # noqa: T201


def _exec(command: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Become ``command``. Windows cannot; there this process waits for it.

    A script's background job has SIGINT ignored, which is inherited: the worker, which turns a
    SIGTERM into a SIGINT, would then never end.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "nt":
        sys.exit(subprocess.run(command, env=dict(environment), check=False).returncode)  # noqa: S603
    for name in ("SIGINT", "SIGQUIT"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    os.chdir(PROJECT_ROOT)
    os.execve(command[0], tuple(command), dict(environment))  # noqa: S606


def _page(settings: Settings) -> str:
    return settings.lindero_page_url or f"http://127.0.0.1:{settings.lindero_port}"


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m Modules.stack.entry", allow_abbrev=False)
    parts = parser.add_subparsers(dest="what", required=True)
    for name in (*stack_plan.PREFECT_PROCESSES, "single"):
        part = parts.add_parser(name)
        part.add_argument("--host", default="0.0.0.0")  # noqa: S104 - a container; its port is not
        part.add_argument("--port", type=int, default=stack_plan.API_PORT)
    healthy = parts.add_parser("healthy")
    healthy.add_argument("process", choices=stack_plan.PROCESSES)
    parts.add_parser("prepare").add_argument("process", choices=("postgres", "redis"))
    parts.add_parser("prefect").add_argument("words", nargs=argparse.REMAINDER)
    return parser


if __name__ == "__main__":
    main()
