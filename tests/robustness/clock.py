"""Clocks that are wrong: is any backup overwritten, put out of order, or wrongly removed?

    python -m tests.robustness.clock [--short]

Each scenario is a process of its own that makes real nights in a real store, prunes it and verifies
it, and asks the operating system for the time, as the flows do. Where libfaketime is installed
(Debian: ``apt-get install libfaketime``) the operating system's answer is what is wrong, and TZ
changes between container (UTC) and host (-03); where it is not, the wrong time is passed in.

The script knows the true time of every night. Wrongly removed is: the newest good one; one of the
last 14; the last of each of the last 14 true days; the only one left of one of the last 8 true
weeks, 24 months or of a year; a refused one that is not 90 true days old.
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
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.prompts.forked import at_once

ROOT = Path(__file__).resolve().parent.parent.parent
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
NONE = timedelta()
BUENOS_AIRES = "America/Argentina/Buenos_Aires"
SANTIAGO = "America/Santiago"  # summer time, which Argentina has not
LIBRARIES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/local/lib/faketime/libfaketime.so.1")


@dataclass(frozen=True, slots=True)
class Night:
    """One night: when it truly was, how wrong the clock was, and where the process thought it was.

    ``refused``: it goes to quarantine. ``prune``: the store is pruned two hours later, by a clock
    that went wrong by ``later`` in between.
    """

    true: datetime
    wrong: timedelta = NONE
    tz: str = BUENOS_AIRES
    refused: bool = False
    prune: bool = True
    later: timedelta = NONE


@dataclass(frozen=True, slots=True)
class Scenario:
    """A name, the zone of the settings, and the nights in their true order."""

    name: str
    zone: str
    nights: tuple[Night, ...] = field(repr=False)


def _each_night(
    first: datetime, count: int, wrong: Callable[[int], timedelta] = lambda _: NONE, **more: Any
) -> tuple[Night, ...]:
    return tuple(
        Night(first + i * DAY, wrong(i), refused=i % 10 == 4, **more) for i in range(count)
    )


def scenarios(*, short: bool) -> Iterator[Scenario]:
    """All of them; the short form has fewer nights of each, and fewer prunes."""
    for scenario in _scenarios(24 if short else 60):
        nights = (
            replace(night, prune=not short or at % 4 == 3)
            for at, night in enumerate(scenario.nights)
        )
        yield replace(scenario, nights=tuple(nights))


def _scenarios(count: int) -> Iterator[Scenario]:
    third = count // 3

    def three(zone: str, month: int, day: int, hour: int = 3) -> datetime:
        return datetime(2026, month, day, hour, 0, 2, tzinfo=ZoneInfo(zone)).astimezone(UTC)

    start = three(BUENOS_AIRES, 1, 20)
    # Chile 2026: 5 April 00:00 → 23:00, 6 September 00:00 → 01:00
    yield Scenario(
        "summer time ends", SANTIAGO, _each_night(three(SANTIAGO, 3, 20, 23) + HOUR / 2, count)
    )
    yield Scenario("summer time begins", SANTIAGO, _each_night(three(SANTIAGO, 8, 25, 0), count))
    for name, jump in (("an hour", HOUR), ("a day", DAY), ("a year", 365 * DAY)):
        yield Scenario(
            f"backwards by {name}",
            BUENOS_AIRES,
            _each_night(start, count, lambda i, jump=jump: -jump if i >= third else NONE),
        )
        yield Scenario(
            f"backwards by {name} for a while",
            BUENOS_AIRES,
            _each_night(
                start, count, lambda i, jump=jump: -jump if third <= i < 2 * third else NONE
            ),
        )
    yield Scenario(
        "a year ahead for one night",
        BUENOS_AIRES,
        _each_night(start, count, lambda i: 365 * DAY if i == third else NONE),
    )
    yield Scenario(
        "a year ahead for a while",
        BUENOS_AIRES,
        _each_night(start, count, lambda i: 365 * DAY if third <= i < 2 * third else NONE),
    )
    yield Scenario(
        "a year ahead from one night on",
        BUENOS_AIRES,
        _each_night(start, count, lambda i: 365 * DAY if i >= third else NONE),
    )
    yield Scenario(
        "no battery: 1 January 1970 every night",
        BUENOS_AIRES,
        _each_night(start, count, lambda i: _to_1970(start + i * DAY) if i >= third else NONE),
    )
    jumps = (365 * DAY, -DAY, 50 * DAY, -365 * DAY)
    yield Scenario(
        "a jump between night and prune",
        BUENOS_AIRES,
        tuple(
            replace(night, later=jumps[at // 4 % 4])
            for at, night in enumerate(_each_night(start, count))
        ),
    )
    yield Scenario("midnight", BUENOS_AIRES, tuple(_midnights(count)))
    yield Scenario("leap day", BUENOS_AIRES, tuple(_leap_days(count)))
    yield Scenario(
        "container in UTC, host at -03",
        BUENOS_AIRES,
        tuple(
            Night(start - 4 * HOUR + i * DAY, tz="UTC" if i % 2 else "<-03>3", refused=i % 10 == 4)
            for i in range(count)
        ),
    )
    yield Scenario(
        "host clock set to local time, read as UTC",
        BUENOS_AIRES,
        _each_night(start, count, lambda i: -3 * HOUR if i % 7 < 3 else NONE),
    )


def _to_1970(true: datetime) -> timedelta:
    return datetime(1970, 1, 1, 0, 5, tzinfo=UTC) - true


def _midnights(count: int) -> Iterator[Night]:
    """A second before, at, and a second after midnight, in Buenos Aires and in UTC."""
    midnight = datetime(2026, 1, 20, 3, tzinfo=UTC)
    for i in range(count):
        second = timedelta(seconds=i % 3 - 1)
        where = NONE if i % 2 else -3 * HOUR
        yield Night(midnight + i * DAY + second + where, refused=i % 10 == 4)


def _leap_days(count: int) -> Iterator[Night]:
    for i in range(count // 2):
        yield Night(datetime(2028, 2, 20, 6, tzinfo=UTC) + i * DAY, refused=i % 10 == 4)
    for i in range(count // 2):
        yield Night(datetime(2032, 2, 26, 6, tzinfo=UTC) + i * DAY)


# --- the child: its clock is what the file of libfaketime says ----------------------------------


class Child:
    """A store, and the process's own idea of the time."""

    def __init__(self, folder: Path, zone: str):
        from Modules.jobs import weekly as verificacion
        from Modules.settings import Settings
        from Modules.words.domain import Modo

        self._verificacion = verificacion
        self._settings = Settings(
            lindero_state_dir=folder / "state", lindero_test_outputs_dir=folder / "out", tz=zone
        )
        self._modo = Modo.TEST
        self.store = verificacion.prepare(self._settings, Modo.TEST, datetime.now(UTC)).store

    def night(self, now: datetime, number: int, *, refused: bool) -> str:
        """A real snapshot; its id."""
        from tests.sample_tables import SEASON, tables

        draft = self.store.draft(SEASON, now)
        draft.write_tables(tables(1, seed=number))
        facts = {"portal": {"origin": "demo:small", "profile": "contract@0"}}
        return str(self.store.keep(draft, verdict={}, accepted=not refused, facts=facts).id)

    def prune(self, now: datetime) -> str | None:
        """A real prune; why it refused."""
        encargo = self._verificacion.prepare(self._settings, self._modo, now)
        return self._verificacion.do_prune(encargo).plan.negado

    def there(self) -> list[str]:
        """Ids in the store's own order."""
        return [str(one.id) for one in (*self.store.accepted(), *self.store.quarantined())]


def child(order: dict[str, Any]) -> dict[str, Any]:
    """Live through a scenario; what became of it."""
    here = Child(Path(order["folder"]), order["zone"])
    made: list[dict[str, Any]] = []
    found: dict[str, list[str]] = {"overwritten": [], "misordered": [], "removed wrongly": []}
    refused = 0
    for number, night in enumerate(order["nights"]):
        os.environ["TZ"] = night["tz"]
        time.tzset()
        true = datetime.fromisoformat(night["true"])
        wrong = timedelta(seconds=night["wrong_s"])
        now = _set_clock(order["clock"], true + wrong)
        snapshot_id = here.night(now, number, refused=night["refused"])
        folder = here.store.folder(snapshot_id)
        made.append(
            {
                "id": snapshot_id,
                "true": true,
                "refused": night["refused"],
                "sums": (folder / "manifest.sha256").read_bytes(),
            }
        )
        if night["prune"]:
            after = true + wrong + 2 * HOUR + timedelta(seconds=night["later_s"])
            refused += here.prune(_set_clock(order["clock"], after)) is not None
        _judge(here, made, true + 2 * HOUR, ZoneInfo(order["zone"]), found)
    gone = len(made) - len(here.there())
    return {**found, "made": len(made), "gone": gone, "refused": refused}


def _set_clock(file: str | None, wanted: datetime) -> datetime:
    """Make the operating system say ``wanted``, if it can be made to, and ask it."""
    if file is None:
        return wanted
    Path(file).write_text(f"{wanted.astimezone():%Y-%m-%d %H:%M:%S}\n")  # it stands still
    now = datetime.now(UTC)
    assert abs(now - wanted) < timedelta(seconds=1), f"libfaketime says {now}, not {wanted}"
    return now


def _judge(
    here: Child,
    made: list[dict[str, Any]],
    true_now: datetime,
    zone: ZoneInfo,
    found: dict[str, list[str]],
) -> None:
    from Modules.store.integrity import verify_folder

    there = here.there()
    if len({one["id"] for one in made}) != len(made):
        found["overwritten"].append(f"an id twice: {made[-1]['id']}")
    for one in made:
        if one["id"] in there:
            folder = here.store.folder(one["id"])
            if (folder / "manifest.sha256").read_bytes() != one["sums"]:
                found["overwritten"].append(one["id"])
    if problems := verify_folder(here.store.folder(made[-1]["id"])):
        found["overwritten"].append(f"{made[-1]['id']}: {problems[0]}")
    order = [one["id"] for one in made if one["id"] in there]
    accepted = [str(one.id) for one in here.store.accepted()]
    if accepted != [one for one in order if one in accepted]:
        found["misordered"].append(made[-1]["id"])
    newest = here.store.accepted()[-1:]
    good = [one for one in made if not one["refused"]]
    if good and [str(one.id) for one in newest] != [good[-1]["id"]]:
        found["misordered"].append(f"the newest is not {good[-1]['id']}")
    wrongly = set(_wrongly_removed(made, set(there), true_now, zone))
    found["removed wrongly"] += sorted(wrongly - set(found["removed wrongly"]))


def _wrongly_removed(
    made: Sequence[dict[str, Any]], there: set[str], true_now: datetime, zone: ZoneInfo
) -> Iterator[str]:
    good = [one for one in made if not one["refused"]]
    for one in made:
        if one["refused"] and one["id"] not in there and true_now - one["true"] <= 90 * DAY:
            yield one["id"]
    yield from (one["id"] for one in good[-14:] if one["id"] not in there)
    days = list(dict.fromkeys(_local(one, zone) for one in reversed(good)))[:14]
    for day in days:
        last = [one for one in good if _local(one, zone) == day][-1]
        if last["id"] not in there:
            yield last["id"]
    for spans in (
        _spans(good, zone, lambda day: day - timedelta(days=day.weekday()))[-8:],
        _spans(good, zone, lambda day: day.replace(day=1))[-24:],
        _spans(good, zone, lambda day: day.replace(month=1, day=1)),
    ):
        for one_span in spans:
            if not there & {one["id"] for one in one_span}:
                yield one_span[-1]["id"]


def _local(one: dict[str, Any], zone: ZoneInfo) -> date:
    true: datetime = one["true"]
    return true.astimezone(zone).date()


def _spans(
    good: Iterable[dict[str, Any]], zone: ZoneInfo, key: Callable[[date], date]
) -> list[list[dict[str, Any]]]:
    found: dict[date, list[dict[str, Any]]] = {}
    for one in good:
        found.setdefault(key(_local(one, zone)), []).append(one)
    return list(found.values())


# --- the parent ----------------------------------------------------------------------------------


def faketime_library() -> Path | None:
    """libfaketime, where Debian or a build of one's own puts it."""
    found = [path for pattern in LIBRARIES for path in Path("/").glob(pattern[1:])]
    return found[0] if found else None


def play(scenario: Scenario, library: Path | None) -> dict[str, Any]:
    """Run a scenario in a process whose clock is wrong."""
    folder = Path(tempfile.mkdtemp(prefix="lindero-clock-"))
    try:
        clock = folder / "clock"
        order = {
            "folder": str(folder),
            "zone": scenario.zone,
            "clock": None if library is None else str(clock),
            "nights": [
                {
                    "true": night.true.isoformat(),
                    "wrong_s": night.wrong.total_seconds(),
                    "later_s": night.later.total_seconds(),
                    "tz": night.tz,
                    "refused": night.refused,
                    "prune": night.prune,
                }
                for night in scenario.nights
            ],
        }
        if library is None and hasattr(os, "fork"):  # it needs no start of its own
            for name in ("Modules.jobs.weekly", "tests.sample_tables"):
                import_module(name)
            (lived,) = at_once(1, lambda _: child(order))
            return dict(lived)
        environment = dict(os.environ)
        if library is not None:
            clock.write_text("2026-01-01 00:00:00\n")
            environment |= {
                "LD_PRELOAD": str(library),
                "FAKETIME_TIMESTAMP_FILE": str(clock),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "FAKETIME_DONT_RESET": "1",
            }
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "tests.robustness.clock", "--child"],
            cwd=ROOT,
            env=environment,
            input=json.dumps(order),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{scenario.name}: {done.stderr[-2000:]}")
        return json.loads(done.stdout)  # type: ignore[no-any-return]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figure; 0 if it was reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--only", help="a part of the name of a scenario")
    asked = parser.parse_args(argv)
    if asked.child:
        json.dump(child(json.load(sys.stdin)), sys.stdout)
        return 0
    library = faketime_library()
    totals: dict[str, int] = {}
    every = [one for one in scenarios(short=asked.short) if (asked.only or "") in one.name]
    for scenario in every:
        result = play(scenario, library)
        for what, value in result.items():
            totals[what] = totals.get(what, 0) + (len(value) if isinstance(value, list) else value)
            if isinstance(value, list) and value:
                print(f"{scenario.name}: {what}: {value}")
    how = "passed in" if library is None else "by libfaketime"
    bad = {name: totals[name] for name in ("overwritten", "misordered", "removed wrongly")}
    said = ", ".join(f"{count} {name}" for name, count in bad.items())
    print(
        f"figure: clock: {len(every)} scenarios ({how}), {totals['made']} nights, "
        f"{totals['gone']} removed, {totals['refused']} prunes refused for the clock: {said}"
    )
    return 1 if any(bad.values()) or not totals["gone"] else 0


if __name__ == "__main__":
    sys.exit(main())
