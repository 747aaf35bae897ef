"""What all tests share: real data where it is, no network but loopback, no settings of the host."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import hypothesis
import pytest
from pytest_socket import socket_allow_hosts

from Modules.demo.world import build_world
from Modules.night.tables import build_tables
from Modules.products.source import Fuente
from Modules.store.numeros import Numeros
from Modules.words.domain import BoundingBox, Campania, Record, Recurso
from tests.fuentes import night_of, of_campos
from tests.quick import BUDGET

# What was compiled is kept, also where Python is told to keep nothing: else every process of a run
# makes all test files anew, and every command that a test starts all of our code.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# no test is about time; what a figure of docs/confiabilidad.md proves by the thousand is shown here
hypothesis.settings.register_profile("lindero", deadline=None, max_examples=60)
hypothesis.settings.register_profile("brief", deadline=None, max_examples=20)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "lindero"))
BUDGET_S = float(os.environ.get(BUDGET, "inf"))
_STARTED = time.monotonic()

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the folders that take longest, so that no process waits for the last one."""
    if BUDGET in os.environ:  # then they come nearest first
        return
    longest = ("stack", "scripts", "robustness")
    order = {name: at for at, name in enumerate(longest)}
    items.sort(key=lambda item: order.get(item.path.parent.name, len(longest)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Begin no test when the time of ``make quick`` is over."""
    if time.monotonic() - _STARTED > BUDGET_S:
        pytest.skip(f"the {BUDGET_S:.0f} s of make quick were over: make test runs it")


@pytest.fixture(autouse=True)
def _loopback_only() -> None:
    """Refuse every connection of this process that leaves the machine."""
    socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)


@pytest.fixture(autouse=True)
def _no_settings_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("LINDERO_", "DATABALER_", "PREFECT_API")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TZ", "America/Argentina/Buenos_Aires")


@pytest.fixture
def clock_of_argentina(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The local time of this process is three hours behind UTC, as on the machines of the users."""
    if not hasattr(time, "tzset"):
        pytest.skip("the time zone of a process cannot be set here")
    monkeypatch.setenv("TZ", "America/Argentina/Buenos_Aires")
    time.tzset()
    assert time.localtime().tm_gmtoff == -3 * 3600
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(scope="session")
def project_root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The agreed documents and data beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("../shared is not there: the agreed documents live beside the checkout")
    return SHARED


@pytest.fixture(scope="session")
def shared_data(shared: Path) -> Path:
    """Real field, zone, marker and hostile data."""
    return shared / "data"


@pytest.fixture(scope="module")
def demo_fuente(demo_night: Fuente) -> Fuente:
    """The first night of the small made-up world, as products are given it: with no number yet."""
    return replace(demo_night, numeros=Numeros())


@pytest.fixture(scope="module")
def two_campos(demo_night: Fuente) -> Fuente:
    """Of that night two campos of two companies, for what more of the same would not prove."""
    return night_of(of_campos(demo_night.tables, "1003", "1010"))


@pytest.fixture(scope="session")
def demo_night() -> Fuente:
    """It is made once; nobody changes its tables."""
    world = build_world("small")
    records = {
        recurso: [Record(item, 1, index) for index, item in enumerate(world.items(recurso))]
        for recurso in Recurso
    }
    built = build_tables(records, campania=Campania(25, 26), encodings={}, bbox=BoundingBox())
    return night_of(built.tables)
