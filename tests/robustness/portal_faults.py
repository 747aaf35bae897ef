"""Every named fault of the demo portal on every list: whole runs over HTTP, nothing lost.

Each run starts from the same good night, accepted and published. Then it is refused with a named
error and everything kept or published before is equal byte for byte, or it is accepted and its
books balance: each record served is a row or a rejection, and each lote of the good night that is
missing is named in the changes or in the rejections.

``python -m tests.robustness.portal_faults [--short]`` prints the figure; 1 if it is missed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from Modules.demo.contract import World
from Modules.demo.plan import Size
from Modules.demo.world import world_of
from Modules.jobs import backup, portal_access
from Modules.portal.client import Limits, PortalConfig
from Modules.portal.profile import parse_profile
from Modules.settings import load_settings
from Modules.words.domain import Modo, Portal, Recurso
from Modules.words.errors import PipelineError
from tests.faults.named import FAULTS, TOKEN, Fault, apply_nights
from tests.faults.running import FaultyPortal, faulty_portal

LISTS = (
    Recurso.CULTIVOS,
    Recurso.ZONAS,
    Recurso.CAMPOS,
    Recurso.LOTES,
    Recurso.AMBIENTES,
    Recurso.MARCADORES,
)
FIRST = datetime(2026, 3, 1, 6, tzinfo=UTC)
PROFILE = parse_profile('[paging]\nkind = "page"\nsize = 20\n', "robustness")
LIMITS = Limits(
    requests_per_second=10_000,
    request_timeout_s=1.0,
    fetch_timeout_s=20.0,
    tries=2,
    backoff_base_s=0.01,
    backoff_cap_s=0.02,
    retry_after_cap_s=0.05,
)
HANG_S = 60.0  # thrice what the deadline of a whole fetch allows
SHORT = 60  # faults of the short form, spread over all levels, each on one list


@dataclass(frozen=True, slots=True)
class Case:
    """One fault, aimed; ``times`` None is at every try."""

    name: str
    recurso: Recurso | str
    times: int | None

    @property
    def fault(self) -> Fault:
        """As the portal takes it."""
        return Fault(self.name, self.recurso, times=self.times)


@dataclass(frozen=True, slots=True)
class Found:
    """What a run came to; ``wrong`` is empty if it was as it should be."""

    case: Case
    end: str  # "accepted" or the name of the error
    seconds: float
    wrong: str = ""


def cases(*, short: bool) -> list[Case]:
    """Each fault on each list, at every try and once; those of the token on the token."""
    found = []
    for name in sorted(FAULTS):
        aims: Sequence[Recurso | str] = (TOKEN,) if _of_token(name) else LISTS
        found += [Case(name, aim, times) for aim in aims for times in (None, 1)]
    if not short:
        return found
    persistent = [case for case in found if case.times is None]
    return persistent[:: max(1, len(persistent) // SHORT)]


def _of_token(name: str) -> bool:
    return name.startswith("token_") and name != "token_dies"


# --- one run -------------------------------------------------------------------------------------


@contextmanager
def night_before() -> Iterator[tuple[FaultyPortal, World, Path]]:
    """A portal, its world, and a folder in which one good night is kept and published."""
    size = Size(campos=4, lotes=50, ambientes=100, marcadores=120)
    world = world_of("faulty", size, seed=3, day=0, campania="25/26")
    with tempfile.TemporaryDirectory() as folder, faulty_portal(world) as portal:
        base = Path(folder) / "base"
        _run(portal, base, FIRST)
        yield portal, world, base


def _run(portal: FaultyPortal, folder: Path, now: datetime) -> tuple[backup.Night, bool]:
    settings = replace(
        load_settings(Path("none")),
        lindero_state_dir=folder / "state",
        lindero_outputs_dir=folder / "outputs",
    )
    job = backup.prepare(settings, "25/26", modo=Modo.PROD)
    config = PortalConfig(
        base_url=portal.base_url,
        profile=PROFILE,
        limits=LIMITS,
        client_id=portal.client_id,
        client_secret=SecretStr(portal.client_secret),
    )
    access = portal_access.Access(config, Portal("https://portal.example", PROFILE.identity))
    fetched = backup.fetch(job, access)
    night = backup.judge_night(job, access, fetched)
    snapshot = backup.keep(job, night, now)
    if snapshot.accepted:
        backup.publish(job, job.store.first_equal(snapshot), now)
    return night, snapshot.accepted


def try_case(portal: FaultyPortal, world: World, base: Path, case: Case) -> Found:
    """Run the night after, with the fault, on a copy of the good night."""
    folder = base.parent / f"case-{os.getpid()}"
    shutil.copytree(base, folder)
    before = _bytes_below(folder)
    portal.inject(case.fault)
    begin = time.monotonic()
    try:
        night, accepted = _run(portal, folder, FIRST + timedelta(days=1))
        end = "accepted" if accepted else "NightRefused"
        books = _unbalanced(night, world, case)
        wrong = books if accepted else _unnamed(case, end, _reasons(night))
    except PipelineError as err:
        end = type(err).__name__
        wrong = _unnamed(case, end, str(err))
    finally:
        portal.inject()
    seconds = time.monotonic() - begin
    wrong = wrong or ("hangs" if seconds > HANG_S else "")
    touched = [name for name, data in before.items() if _bytes_below(folder).get(name) != data]
    if touched:
        wrong = f"{wrong}; changed {touched[:3]}"
    shutil.rmtree(folder)
    return Found(case, end, seconds, wrong)


def _bytes_below(folder: Path) -> dict[str, str]:
    """Hash of each file of a kept or published night."""
    roots = (folder / "outputs", folder / "state" / "prod" / "snapshots")
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for root in roots
        for path in root.rglob("*")
        if path.is_file()
    }


def _unbalanced(night: backup.Night, world: World, case: Case) -> str:
    served = apply_nights(world, (case.fault,))
    tables = night.tables.as_dict()
    rejected = Counter(tables["rechazados"]["recurso"])
    for recurso in LISTS:
        due = len({str(item.get("id")) for item in served.items(recurso)})
        told = len(tables[recurso.value]) + rejected[recurso.value]
        if told < due:
            return f"{recurso}: {due} served, {told} accounted for"
    good = {str(item["id"]) for item in world.items(Recurso.LOTES)}
    gone = good - set(tables["lotes"]["lote_id"]) - set(tables["rechazados"]["id"].dropna())
    named = str(night.changes.to_dict())
    unnamed = sorted(one for one in gone if one not in named)
    return f"lotes lost without a word: {unnamed[:3]}" if unnamed else ""


def _reasons(night: backup.Night) -> str:
    return " ".join(f"{c.what} {c.notes}" for c in night.verdict.checks if c.is_error)


def _unnamed(case: Case, end: str, message: str) -> str:
    """An error names the list, and the page where it is one page that is wrong.

    Totals that do not add up and a refused night are about the whole list.
    """
    if case.recurso == TOKEN or FAULTS[case.name].level == "auth":
        named = "token" in message.lower() or "página" in message
    elif end == "NightRefused":  # another world may differ in other lists too
        named = any(str(recurso) in message for recurso in (*LISTS, "siembras"))
    elif end == "ApiIncomplete":
        named = str(case.recurso) in message
    else:
        named = str(case.recurso) in message and "página" in message
    return "" if named else f"names no list or page: {message}"


# --- all of them ---------------------------------------------------------------------------------


def run_cases(chosen: Sequence[Case]) -> list[Found]:
    """Try these one after the other, against one portal."""
    with night_before() as (portal, world, base):
        return [try_case(portal, world, base, case) for case in chosen]


def run_all(chosen: Sequence[Case], workers: int = 2) -> list[Found]:
    """Try these in several processes, each with a portal of its own."""
    pieces = [list(chosen[at :: workers * 4]) for at in range(workers * 4)]
    with ProcessPoolExecutor(workers) as pool:
        return [found for piece in pool.map(run_cases, pieces) for found in piece]


def figure(found: Sequence[Found]) -> str:
    """The line of the table."""
    kinds, ends = {one.case.name for one in found}, Counter(one.end for one in found)
    wrong = [one for one in found if one.wrong]
    slowest = max(one.seconds for one in found)
    return (
        f"figure: portal_faults {len(found)} runs, {len(kinds)} kinds of fault, "
        f"{len(wrong)} silent losses, hangs or touched files, slowest {slowest:.1f} s; "
        + ", ".join(f"{end} {count}" for end, count in sorted(ends.items()))
    )


def main(arguments: Sequence[str]) -> int:
    """Print what went wrong and the figure; 1 if anything did."""
    found = run_all(cases(short="--short" in arguments))
    wrong = [one for one in found if one.wrong]
    for one in wrong:
        print(f"{one.case.name}@{one.case.recurso}*{one.case.times} {one.end}: {one.wrong}")
    print(figure(found))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
