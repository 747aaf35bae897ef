"""Bodies without end: a gzip bomb of 2 GB, a body that never ends, drips of body and of headers.

    python -m tests.robustness.hostile_bodies [--short]

Each is served on the list of lotes to a whole night in a process of its own. The night ends with a
named error that says where, keeps nothing, within the deadline of a fetch and under 512 MB of
resident memory, what was loaded before it began included. In the short form the drips meet a
shorter deadline.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from Modules.words.domain import Recurso
from tests.faults.named import Fault
from tests.robustness.crash_bench import Bench, bench, torn

BOMB_MIB = 2048
MOST_MB = 512.0
SPARE_S = 5.0  # over the deadline: ending the last request, and a busy machine
EXITS = {"1": "ApiContractChanged", "4": "ApiUnavailable"}
FAULTS = ("gzip_bomb", "endless_body", "drip", "drip_headers")
DRIPS = FAULTS[2:]  # nothing ends these but the deadline
DEADLINE_S, SHORT_DEADLINE_S = 60.0, 6.0


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a night with one of these bodies."""

    name: str
    said: str
    seconds: float
    deadline_s: float
    peak_mb: float
    wrong: tuple[str, ...]


def serve(place: Bench, name: str, deadline_s: float) -> Found:
    """A night against one of these bodies."""
    limits = {
        "request_timeout_s": deadline_s / 3,
        "fetch_timeout_s": deadline_s,
        "tries": 2,
        "backoff_base_s": 0.05,
        "backoff_cap_s": 0.1,
    }
    folder = place.copy(place.root / "hostile")
    place.portal.inject(Fault(name, Recurso.LOTES, bomb_mib=BOMB_MIB))
    try:
        end = place.second(folder, limits=limits)
    finally:
        place.portal.inject()
    seconds = end.times.get("fetch", 0.0)
    said = (end.said.strip().splitlines() or [""])[-1]  # before it: what the log says of the tries
    wrong = torn(folder, place.base) + place.next(folder)
    if not said.startswith(f"{EXITS.get(end.how, '?')}: lotes página 1: "):
        wrong.append(f"ended {end.how} and said {end.said.strip()[-300:]!r}")
    if seconds > deadline_s + SPARE_S:
        wrong.append(f"took {seconds:.1f} s of {deadline_s:.0f} s")
    if end.peak_mb > MOST_MB:
        wrong.append(f"took {end.peak_mb:.0f} MB of {MOST_MB:.0f} MB")
    shutil.rmtree(folder)
    return Found(name, said, seconds, deadline_s, end.peak_mb, tuple(wrong))


def main(arguments: Sequence[str]) -> int:
    """Print each end and the figure; 1 if anything was wrong."""
    drips_s = SHORT_DEADLINE_S if "--short" in arguments else DEADLINE_S
    with bench() as place:
        plain = place.second(place.copy(place.root / "plain"))
        found = [serve(place, name, drips_s if name in DRIPS else DEADLINE_S) for name in FAULTS]
    for one in found:
        print(
            f"{one.name}: {one.seconds:.1f} s of {one.deadline_s:.0f} s, {one.peak_mb:.0f} MB: "
            f"{one.said}"
        )
        print(*(f"  WRONG: {what}" for what in one.wrong), sep="\n", end="\n" if one.wrong else "")
    wrong = sum(len(one.wrong) for one in found)
    print(
        f"figure: hostile_bodies {len(found)} bodies, a bomb of {BOMB_MIB} MiB among them, "
        f"{wrong} wrong; peak {max(one.peak_mb for one in found):.0f} MB of {MOST_MB:.0f} MB "
        f"(a good night {plain.peak_mb:.0f} MB)"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
