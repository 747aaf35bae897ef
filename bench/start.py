"""How soon a command answers, and a run asks the portal, beside what a user would wait for instead.

Processor and wall seconds of whole processes, median of seven; run it on an idle machine.
"""

from __future__ import annotations

import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TIMES = 7
NIGHTS = 3
LINDERO = ("-m", "Modules.cli.main")
COMMANDS = {
    "lindero --help": (*LINDERO, "--help"),
    "lindero backups list": (*LINDERO, "backups", "list", "--test"),
    "lindero status": (*LINDERO, "status", "--test"),
    "lindero doctor": (*LINDERO, "doctor", "--test"),
}
PEERS = {
    "import prefect": ("-c", "import prefect"),
    "prefect version": ("-m", "prefect", "version"),
    "import geopandas": ("-c", "import geopandas"),
}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        told = _environment(Path(name))
        nights = [_wall(("run", "backup", "--test"), told) for _ in range(NIGHTS)]
        found = {what: _cost(command, told) for what, command in (COMMANDS | PEERS).items()}
        requests = [_first_request(told) for _ in range(NIGHTS)]
    least = min(found[what][0] for what in PEERS)
    for what, (cpu, wall) in found.items():
        ratio = f", {least / cpu:.1f} times less than the quickest peer" if what in COMMANDS else ""
        print(f"{what}: {cpu:.2f} s of processor, {wall:.2f} s{ratio}")
    print(f"from the command to the first request: {statistics.median(requests):.2f} s")
    again = statistics.median(nights[1:])
    print(f"a night on the demo portal: {nights[0]:.1f} s, the quiet one after it {again:.1f} s")


def _environment(folder: Path) -> Mapping[str, str]:
    ours = ("LINDERO_", "DATABALER_", "PREFECT_")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    return kept | {
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "LINDERO_STATE_DIR": str(folder / "state"),
        "LINDERO_OUTPUTS_DIR": str(folder / "outputs"),
        "LINDERO_TEST_OUTPUTS_DIR": str(folder / "test_outputs"),
    }


def _run(command: tuple[str, ...], told: Mapping[str, str]) -> None:
    subprocess.run([sys.executable, *command], env=told, cwd=told["HOME"], capture_output=True)


def _wall(command: tuple[str, ...], told: Mapping[str, str]) -> float:
    start = time.perf_counter()
    _run((*LINDERO, *command), told)
    return time.perf_counter() - start


def _cost(command: tuple[str, ...], told: Mapping[str, str]) -> tuple[float, float]:
    """Median seconds of processor and of wall; the first run is not counted."""
    _run(command, told)
    cpu, wall = [], []
    for _ in range(TIMES):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        _run(command, told)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall.append(time.perf_counter() - start)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(cpu), statistics.median(wall)


def _first_request(told: Mapping[str, str]) -> float:
    """Seconds until ``lindero run backup`` knocks at the door of a portal."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(60)
        portal = {
            "DATABALER_BASE_URL": f"http://127.0.0.1:{door.getsockname()[1]}/api",
            "DATABALER_CLIENT_ID": "bench",
            "DATABALER_CLIENT_SECRET": "bench",
        }
        start = time.perf_counter()
        run = subprocess.Popen(
            [sys.executable, *LINDERO, "run", "backup", "--test"],
            env={**told, **portal},
            cwd=told["HOME"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            door.accept()
            return time.perf_counter() - start
        finally:
            run.kill()
            run.wait()


if __name__ == "__main__":
    main()
