"""What ``make quick`` runs: nearest first, and nothing that a change cannot have touched."""

from __future__ import annotations

from tests.quick import distances, nearest_tests


def test_a_module_is_as_far_as_the_imports_between_it_and_the_change() -> None:
    importers = {"a": {"b", "c"}, "b": {"d"}, "c": {"d", "a"}, "other": {"e"}}
    assert distances(importers, ["a"]) == {"a": 0, "b": 1, "c": 1, "d": 2}
    assert distances(importers, ["d"]) == {"d": 0}


def test_the_tests_of_the_own_package_come_first_then_those_that_import_it() -> None:
    found = nearest_tests(["Modules/geo/routes.py"])
    own = [name.startswith("tests/geo/") for name in found]
    assert own == sorted(own, reverse=True)
    assert "tests/products/muestreos/test_plan.py" in found  # its points have an order of visit
    assert "tests/portal/test_paging.py" not in found


def test_a_change_of_a_test_or_of_what_tests_share_touches_those_tests() -> None:
    assert nearest_tests(["tests/geo/test_routes.py"]) == ["tests/geo/test_routes.py"]
    shared = nearest_tests(["tests/sample_tables.py"])
    assert "tests/diff/test_differences.py" in shared
    assert nearest_tests(["bench/kmz.py"]) == []
    script = nearest_tests(["Modules/onedrive/create_symlinks.ps1"])
    assert "tests/onedrive/test_script.py" in script
