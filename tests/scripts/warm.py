"""A warm process that forks for each command: it has imported what every command would import.

    python -m tests.scripts.warm [prefect]

Standard input holds a request a line, as JSON. A command (``argv``, ``env``, ``cwd``, the files
``out`` and ``err``) runs in a process of its own with nothing but that environment, and ends as
any process does: only the start of the interpreter is shared. ``argv`` is that of ``lindero``, or
behind ``python`` that of the interpreter: a script, ``-m`` and a module, ``-c`` and code. Its exit
code is printed when it has ended; where it is to ``serve`` its number is, and ``{"end": number}``
ends it. What must start cold (which modules are loaded, how long it takes) is tested elsewhere.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import Modules
from Modules.cli import main as cli
from Modules.demo import __main__ as demo
from Modules.demo import child
from tests.processes import GRACE_S, patience

READS_PREFECT = ("Modules.decorators", "Modules.integrations.blocks", "Modules.orchestration.")
OF_ALEMBIC = ".migrations.env"  # runs as it is loaded, and only inside alembic
WITH_PREFECT = (
    *("prefect.cli.deploy", "prefect.cli.flow_run", "prefect.cli.server", "prefect.flow_engine"),
    *("prefect.server.api.server", "prefect.server.database.alembic_commands"),
)
_popen = subprocess.Popen


def load(*more: str) -> None:
    """What commands load, and what else is named; our own Prefect modules look at settings."""
    names = (one.name for one in pkgutil.walk_packages(Modules.__path__, "Modules."))
    for name in (*names, "Modules.orchestration.stages", "rich.table", "rich.progress", *more):
        ours = not name.startswith(READS_PREFECT) or name.endswith("stories")
        if ours and not name.endswith(OF_ALEMBIC):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a fork's collector leaves it alone, at its end too


def run(asked: Mapping[str, Any]) -> None:
    """In the forked process: take on the command's environment, and end as it ends."""
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    time.tzset()
    for path, number in ((os.devnull, 0), (asked["out"], 1), (asked["err"], 2)):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(path, flags), number)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding=os.environ.get("PYTHONIOENCODING"))
    child.subprocess = _DemoForks  # only where this process starts a demo portal
    if "prefect" in sys.modules:
        if asked["argv"][:1] != ["run"]:  # which makes Prefect's home before it loads Prefect
            _read_settings_again()
        prepare = cli._prefect_environment

        def prepare_loaded(*arguments: Any, **named: Any) -> None:
            prepare(*arguments, **named)
            _read_settings_again()

        cli._prefect_environment = prepare_loaded
    first, *rest = asked["argv"] or [""]
    if first != "python":
        sys.argv = ["lindero", *asked["argv"]]
        cli.main(asked["argv"])
    elif rest[0] == "-c":
        exec(compile(rest[1], "<string>", "exec"), {"__name__": "__main__"})
    elif rest[0] == "-m":
        sys.argv = rest[1:]
        runpy.run_module(rest[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv, sys.path[0] = rest, str(Path(rest[0]).parent)
        runpy.run_path(rest[0], run_name="__main__")


def _read_settings_again() -> None:
    """Prefect read its settings, and set up its logging, as it was loaded."""
    from prefect.context import refresh_global_settings_context
    from prefect.logging import configuration

    refresh_global_settings_context()
    configuration.PROCESS_LOGGING_CONFIG.clear()
    configuration.setup_logging()


class _DemoForks:
    """What ``child`` takes from ``subprocess``: its portal is forked, not started anew."""

    PIPE, TimeoutExpired = subprocess.PIPE, subprocess.TimeoutExpired

    @staticmethod
    def Popen(command: list[str], *, env: Mapping[str, str], **how: Any) -> Any:  # noqa: N802
        assert command[:3] == [sys.executable, "-m", "Modules.demo"]

        def serve() -> None:
            os.closerange(3, 1024)  # whoever started us waits until this is closed
            os.environ.clear()
            os.environ.update(env)
            with suppress(SystemExit):
                code = demo.main(command[3:])
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

        return _popen(command, preexec_fn=serve, **how)


def _end(number: int) -> int:
    """Ask a process to end, and kill it with its group when it does not; its exit code."""
    os.kill(number, signal.SIGTERM)
    deadline = time.monotonic() + patience(GRACE_S)
    while time.monotonic() < deadline:
        done, status = os.waitpid(number, os.WNOHANG)
        if done:
            break
        time.sleep(0.02)  # polling a process, bounded by the deadline above
    with suppress(ProcessLookupError):
        os.killpg(number, signal.SIGKILL)
    if not done:
        _, status = os.waitpid(number, 0)
    return os.waitstatus_to_exitcode(status)


def serve() -> None:
    """Answer each line until the input ends; what still serves then ends too."""
    serving = set()
    print("ready", flush=True)
    while line := sys.stdin.readline():
        asked = json.loads(line)
        if "end" in asked:
            serving.discard(asked["end"])
            print(_end(asked["end"]), flush=True)
            continue
        process = os.fork()
        if process == 0:
            if asked.get("serve"):
                os.setsid()
            run(asked)
            sys.exit()
        if asked.get("serve"):
            serving.add(process)
            print(process, flush=True)
        else:
            _, status = os.waitpid(process, 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
    for process in serving:
        _end(process)


if __name__ == "__main__":
    assert Path("Modules").is_dir(), "run it from the root of the project"
    prefect = sys.argv[1:] == ["prefect"]
    load(*(WITH_PREFECT if prefect else ()))
    assert prefect == ("prefect" in sys.modules)
    serve()
