"""The short form of ``damage``: all kinds of damage, some of each; make robustness has all."""

from __future__ import annotations

import pytest

from tests.robustness.damage import SHORT, run

pytestmark = pytest.mark.integration  # long rather than wide


def test_every_damage_is_found_in_its_file_and_a_sound_store_gives_no_alarm() -> None:
    found = run(SHORT)
    assert [f"{one.case.kind} {one.case.where}: {one.wrong}" for one in found if one.wrong] == []
    assert {one.case.kind for one in found} == set(SHORT)
