"""Does a Lindero that is installed and at work go on under this version, and can it go back?

    python -m tests.robustness.upgrade_path [--from REVISION]

The version before, in a checkout and with packages of its own, works through three nights of a
portal on the five processes: two that people see, through a link as OneDrive has it, and a trial.
Then the checkout is moved to this version as docs/actualizar.md says, and back. After each move:
the store is as it was and verifies, runs are in the database, deployments are its own and begin
in the checkout, what an earlier one left on the server is gone, the link holds, the next night is
good. The default is the last commit before the work of 2026-11-29 20:26, which changed refusals.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from Modules.settings import PROJECT_ROOT
from tests.processes import ended
from tests.stack.casa import Casa
from tests.stack.plataforma import _free_port

BEFORE = "cc58832"
# of docs/actualizar.md: where the database of Prefect 3.8 ended, whose server opens no newer one
WAY_BACK = ("prefect", "server", "database", "downgrade", "-y", "-r", "d4a7e1c93f52")
SWEPT = ("lindero-aviso-de-noche-mala", "lindero-corridas-muertas")
ENV = """
DATABALER_BASE_URL=http://127.0.0.1:{portal}/base-portal/api/v1
DATABALER_CLIENT_ID=lindero-demo
DATABALER_CLIENT_SECRET=demo-publico-no-es-un-secreto
LINDERO_ALERT_WEBHOOK_URL=http://127.0.0.1:9/nadie
"""


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def move_to(house: Casa, revision: str) -> None:
    """The code and the packages of a revision, as the operator is told to."""
    git(house.project, "checkout", "-q", revision)
    uv = os.environ.get("UV") or shutil.which("uv") or str(PROJECT_ROOT / ".tools" / "bin" / "uv")
    kept = {name: text for name, text in os.environ.items() if name != "VIRTUAL_ENV"}
    own = {"UV_PROJECT_ENVIRONMENT": str(house.project / ".venv")}
    subprocess.run(
        [uv, "sync", "--locked", "--quiet"], cwd=house.project, env=kept | own, check=True
    )


@contextmanager
def portal(house: Casa, port: int, day: int) -> Iterator[None]:
    """The demo portal of the version that is checked out, of a day."""
    command = ("demo-portal", "--port", str(port), "--day", str(day))
    served = subprocess.Popen(
        [str(house.python), "-m", "Modules.cli.main", *command],
        cwd=house.project,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        ended(served)


def good_night(house: Casa, port: int, day: int) -> Iterator[str]:
    """A night that people see; what was wrong with it."""
    before = house.snapshots("prod")
    with portal(house, port, day):
        state = house.night(day=day, test=False)
    if state["type"] != "COMPLETED":
        yield f"night of day {day}: {state['type']} {state['message']}"
    if len(house.snapshots("prod")) != len(before) + 1:
        yield f"night of day {day}: no snapshot"


def gone_on(house: Casa, before: dict[str, object], link: Path) -> Iterator[str]:
    """What is not as it was, or not of the version that is checked out."""
    kept = house.snapshots("prod") | house.snapshots("test")
    if lost := [one for one, sums in before["snapshots"].items() if kept.get(one) != sums]:  # type: ignore[attr-defined]
        yield f"snapshots changed: {lost}"
    for trial in ((), ("--test",)):
        said = house.lindero("backups", "verify", "--all", *trial, fine=False)
        if "Todo está sano" not in said:
            yield f"verify {trial}: {said[-400:]}"
    if lost := before["runs"] - house.runs():  # type: ignore[operator]
        yield f"runs lost: {lost}"
    code = (
        "from Modules.orchestration.deployments import DEPLOYMENTS, release\n"
        "print(release(), *(one.name for one in DEPLOYMENTS.values()))"
    )
    release, *known = subprocess.run(
        [str(house.python), "-c", code],
        cwd=house.project,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    for one in house.ask("deployments/filter", {"limit": 200}):
        if one["name"] not in known:
            continue  # of the newer version, after the way back: that stays, and says so
        if one["version"] != release or str(house.project) not in json.dumps(one["pull_steps"]):
            yield f"deployment {one['name']}: {one['version']} {one['pull_steps']}"
    if (house.project / "Modules" / "watch").is_dir():  # from then on Lindero watches itself
        code = (house.project / "Modules" / "orchestration" / "server.py").read_text()
        swept = SWEPT if "_zombies()" not in code else SWEPT[:1]
        left = [one["name"] for one in house.ask("automations/filter", {})]
        yield from (f"automation {name} is left" for name in left if name in swept)
    if not link.is_symlink() or not list(link.resolve().rglob("*.gpkg")):
        yield "the link of cultivos does not hold"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--from", dest="before", default=BEFORE)
    parser.add_argument("--short", action="store_true", help="only forward")
    options = parser.parse_args(argv)
    here, began = git(PROJECT_ROOT, "rev-parse", "HEAD"), time.monotonic()
    old = git(PROJECT_ROOT, "rev-parse", options.before)
    folder = Path(tempfile.mkdtemp(prefix="lindero-upgrade-"))
    folder.chmod(0o755)
    project = folder / "lindero"
    git(folder, "clone", "-q", str(PROJECT_ROOT), str(project))
    house = Casa(project, project / ".venv" / "bin" / "python", _free_port())
    link, target, port = project / "outputs" / "cultivos", folder / "OneDrive", _free_port()
    target.mkdir()
    wrong: list[str] = []
    try:
        move_to(house, old)
        (project / ".env").write_text(ENV.format(portal=port), encoding="utf-8")
        house.lindero("stack", "init")
        link.parent.mkdir()
        link.symlink_to(target)
        config = json.dumps({"../outputs/cultivos": str(target)})
        (project / "symlink_config.json").write_text(config, encoding="utf-8")
        house.lindero("stack", "up")
        for day in (0, 1):
            wrong += good_night(house, port, day)
        with portal(house, port, 1):
            house.night(day=1)
        runs = len(house.runs())
        for day, revision in enumerate((here,) if options.short else (here, old, here), start=2):
            kept = house.snapshots("prod") | house.snapshots("test")
            before: dict[str, object] = {"snapshots": kept, "runs": house.runs()}
            if revision == old:
                house.module("Modules.stack.entry", *WAY_BACK)
            house.lindero("stack", "down")
            move_to(house, revision)
            house.lindero("stack", "up")
            found = [*gone_on(house, before, link), *good_night(house, port, day)]
            wrong += [f"{revision[:7]}: {one}" for one in found]
    finally:
        with suppress(AssertionError, OSError):
            house.lindero("stack", "down", fine=False)
        shutil.rmtree(folder, ignore_errors=True)
    for one in wrong:
        print(one)
    print(
        f"figure: upgrade path {old[:7]} to {here[:7]}{'' if options.short else ', back, again'}: "
        f"{runs} runs and {len(kept)} snapshots carried, {len(wrong)} wrong; "
        f"{time.monotonic() - began:.0f} s"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
