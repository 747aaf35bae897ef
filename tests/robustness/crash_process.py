"""Nights in processes that are killed, starved or cut off: one JSON order a line, one answer.

``python -m tests.robustness.crash_process`` imports everything once and forks a child for each
night, so that a night costs little more than its own work. The child does what the backup flow
does, with the same plain functions in the same order and under the same lock, and ends with the
exit code of the command line; a fault of ours ends it with 70 and a traceback.

An order may say at which stage, and how many seconds into it, the child gets SIGKILL; or what
``strace`` is to inject into it; or when the file system below it is shut down; or how many
kilobytes another program leaves on the disk before the night is kept.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent.parent
STAGES = ("lock", "fetch", "judge", "keep", "publish", "productos", "retention")
FAULT_OF_OURS = 70
DEADLINE_S = 240.0  # of one night, traced, on a machine that is busy
KILLED = "killed"
EXT4_IOC_SHUTDOWN = 0x8004587D


@dataclass(frozen=True, slots=True)
class End:
    """How a night ended: "killed", or its exit code; what it said; the stage it had reached."""

    how: str
    said: str
    stage: str
    times: dict[str, float]  # seconds in each stage
    peak_mb: float  # of resident memory, with what was loaded before it began
    trace: str = ""  # lines of strace that say INJECTED

    @property
    def done(self) -> bool:
        """Whether the night says that all is well."""
        return self.how == "0"


class Nights:
    """The figure's end of the process."""

    def __init__(self, process: subprocess.Popen[str], portal: dict[str, str]):
        self._process = process
        self._portal = portal

    def run(self, folder: Path, *, day: int, **order: Any) -> End:
        """Let a night happen below ``folder`` and see how it ends."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        whole = {"folder": str(folder), "day": day, "portal": self._portal, **order}
        self._process.stdin.write(json.dumps(whole) + "\n")
        self._process.stdin.flush()
        return End(**json.loads(self._process.stdout.readline()))


@contextmanager
def nights(portal: Any) -> Iterator[Nights]:
    """Start the process that forks; it ends when its input does."""
    access = {
        "base_url": portal.base_url,
        "client_id": portal.client_id,
        "client_secret": portal.client_secret,
    }
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LINDERO_", "DATABALER_", "PREFECT_"))
    }
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.robustness.crash_process"],
        cwd=ROOT,
        env={**environment, "TZ": "America/Argentina/Buenos_Aires"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Nights(process, access)
        assert process.stdin is not None
        process.stdin.close()


# --- the child -----------------------------------------------------------------------------------


def _night(order: dict[str, Any], tell: Any) -> None:
    """What ``scripts/backup_lotes.py`` does, without Prefect around it."""
    from Modules.disk.run_lock import run_lock
    from Modules.jobs import backup, portal_access
    from Modules.jobs import products as productos
    from Modules.jobs import weekly as verificacion
    from Modules.portal.client import Limits
    from Modules.portal.collector import without_collector
    from Modules.settings import load_settings
    from Modules.words.domain import Modo
    from Modules.words.secret import Secret

    folder, portal = Path(order["folder"]), order["portal"]
    settings = replace(
        load_settings(Path("none")),
        lindero_state_dir=folder / "state",
        lindero_outputs_dir=folder / "outputs",
        lindero_symlink_config=folder / "none.json",
        lindero_portal_requests_per_second=1000.0,
        databaler_base_url=portal["base_url"],
        databaler_client_id=portal["client_id"],
        databaler_client_secret=Secret(portal["client_secret"]),
    )
    now = datetime(2026, 3, 1, 6, tzinfo=UTC) + timedelta(days=order["day"])
    job = backup.prepare(settings, "25/26", modo=Modo.PROD)
    tell("lock")
    with (
        run_lock(settings.lindero_state_dir, Modo.PROD),
        portal_access.open_portal(settings, Modo.PROD) as access,
        without_collector(),
    ):
        tell("fetch")
        if "limits" in order:
            limits = Limits(requests_per_second=1000.0, **order["limits"])
            access = replace(access, config=replace(access.config, limits=limits))
        fetched = backup.fetch(job, access)
        tell("judge")
        night = backup.judge_night(job, access, fetched)
        if "leave_kb" in order:
            _fill(folder / "filler", order["leave_kb"])
        tell("keep")
        snapshot = backup.keep(job, night, now)
        tell("publish")
        backup.publish(job, job.store.first_equal(snapshot), now)
        tell("productos")
        encargo = productos.order(settings, Modo.PROD, job.store, snapshot, now)
        made = productos.make(_product(), encargo)
        if (error := productos.failure(made)) is not None:
            raise error
        tell("retention")
        verificacion.after_night(settings, Modo.PROD, now)


def _product() -> Any:
    """One product folder whose files every night replaces: the tables as they are."""
    from Modules.disk.safe_files import write_new
    from Modules.formats.geofiles import geojson_bytes
    from Modules.products.entry import Hecho, Producto

    def build(fuente: Any, work: Path) -> Hecho:
        files = {}
        for name, df in sorted(fuente.tables.as_dict().items()):
            files[f"{fuente.campania.slug}/{name}.csv"] = work / f"{name}.csv"
            df.drop(columns="geometry", errors="ignore").to_csv(work / f"{name}.csv")
        files[f"{fuente.campania.slug}/mapas/campos.geojson"] = work / "campos.geojson"
        write_new(work / "campos.geojson", geojson_bytes(fuente.tables.lotes))
        return Hecho({"Tablas": files})

    return Producto("tablas", ("Tablas",), build, paquetes=(), pagina="")


def _fill(filler: Path, leave_kb: int) -> None:
    """Another program takes the room: only so much of the disk is left."""
    disk = os.statvfs(filler.parent)
    filler.touch()
    os.truncate(filler, 0)
    room = disk.f_bavail * disk.f_frsize - leave_kb * 1024
    with filler.open("wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, max(1, room))
        except OSError as err:
            if err.errno != errno.ENOSPC:
                raise


def _child(order: dict[str, Any], gate: int, stages: int) -> int:
    from Modules.words.errors import PipelineError

    os.read(gate, 1)
    try:
        if order.get("without_fsync"):  # the control: what the figure would see without our care
            os.fsync = lambda _handle: None
        _night(order, lambda stage: os.write(stages, bytes([STAGES.index(stage)])))
    except PipelineError as err:
        sys.stderr.write(f"{type(err).__name__}: {err}\n")
        return err.exit_code
    except BaseException:  # noqa: BLE001 - the process is to end, and to say why
        traceback.print_exc()
        return FAULT_OF_OURS
    return 0


# --- the process that forks ----------------------------------------------------------------------


def _play(order: dict[str, Any], log: IO[str]) -> End:
    gate_out, gate_in = os.pipe()
    stages_out, stages_in = os.pipe()
    log.seek(0)
    log.truncate()
    pid = os.fork()
    if pid == 0:
        os.close(gate_in)
        os.dup2(log.fileno(), 2)
        os._exit(_child(order, gate_out, stages_in))
    os.close(stages_in)
    os.close(gate_out)
    tracer = _attach(pid, order)
    os.write(gate_in, b"!")
    os.close(gate_in)
    times = _watch(pid, stages_out, order)
    os.close(stages_out)
    _, status, used = os.wait4(pid, 0)
    if tracer is not None:
        tracer.wait()
    how = KILLED if os.WIFSIGNALED(status) else str(os.waitstatus_to_exitcode(status))
    log.seek(0)
    reached = list(times)[-1] if times else ""
    return End(how, log.read(), reached, times, used.ru_maxrss / 1024, _injected(order))


def _attach(pid: int, order: dict[str, Any]) -> subprocess.Popen[bytes] | None:
    """Start ``strace`` on the child, which waits for its gate, and wait until it holds it."""
    if "strace" not in order:
        return None
    tracer = subprocess.Popen(
        ["strace", "-f", "-y", "-qqq", "-o", order["trace"], "-p", str(pid), *order["strace"]],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + DEADLINE_S
    while _tracer_of(pid) == 0:
        if tracer.poll() is not None or time.monotonic() > deadline:
            assert tracer.stderr is not None
            os.kill(pid, signal.SIGKILL)
            raise RuntimeError(f"strace does not attach: {tracer.stderr.read()!r}")
        time.sleep(0.005)  # polling the kernel, bounded by the deadline
    return tracer


def _tracer_of(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        if line.startswith("TracerPid:"):
            return int(line.split()[1])
    return 0


def _injected(order: dict[str, Any]) -> str:
    if "trace" not in order:
        return ""
    lines = Path(order["trace"]).read_text("utf-8", errors="replace").splitlines()
    return "\n".join(line for line in lines if "(INJECTED)" in line)


def _watch(pid: int, stages: int, order: dict[str, Any]) -> dict[str, float]:
    """Follow the child through its stages, strike where the order says, and see it end.

    ``kill`` and ``cut`` are a stage and the seconds into it. A cut comes in any case: a child that
    is done before it loses the power right after.
    """
    strike = order.get("kill") or order.get("cut")
    handle = os.pidfd_open(pid)
    begun: dict[str, float] = {}
    due, struck = time.monotonic() + DEADLINE_S, False
    try:
        while True:
            ready, _, _ = select.select([handle, stages], [], [], max(0.0, due - time.monotonic()))
            if stages in ready and (told := os.read(stages, 1)):
                begun[STAGES[told[0]]] = time.monotonic()
                if strike is not None and strike[0] == STAGES[told[0]] and not struck:
                    due = time.monotonic() + strike[1]
            elif handle in ready:
                break
            elif not ready:
                due = time.monotonic() + DEADLINE_S
                _strike(pid, order, again=struck)
                struck = True
        if "cut" in order and not struck:
            _strike(pid, order, again=False)
    finally:
        os.close(handle)
    ends = [*list(begun.values())[1:], time.monotonic()]
    return {stage: end - at for (stage, at), end in zip(begun.items(), ends, strict=False)}


def _strike(pid: int, order: dict[str, Any], *, again: bool) -> None:
    if "cut" not in order or again:  # also when a night takes longer than its deadline
        os.kill(pid, signal.SIGKILL)
        return
    handle = os.open(order["folder"], os.O_RDONLY)
    try:
        fcntl.ioctl(handle, EXT4_IOC_SHUTDOWN, struct.pack("I", order["flag"]))
    finally:
        os.close(handle)


def main() -> None:
    """Take orders until the input ends."""
    warm = False
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        for line in sys.stdin:
            order = json.loads(line)
            if not warm:  # whatever is loaded at the first use is there before the first fork
                with tempfile.TemporaryDirectory() as folder:
                    _night({**order, "folder": folder, "day": 0}, lambda _stage: None)
                warm = True
            end = _play(order, log)
            answer = {name: getattr(end, name) for name in End.__slots__}
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
