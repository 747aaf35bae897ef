"""A portal that can fall silent, so that a run stays in the middle for as long as a test needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from Modules.demo.child import demo_process


@dataclass(frozen=True, slots=True)
class Silenced:
    """A demo portal as a process of its own; ``env`` sends a run there."""

    env: dict[str, str]
    process: psutil.Process

    def speak(self) -> None:
        """Answer what is waiting, and all that comes."""
        self.process.resume()

    def fall_silent(self) -> None:
        """Take connections and answer nothing."""
        self.process.suspend()


@contextmanager
def silent_portal(size: str = "small") -> Iterator[Silenced]:
    """The demo portal until the block ends; it speaks at first."""
    with demo_process(size) as demo:
        env = {
            "DATABALER_BASE_URL": demo.base_url,
            "DATABALER_CLIENT_ID": demo.client_id,
            "DATABALER_CLIENT_SECRET": demo.client_secret,  # public: the demo has no other
        }
        portal = Silenced(env, psutil.Process(demo.pid))
        try:
            yield portal
        finally:
            portal.speak()
