"""Many companies in one installation, through the real stack with two workers, one of them killed.

    python -m tests.robustness.companies [--short] [--companies N] [--sick N] [--at-once N] [--busy]

Real processes: the five of ``lindero stack``, a second worker, and a portal that serves a made-up
company of 150 lotes to each, every one another. Beside them are portals that hang, that answer 500,
that answer what is no data, and an entry that is no TOML. When a third of the companies is done,
the worker that has no first run is killed by SIGKILL with all that it began. In the end every sound
company must have its night: the copy as ``sha256sum -c`` proves it, with exactly the lotes that its
portal served; the sick ones must be named, and nothing else. All the while the API is asked once a
second. Memory is that of the run and its worker, in the first and the last third of the time. No
sick portal may hold up the others longer than the minute after which it gives its place away.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import requests
from starlette.types import ASGIApp, Receive, Scope, Send

from Modules.demo.contract import BASE_PATH, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET
from Modules.demo.running import serving
from Modules.demo.server import DemoPortal, create_app
from Modules.demo.world import build_world
from Modules.orchestration.deployments import OF_EMPRESAS
from Modules.orchestration.empresas import SLOW_S
from Modules.orchestration.obrero import give_way
from Modules.words.domain import Recurso
from tests.stack.plataforma import FINAL, Plataforma, new_plataforma

SICK = ("cuelga", "500", "otra_cosa")
HELD = 12  # worlds at a time
PERFIL = """[envelope]
rows = "items"
total = "total_items"
pages = "total_pages"
page = "page"
"""  # not by its links: they lead to the root of the server
HANG_S = 3600
MEMORY, ANSWER_S = 1.10, 1.0
MARGIN_S = 30  # a night of one, while others begin
DEADLINE_S = 4 * 3600
FIRST, SHARE = OF_EMPRESAS["backup-empresas"], OF_EMPRESAS["tanda-empresas"]


class Portals:
    """One server for all: ``/e/<number>`` is a company's portal, ``/mal/<kind>`` a sick one."""

    def __init__(self) -> None:
        self.apps: OrderedDict[int, ASGIApp] = OrderedDict()

    def app(self, number: int) -> ASGIApp:
        if number not in self.apps:
            self.apps[number] = create_app(DemoPortal(build_world("small", seed=number)))
            while len(self.apps) > HELD:
                self.apps.popitem(last=False)
        self.apps.move_to_end(number)
        return self.apps[number]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _, kind, which, rest = scope["path"].split("/", 3)
        if kind == "e":
            path = f"/{rest}"
            await self.app(int(which))(
                {**scope, "path": path, "raw_path": path.encode()}, receive, send
            )
            return
        if which == "cuelga":
            await asyncio.sleep(HANG_S)
        status = 500 if which == "500" else 200
        html = [(b"content-type", b"text/html")]
        await send({"type": "http.response.start", "status": status, "headers": html})
        await send({"type": "http.response.body", "body": b"<html>mantenimiento</html>"})


def portal_process() -> None:
    """Serve until standard input ends; the first line says where.

    It makes its worlds on the cores that the stack has too, and is no part of it: it gives way.
    """
    give_way()
    with serving(Portals()) as url:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        sys.stdin.read()


@contextmanager
def portal() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.robustness.companies", "--portal"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


def entries(url: str, companies: int, sick: int, perfil: Path) -> str:
    """The file of the companies: the sick first, that they may delay others."""
    rows = [(f"Enferma {n}", f"{url}/mal/{SICK[n % len(SICK)]}/api") for n in range(sick)]
    rows += [(f"Empresa Ñ {n}", f"{url}/e/{n}{BASE_PATH}") for n in range(companies)]
    said = (
        f'[[empresas]]\nnombre = "{name}"\nportal = "{where}"\nusuario = "{DEMO_CLIENT_ID}"\n'
        f'secreto = "SECRETO_DE_TODAS"\nperfil = "{perfil}"\n'
        for name, where in rows
    )
    return "\n".join(said) + "\n[[empresas]]\nnombre = 'Sin comilla\n"


class Look:
    """Asks the API once a second, and weighs processes; in a thread, until the block ends."""

    def __init__(self, plataforma: Plataforma) -> None:
        self.plataforma, self.answers = plataforma, list[float]()
        self.weights: dict[int, list[float]] = {}  # MB
        self.most = 0.0  # MB, of the first of these with all that it began
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self.stop.wait(1):
            begun = time.monotonic()
            try:
                self.plataforma.post("flow_runs/filter", {"limit": 20, "sort": "START_TIME_DESC"})
                self.answers.append(time.monotonic() - begun)
            except (AssertionError, requests.RequestException):
                self.answers.append(math.inf)
            for at, (pid, weights) in enumerate(self.weights.items()):
                with suppress(psutil.Error):
                    process = psutil.Process(pid)
                    weights.append(_mb(process))
                    began = process.children(recursive=True) if at == 0 else []
                    self.most = max(self.most, weights[-1] + sum(map(_mb, began)))

    def growth(self, pid: int) -> float:
        """Memory of a process at the end beside that of its beginning, once it was loaded."""
        weights = self.weights[pid]
        third = max(1, len(weights) // 3)
        return statistics.median(weights[-third:]) / statistics.median(weights[:third])


def _mb(process: psutil.Process) -> float:
    return process.memory_info().rss / 1e6


def longest_wait_s(state: Path) -> float:
    """Between the ends of two nights of sound companies that follow each other."""
    ends = sorted(
        datetime.fromisoformat(json.loads(path.read_bytes())["fin"])
        for path in state.glob("empresa_n_*/ultima-prod.json")
    )
    return max(((b - a).total_seconds() for a, b in pairwise(ends)), default=math.inf)


def second_worker(plataforma: Plataforma) -> subprocess.Popen[bytes]:
    """A worker as the stack's own, beside it."""
    process = psutil.Process(plataforma.process("worker").pid)
    real = next(
        one
        for one in (process, *process.children(recursive=True))
        if "worker" in one.cmdline() and "start" in one.cmdline()
    )
    command = real.cmdline()
    at = next(n for n, word in enumerate(command) if word.endswith("prefect"))
    told = {**real.environ(), "PREFECT_WORKER_WEBSERVER_PORT": "0"}
    words = [word for word in command[at + 1 :] if word != "--with-healthcheck"]
    words[words.index("--name") + 1] = "segundo"
    return subprocess.Popen(
        [sys.executable, "-m", "prefect", *words],
        env=told,
        cwd=process.cwd(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def process_of(run_id: str) -> psutil.Process | None:
    """The process of a run that is at work."""
    for process in psutil.process_iter():
        try:
            told = process.environ().get("PREFECT__FLOW_RUN_ID", "").replace("-", "")
            if told == run_id.replace("-", "") and "prefect" in " ".join(process.cmdline()):
                return process
        except psutil.Error:
            continue
    return None


def worker_of(run: psutil.Process) -> psutil.Process:
    return next(one for one in run.parents() if "worker" in one.cmdline())


def kill(worker: psutil.Process) -> int:
    """SIGKILL to a worker and to all that it began; how many processes."""
    family = [worker, *worker.children(recursive=True)]
    for process in family:
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return len(family)


def begin(plataforma: Plataforma) -> tuple[str, psutil.Process, psutil.Process]:
    """Begin the night with a worker for each of its runs: its id, and both processes.

    The worker that takes the first run stands still until the other has taken the second.
    """
    pool = f"work_pools/{FIRST.work_pool}/workers/filter"

    def both() -> bool:
        return [one["status"] for one in plataforma.post(pool)].count("ONLINE") == 2

    plataforma.await_that(both, "two workers", 180)
    first = plataforma.start_run(FIRST.full_name)
    plataforma.await_that(lambda: process_of(first) is not None, "the first run", 180)
    run = process_of(first)
    assert run is not None
    worker = worker_of(run)
    worker.suspend()
    try:
        plataforma.await_that(lambda: share_run(plataforma) is not None, "the second run", 300)
    finally:
        worker.resume()
    other = process_of(str(share_run(plataforma)))
    assert other is not None
    return first, run, other


def share_run(plataforma: Plataforma) -> str | None:
    """The run of the other share, once it is at work."""
    wanted = {
        "flows": {"name": {"any_": [SHARE.flow]}},
        "flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}},
    }
    return next((str(run["id"]) for run in plataforma.post("flow_runs/filter", wanted)), None)


def proved(outputs: Path, number: int) -> bool:
    """Whether the published copy is whole and holds exactly what the portal of that number has."""
    found = sorted(outputs.glob(f"empresa_n_{number}/Backup_Databaler/25-26/*/manifest.sha256"))
    if len(found) != 1:
        return False
    check = ["sha256sum", "--check", "--strict", "--quiet", found[0].name]
    if subprocess.run(check, cwd=found[0].parent, check=False, capture_output=True).returncode:
        return False
    served = build_world("small", seed=number).items(Recurso.LOTES)
    text = (found[0].parent / "lotes.geojson").read_text(encoding="utf-8")
    kept = [one["properties"] for one in json.loads(text)["features"]]
    return sorted((one["lote_id"], one["superficie_declarada_ha"]) for one in kept) == sorted(
        (str(one["id"]), float(one["superficie_ha"])) for one in served
    )


def play(companies: int, sick: int, at_once: int = 1, *, busy: bool = False) -> list[str]:
    """The whole of it: prints the figures, and returns what was wrong."""
    wrong: list[str] = []
    file = Path(os.environ.get("TMPDIR", "/tmp")) / f"empresas-{os.getpid()}.toml"
    more = {
        "LINDERO_EMPRESAS": str(file),
        "LINDERO_EMPRESAS_MINUTOS": "2",
        "LINDERO_EMPRESAS_A_LA_VEZ": str(at_once),
        "SECRETO_DE_TODAS": DEMO_CLIENT_SECRET,
        "LINDERO_PORTAL_REQUESTS_PER_SECOND": "200",
    }
    with portal() as url, new_plataforma(more) as bare:
        perfil = bare.folder / "perfil.toml"
        perfil.write_text(PERFIL, encoding="utf-8")
        file.write_text(entries(url, companies, sick, perfil), encoding="utf-8")
        bare.up()
        plataforma = bare.connected
        said = plataforma.lindero("deploy", "--all")
        assert said.returncode == 0, said.stdout + said.stderr
        worker, look = second_worker(plataforma), Look(plataforma)
        state = plataforma.folder / "state" / "empresas"
        begun = time.monotonic()
        try:
            first, run, other = begin(plataforma)
            worker_pid = worker_of(run).pid
            look.weights = {run.pid: [], worker_pid: []}
            look.thread.start()

            def done() -> int:
                return sum(1 for _ in state.glob("empresa_n_*/ultima-prod.json"))

            plataforma.await_that(lambda: done() >= companies / 3, "a third", DEADLINE_S)
            killed = kill(worker_of(other))
            at_kill = done()
            end = plataforma.await_state(first, *FINAL, patience_s=DEADLINE_S)
            took_s = time.monotonic() - begun
            print(f"{end['type']} after {took_s:.0f} s: {str(end['message'])[:1000]}", flush=True)
        finally:
            look.stop.set()
            worker.kill()
            worker.wait()
        outputs = plataforma.folder / "outputs"
        with ProcessPoolExecutor() as pool:
            whole = sum(pool.map(partial(proved, outputs), range(companies)))
        status_s = time.monotonic()
        status = plataforma.lindero("status", "--todas", "--json")
        status_s = time.monotonic() - status_s
        rows: list[dict[str, Any]] = json.loads(status.stdout)
        ill = sorted(row["empresa"] for row in rows if row["veredicto"] == "mal")
        count = plataforma.post("flow_runs/count", {})
        wait_s = longest_wait_s(state)
        growth, worker_growth = look.growth(run.pid), look.growth(worker_pid)
        print(
            f"{companies} companies and {sick} sick portals in {took_s:.0f} s, "
            f"{took_s / companies:.1f} s each; {killed} processes killed when {at_kill} were done; "
            f"{wait_s:.0f} s at most from one to the next; memory of the first run {growth:.2f}, "
            f"of its worker {worker_growth:.2f} times that of the beginning, at most "
            f"{look.most:.0f} MB with all that the run began; {len(look.answers)} answers of the "
            f"API, half within {statistics.median(look.answers):.2f} s, 99 % within "
            f"{statistics.quantiles(look.answers, n=100)[-1]:.2f} s, slowest "
            f"{max(look.answers):.2f} s; {count} runs; status --todas {status_s:.1f} s"
        )
        expected = sorted((*(f"Enferma {n}" for n in range(sick)), ill_entry(rows)))
        checks = {
            f"{whole} of {companies} proved": whole == companies,
            f"named as ill: {ill[:5]}": ill == expected,
            f"state {end['type']}: {str(end['message'])[:300]}": end["type"] == "FAILED",
            "the sick are named": all(name in end["message"] for name in expected),
            f"status ended with {status.returncode}": status.returncode == 2,
            f"{wait_s} s for the sick": busy or wait_s <= SLOW_S + MARGIN_S,
            "memory": max(growth, worker_growth) <= MEMORY,
            "the API was slow": busy or max(look.answers) <= ANSWER_S,
            f"{count} runs": count < 50,
        }
        wrong = [what for what, good in checks.items() if not good]
        print(
            f"figure: many companies: {whole} of {companies} proved with two workers, one killed; "
            f"wrong: {wrong or 'none'}"
        )
    file.unlink(missing_ok=True)
    return wrong


def ill_entry(rows: Sequence[dict[str, Any]]) -> str:
    """The name that the entry which is no TOML is told by."""
    return next((row["empresa"] for row in rows if "no es TOML" in row["qué"]), "no such")


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point: 0 if the figure was reached."""
    parser = argparse.ArgumentParser(prog="companies")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--companies", type=int)
    parser.add_argument("--sick", type=int, default=6)
    parser.add_argument("--at-once", type=int, default=1, help="companies that a run does at once")
    parser.add_argument("--busy", action="store_true", help="other work is on: no answer is late")
    parser.add_argument("--portal", action="store_true")
    asked = parser.parse_args(argv)
    if asked.portal:
        portal_process()
        return 0
    companies = asked.companies or (20 if asked.short else 1000)
    return 1 if play(companies, asked.sick, asked.at_once, busy=asked.busy) else 0


if __name__ == "__main__":
    sys.exit(main())
