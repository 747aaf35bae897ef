"""Several campañas in one run: each its own night, and none hides another."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from Modules.jobs.outcome import Outcome
from Modules.orchestration.failure import mensaje_de_falla
from Modules.orchestration.flow_run import chunk_runner
from Modules.orchestration.stages import StageInfo, each, on_this_machine, respaldar
from Modules.settings import read_settings
from Modules.words.domain import Campania, Fetched, Recurso
from Modules.words.errors import ApiUnavailable, CampaniasFailed, NightRefused, SettingsError

A, B, C = Campania(24, 25), Campania(25, 26), Campania(26, 27)


def night(one: Campania) -> Outcome:
    """The middle one is refused, the last cannot be fetched."""
    if one == C:
        raise ApiUnavailable("lotes page 3: 503")
    if one == B:
        refused = NightRefused("cuarentena", command="lindero backups accept 42")
        return Outcome({"accepted": False}, "# Backup 25/26", [{"qué": "x"}], refused)
    return Outcome({"accepted": True}, "# Backup 24/25", aviso="la 24/25 terminó")


def test_of_one_campania_the_outcome_is_its_own_and_an_error_goes_up() -> None:
    assert each((A,), night) == night(A)
    with pytest.raises(ApiUnavailable):
        each((C,), night)


def test_one_that_fails_hides_none_of_the_others_and_the_run_fails() -> None:
    did = each((C, A, B), night)
    assert list(did.data["campanias"]) == ["26/27", "24/25", "25/26"]
    assert did.data["campanias"]["24/25"] == {"accepted": True}
    for said in ("# Backup 24/25", "# Backup 25/26", "# Campaña 26/27", "No se pudo llegar"):
        assert said in did.markdown
    assert did.calidad == [{"campaña": "25/26", "qué": "x"}]
    assert did.aviso == "la 24/25 terminó"
    assert isinstance(did.error, CampaniasFailed)
    assert set(did.error.errors) == {"26/27", "25/26"}
    assert did.error.exit_code == 1, "4 and 1 have nothing in common"
    message = mensaje_de_falla(did.error)
    assert "Campaña 26/27: No se pudo llegar al portal" in message
    assert "lindero backups accept 42" in message
    assert "Campaña 24/25" not in message


def test_the_exit_code_is_that_of_all_failures() -> None:
    did = each((A, C), night)
    assert did.error is not None
    assert did.error.exit_code == 4
    assert each((A,) * 2, night).error is None


def test_a_fault_of_ours_goes_up_when_the_others_are_done() -> None:
    done = []

    def work(one: Campania) -> Outcome:
        if one == A:
            raise ZeroDivisionError
        done.append(one)
        return night(A)

    with pytest.raises(ZeroDivisionError):
        each((A, B), work)
    assert done == [B]


@pytest.mark.parametrize("named", ["dask", "tcp://127.0.0.1:1"])
def test_where_a_cluster_is_named_pieces_by_hand_are_made_here_and_no_product_else_asks_it(
    named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = read_settings({"lindero_task_runner": named, "lindero_task_workers": "1"})
    assert list(on_this_machine(settings)(str.upper, ["a", "b"])) == ["A", "B"]
    monkeypatch.setitem(sys.modules, "prefect_dask.task_runners", None)  # as if not installed
    with chunk_runner(settings) as run, pytest.raises(SettingsError, match="prefect-dask"):
        list(run(str.upper, ["a"]))


def test_what_came_is_out_of_memory_before_the_products_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINDERO_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("LINDERO_TEST_OUTPUTS_DIR", str(tmp_path / "outputs"))
    monkeypatch.setenv("LINDERO_DEMO_SIZE", "mini")
    held: dict[str, int] = {}

    def stage(step: StageInfo, work: Callable[..., Any], /, *args: Any, **more: Any) -> Any:
        held[step.name] = sum(isinstance(one, Fetched) for one in gc.get_objects())
        if step.name.startswith("Producto"):
            return ()  # which are made is not asked here
        return work(*args, **more)

    before = sum(isinstance(one, Fetched) for one in gc.get_objects())
    done = respaldar("25/26", test=True, stage=stage)
    assert done.error is None
    assert held["Guardar el backup"] == before + len(Recurso)
    assert held["Producto cultivos"] == held["Producto muestreos"] == before
