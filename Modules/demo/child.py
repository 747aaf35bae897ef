"""The demo portal as a child process, for a run that has no portal of its own.

Nothing of the server is imported here: a production run carries none of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from Modules.words.errors import ApiUnavailable, SettingsError

GRACE_S = 3.0  # how long an ending child may take over its last answers


@dataclass(frozen=True, slots=True)
class DemoProcess:
    base_url: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str
    pid: int


@contextmanager
def demo_process(size: str = "small", day: int = 0) -> Iterator[DemoProcess]:
    """The demo portal as a child process on a free port of loopback, until the block ends.

    It also ends when this process dies.

    Raises:
        SettingsError: the child refused its arguments.
        ApiUnavailable: the child died before it listened.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        child = _start(["--size", size, "--day", str(day)], errors)
        try:
            line = child.stdout.readline() if child.stdout is not None else ""
            if not line:
                code = child.wait()
                errors.seek(0)
                said = errors.read().strip().splitlines()
                reason = said[-1] if said else f"terminó con {code}"
                if code == SettingsError.exit_code:
                    raise SettingsError(reason)
                raise ApiUnavailable(f"el portal de demostración no arrancó: {reason}")
            yield DemoProcess(**json.loads(line))
        finally:
            try:
                child.communicate(timeout=2 * GRACE_S)  # closes its standard input, which ends it
            except subprocess.TimeoutExpired:
                child.kill()
                child.communicate()


def _start(arguments: Sequence[str], errors: IO[str]) -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[2]
    kept = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("DATABALER_", "PREFECT_"))  # no business of the demo's
    }
    paths = [str(root), *filter(None, [kept.get("PYTHONPATH")])]
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "Modules.demo", "--port", "0", "--with-parent", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        encoding="utf-8",
        env={**kept, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUTF8": "1"},
        start_new_session=os.name == "posix",  # Ctrl-C reaches us, and we end the child
    )
