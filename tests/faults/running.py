"""The demo portal with the byte proxy in front of it, in a thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from Modules.demo.contract import World
from Modules.demo.server import DemoPortal
from tests.demo.running import RunningPortal, running_portal
from tests.faults.named import Fault
from tests.faults.wire import Asked, FaultyServer


@dataclass
class FaultyPortal(RunningPortal):
    """A portal that fails on request."""

    server: FaultyServer = field(repr=False)

    @property
    def requests(self) -> list[Asked]:
        """What came in, in order."""
        return self.server.asked

    def serve(self, world: World) -> None:
        """Hold another world (another night) at the same address; faults stay."""
        self.server.serve(world)

    def inject(self, *faults: Fault) -> None:
        """These faults from now on, in place of those before; none ends all."""
        self.server.inject(faults)


@contextmanager
def faulty_portal(
    world: World, *, faults: Sequence[Fault] = (), **more: Any
) -> Iterator[FaultyPortal]:
    """Serve a world as ``running_portal`` does (``more`` is for it), through the proxy."""
    made: list[FaultyServer] = []

    def server(portal: DemoPortal) -> FaultyServer:
        made.append(FaultyServer(portal, faults))
        return made[0]

    with running_portal(world, server=server, **more) as plain:
        yield FaultyPortal(**vars(plain), server=made[0])
