"""A warm process that forks for each command: it has imported what every command would import.

    python -m tests.scripts.warm

Standard input holds a command a line, as JSON: ``argv``, ``env``, ``cwd``, the files ``out`` and
``err``; its exit code is printed when it has ended. Each runs in a process of its own with nothing
but that environment, and ends as any process does: only the start of the interpreter is shared.
What must start cold (which modules are loaded, how long it takes) is tested elsewhere.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# what commands load; never Prefect, which reads its settings as it loads
from Modules.cli.main import main


def run(asked: Mapping[str, Any]) -> None:
    """In the forked process: take on the command's environment, and end as it ends."""
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    time.tzset()
    for path, number in ((os.devnull, 0), (asked["out"], 1), (asked["err"], 2)):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(path, flags), number)
    sys.argv = ["lindero", *asked["argv"]]
    main(asked["argv"])


def serve() -> None:
    """Fork for each line until the input ends."""
    assert "prefect" not in sys.modules
    print("ready", flush=True)
    while line := sys.stdin.readline():
        process = os.fork()
        if process == 0:
            run(json.loads(line))
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    assert Path("Modules").is_dir(), "run it from the root of the project"
    serve()
