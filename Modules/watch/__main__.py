"""The companion: a round every thirty seconds, by one of all that were started.

    python -m Modules.watch services|worker|by-hand|healthy

Whoever holds the kernel's lock on ``<state>/watch/watch.lock`` watches. That is the companion of
``worker``, which sees what lies published, and that of ``services`` while no other lives. Only the
latter reaches the stores from its container: it notes what it sees of the platform in each round of
its own, and watches too while the one whose turn it is hangs, its locks with it. One that waits has
nothing heavy loaded. A companion ends with its container, or ``stack down`` sweeps it.

``healthy`` says in one line whether services does its work and its companion notes: exit 0, or 1.
"""

from __future__ import annotations

import logging
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from filelock import FileLock, Timeout

from Modules.disk.run_lock import is_held
from Modules.disk.safe_files import make_folder, writing
from Modules.health import platform
from Modules.settings import Settings, load_settings
from Modules.stack import entry
from Modules.stack.checks import Health, ill
from Modules.words.errors import PipelineError

if TYPE_CHECKING:
    from Modules.watch.rounds import Watch

ROUND_S: Final = 30.0
HANGS: Final = timedelta(seconds=100)
FIRST: Final = "worker"
NOTES: Final = "services"

logger = logging.getLogger("lindero.watch")


class Companion:
    """One of those that may watch; ``role`` is the process that it was started beside."""

    def __init__(self, settings: Settings, role: str) -> None:
        self.settings, self.role = settings, role
        self.folder = settings.lindero_state_dir / "watch"
        self.first = self.folder / f"{FIRST}.lock"
        self.rank = FileLock(self.first, timeout=0, fallback_to_soft=False)
        self.turn = FileLock(self.folder / "watch.lock", timeout=0, fallback_to_soft=False)
        self.watch: Watch | None = None

    def step(self, now: datetime) -> bool:
        """A round, if it is our turn; whether it was.

        Raises:
            PublishError: the state folder cannot be written.
        """
        make_folder(self.folder)
        mine = self._our_turn()
        if mine or self._the_other_hangs(now):
            if self.watch is None:
                from Modules.watch.rounds import Watch

                self.watch = Watch(self.settings)
            self.watch.round(now)
        else:
            self.watch = None
        if self.role == NOTES and (seen := platform.look(self.settings, now)) is not None:
            platform.note(self.settings, seen)
        return mine

    def _our_turn(self) -> bool:
        if self.role != FIRST and is_held(self.first):
            if self.turn.is_locked:
                self.turn.release(force=True)
                self.watch = None
            return False
        with writing(self.folder):
            try:
                for lock in (self.rank, self.turn) if self.role == FIRST else (self.turn,):
                    if not lock.is_locked:
                        lock.acquire()
            except Timeout:
                return False
        return True

    def _the_other_hangs(self, now: datetime) -> bool:
        """Whether it, whose turn it is, did no round lately, or none since ours in its place."""
        last = platform.last_round(self.settings)
        if self.role != NOTES or last is None:
            return False
        return now - last > HANGS or (self.watch is not None and self.watch.known == last)


def healthy(settings: Settings, now: datetime) -> Health:
    """Whether services schedules, and the watch beside it notes: as ``lindero status`` judges."""
    from Modules.health.rules import watched

    health = entry.check("services", settings, worker_port=0)
    seen = platform.Platform(now, nota=platform.noted(settings))
    silent = next((one.what for one in watched(seen, settings.zone) if one.is_error), None)
    return ill(silent) if health.ok and silent else health


def main(role: str) -> None:
    """Watch while it is our turn, for as long as we live."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")  # stack/logs dates the lines
    companion = Companion(load_settings(), role)
    while True:
        begun = time.monotonic()
        try:
            companion.step(datetime.now(UTC))
        except PipelineError as err:  # a state folder that is not there, a full disk
            logger.warning("cannot watch or note now: %s", err)
        except Exception:
            logger.exception("a round")
        time.sleep(max(1.0, ROUND_S - (time.monotonic() - begun)))


if __name__ == "__main__":
    if sys.argv[1] == "healthy":
        found = healthy(load_settings(), datetime.now(UTC))
        sys.stdout.write(f"services: {found.text}\n")
        sys.exit(not found.ok)
    main(sys.argv[1])
