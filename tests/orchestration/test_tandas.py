"""The night of many companies and their maps: who does which, what becomes of those that fail."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import wait
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import pytest

from Modules.disk.run_lock import only_one
from Modules.empresas import Empresa
from Modules.jobs.outcome import Outcome
from Modules.orchestration import empresas
from Modules.orchestration import obrero as child
from Modules.orchestration.empresas import Hecha, Obrero, Tanda, Trabajo, last, tanda, todas
from Modules.settings import load_settings
from Modules.words.domain import Modo
from Modules.words.errors import EmpresasFailed, ProductError, RunLocked, SettingsError

GOOD: Mapping[str, Any] = {"error": None, "summary": "# Bien", "data": {}}
NOCHE = "2026-11-30"
Answer = Callable[[], Mapping[str, Any] | None]


def bad(exit_code: int, detail: str) -> Mapping[str, Any]:
    return {"error": {"exit_code": exit_code, "detail": detail}, "summary": "", "data": {}}


class Portals:
    """What each company's night answers, and which were asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.works: list[str] = []  # of each that was asked, the kind of work

    def process(self) -> StandIn:
        return StandIn(self)


class StandIn:
    """In the place of a process that does nights."""

    def __init__(self, portals: Portals) -> None:
        self.portals, self.nights, self.late = portals, 0, False

    def ask(self, order: Sequence[object], limit_s: float) -> Mapping[str, Any] | None:
        name, _, work = map(str, order)
        self.portals.asked.append(name)
        self.portals.works.append(work)
        result = self.portals.answers.get(name, lambda: GOOD)()
        self.late = result is None and limit_s < 60
        return result

    def end(self) -> None:
        """Nothing lives."""


@pytest.fixture
def portals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Portals:
    monkeypatch.setenv("LINDERO_EMPRESAS", str(tmp_path / "empresas.toml"))
    monkeypatch.setenv("LINDERO_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(empresas, "LOOK_S", 0.02)
    portals = Portals()
    monkeypatch.setattr(empresas, "Obrero", portals.process)
    return portals


@pytest.fixture
def ten(portals: Portals, tmp_path: Path) -> Portals:
    entries = (
        f"[[empresas]]\nnombre = 'E{n}'\nportal = 'https://e{n}.example'\n" for n in range(10)
    )
    (tmp_path / "empresas.toml").write_text("\n".join(entries), encoding="utf-8")
    return portals


def share(
    cual: int = 0, de: int = 1, noche: str = NOCHE, trabajo: Trabajo = empresas.NOCHE
) -> Tanda:
    return Tanda(load_settings(), Modo.PROD, noche, cual, de, trabajo)


def known(name: str, tmp_path: Path, trabajo: Trabajo = empresas.NOCHE) -> Hecha:
    found = last(tmp_path / "state" / "empresas" / name.lower(), Modo.PROD, trabajo)
    assert found is not None
    return found


def test_each_company_is_done_once_and_the_same_night_again_does_none(ten: Portals) -> None:
    done = todas(test=False, noche=NOCHE)
    assert (done.error, done.data["bien"]) == (None, 10)
    assert ten.asked == [f"E{n}" for n in range(10)]
    assert todas(test=False, noche=NOCHE).data["bien"] == 10
    assert len(ten.asked) == 10
    todas(test=False, noche="2026-12-01")
    assert len(ten.asked) == 20


def test_two_runs_share_them_out_and_none_is_done_twice(ten: Portals) -> None:
    def slowly() -> Mapping[str, Any]:
        time.sleep(0.02)
        return GOOD

    ten.answers = dict.fromkeys((f"E{n}" for n in range(10)), slowly)
    runs = [share(cual, 2) for cual in range(2)]
    threads = [threading.Thread(target=one.run) for one in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(ten.asked) == [f"E{n}" for n in range(10)]
    assert all(one.done for one in runs)
    assert set(runs[0].done) | set(runs[1].done) == set(ten.asked)
    assert {ten.asked[0], ten.asked[1]} == {"E0", "E5"}, "each begins at a place of its own"


def test_what_a_killed_run_left_is_done_by_another(
    ten: Portals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel frees the lock of a company whose run is gone; until then it is waited for."""
    lock = tmp_path / "state" / "empresas" / "e3" / "turno.lock"
    lock.parent.mkdir(parents=True)
    one, enough, looks = share(), threading.Event(), count(1)
    do = one._do

    def looked(company: Empresa) -> bool:
        if company.nombre == "E3" and next(looks) > 3:
            enough.set()
        return do(company)

    monkeypatch.setattr(one, "_do", looked)
    with only_one(lock, lambda: RunLocked("no")):
        thread = threading.Thread(target=one.run)
        thread.start()
        assert enough.wait(20), "it is looked at again and again"
        assert "E3" not in ten.asked
        assert thread.is_alive()
    thread.join(20)
    assert ten.asked[-1] == "E3"
    assert one.result(one.companies[3]).codigo == 0


def test_a_process_that_cannot_be_begun_costs_its_company_alone(
    ten: Portals, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = iter((True,))

    def refused() -> object:
        if next(first, False):
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        return ten.process()

    monkeypatch.setattr(empresas, "Obrero", refused)
    done = todas(test=False, noche=NOCHE)
    assert done.data["bien"] == 9
    assert list(done.data["fallaron"]) == ["E0"]
    assert "BlockingIOError" in done.data["fallaron"]["E0"]


def test_one_that_fails_is_named_and_costs_no_other(ten: Portals, tmp_path: Path) -> None:
    ten.answers["E2"] = lambda: bad(1, "faltan 3 lotes")
    ten.answers["E5"] = lambda: None
    done = todas(test=False, noche=NOCHE)
    assert isinstance(done.error, EmpresasFailed)
    assert str(done.error).startswith("2 empresas de 10. E2: faltan 3 lotes; E5: Murió su proceso")
    assert (done.error.exit_code, done.parcial, done.data["bien"]) == (1, True, 8)
    assert [row["empresa"] for row in done.calidad][:3] == ["E2", "E5", "E0"]
    assert "faltan 3 lotes" in done.markdown
    assert known("E2", tmp_path).error == "faltan 3 lotes"
    folder = tmp_path / "state" / "empresas"
    assert "faltan 3 lotes" in (folder / "e2" / "resumen-prod.md").read_text()
    assert (folder / "e1" / "resumen-prod.md").read_text() == "# Bien"


def test_one_that_failed_comes_last_in_the_next_night(ten: Portals) -> None:
    ten.answers["E2"] = lambda: bad(1, "no")
    todas(test=False, noche=NOCHE)
    ten.asked.clear()
    todas(test=False, noche="2026-12-01")
    assert ten.asked == ["E0", "E1", *(f"E{n}" for n in range(3, 10)), "E2"]


def test_a_portal_that_cannot_be_reached_is_tried_once_more_at_the_end(
    ten: Portals, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(empresas, "AGAIN_AFTER", timedelta(seconds=1))
    answers = {"E0": iter((bad(4, "no contesta"), GOOD)), "E1": iter((bad(4, "nada"),) * 9)}
    for name, its in answers.items():
        ten.answers[name] = its.__next__
    done = todas(test=False, noche=NOCHE)
    assert (ten.asked.count("E0"), ten.asked.count("E1")) == (2, 2)
    assert set(ten.asked[-2:]) == {"E0", "E1"}
    assert done.data["fallaron"] == {"E1": "nada"}
    assert (known("E0", tmp_path).codigo, known("E1", tmp_path).intentos) == (0, 2)


def test_one_that_takes_long_gives_its_place_to_the_others(
    ten: Portals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(empresas, "SLOW_S", 0.2)
    hang = threading.Event()
    ten.answers["E0"] = lambda: GOOD if hang.wait(20) else None
    one = share()
    thread = threading.Thread(target=one.run)
    thread.start()
    deadline = time.monotonic() + 15
    while len(one.done) < 9 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sorted(one.done) == [f"E{n}" for n in range(1, 10)], "it held the only place"
    hang.set()
    thread.join(20)
    assert one.done["E0"].codigo == 0


def test_one_that_passes_its_minutes_is_ended_and_not_tried_again(
    ten: Portals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINDERO_EMPRESAS_MINUTOS", "0.5")
    ten.answers["E4"] = lambda: None
    done = todas(test=False, noche=NOCHE)
    assert done.data["fallaron"] == {"E4": "Tardó más de 0,5 minutos, y se cortó."}
    assert ten.asked.count("E4") == 1


def test_a_share_only_warns_and_the_first_run_says_what_failed_in_all(ten: Portals) -> None:
    ten.answers["E7"] = lambda: bad(1, "no")
    part = tanda(test=False, noche=NOCHE, cual=1, de=2)
    assert part.error is None
    assert part.aviso == "1 empresa de 10. E7: no"
    whole = todas(test=False, noche=NOCHE)
    assert str(whole.error) == "1 empresa de 10. E7: no"


def test_the_first_run_begins_the_others(ten: Portals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINDERO_EMPRESAS_TANDAS", "3")
    begun: list[tuple[int, int]] = []
    todas(test=False, noche=NOCHE, launch=lambda cual, de: begun.append((cual, de)))
    assert begun == [(1, 3), (2, 3)]
    assert len(ten.asked) == 10


def test_a_wrong_entry_is_one_that_failed(ten: Portals, tmp_path: Path) -> None:
    file = tmp_path / "empresas.toml"
    file.write_text(file.read_text() + "[[empresas]]\nnombre = 'Mala'\n", encoding="utf-8")
    done = todas(test=False, noche=NOCHE)
    assert done.data["bien"] == 10
    said = "1 empresa de 11. Mala: empresas.toml, renglón 40 (Mala): portal: falta"
    assert (str(done.error), getattr(done.error, "exit_code", 0)) == (said, 2)


def test_without_any_company_it_is_refused(portals: Portals, tmp_path: Path) -> None:
    (tmp_path / "empresas.toml").write_text("# ninguna\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="no hay ninguna empresa"):
        todas(test=False)
    assert portals.asked == []


def test_two_nights_of_all_at_once_are_refused(ten: Portals, tmp_path: Path) -> None:
    (tmp_path / "state" / "empresas").mkdir(parents=True)
    lock = tmp_path / "state" / "empresas" / "prod.lock"
    with only_one(lock, lambda: RunLocked("no")), pytest.raises(RunLocked, match="en curso"):
        todas(test=False, noche=NOCHE)
    assert ten.asked == []


def test_maps_have_results_of_their_own_and_settle_no_night(ten: Portals, tmp_path: Path) -> None:
    """Of the same date: neither takes the other's results, summaries or turn."""
    ten.answers["E2"] = lambda: bad(1, "KMZ POR CAMPO: no se pudo armar")
    done = todas(trabajo=empresas.MAPAS, test=False, noche=NOCHE)
    assert ten.works == ["mapas"] * 10
    assert str(done.error) == "1 empresa de 10. E2: KMZ POR CAMPO: no se pudo armar"
    assert done.markdown.startswith(f"# Mapas de las empresas, {NOCHE} (prod)")
    assert last(tmp_path / "state" / "empresas" / "e2", Modo.PROD) is None
    assert known("E2", tmp_path, empresas.MAPAS).codigo == 1
    assert todas(trabajo=empresas.MAPAS, test=False, noche=NOCHE).data["bien"] == 9
    assert len(ten.works) == 10, "the same again does none"

    ten.answers.clear()
    assert todas(test=False, noche=NOCHE).error is None
    assert ten.works[10:] == ["noche"] * 10
    assert ten.asked[10:] == [f"E{n}" for n in range(10)], "whose maps failed is no last at night"
    assert known("E2", tmp_path, empresas.MAPAS).codigo == 1
    assert known("E2", tmp_path).codigo == 0
    e2 = tmp_path / "state" / "empresas" / "e2"
    assert "no se pudo armar" in (e2 / "resumen-mapas-prod.md").read_text()
    assert (e2 / "resumen-prod.md").read_text() == "# Bien"


def test_what_is_left_of_the_maps_is_done_by_another_share(ten: Portals) -> None:
    part = tanda(test=False, noche=NOCHE, cual=1, de=2, trabajo=empresas.MAPAS)
    assert (part.error, part.data["bien"], ten.works) == (None, 10, ["mapas"] * 10)
    assert todas(trabajo=empresas.MAPAS, test=False, noche=NOCHE).data["bien"] == 10
    assert len(ten.asked) == 10


def test_a_slow_company_gives_its_place_to_another_at_night(
    ten: Portals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for its portal; each of these ends only while another is at work beside it."""
    monkeypatch.setattr(empresas, "SLOW_S", 0.0)
    beside = threading.Barrier(2, timeout=20)

    def met() -> Mapping[str, Any]:
        beside.wait()
        return GOOD

    ten.answers = dict.fromkeys((f"E{n}" for n in range(10)), met)
    one = share()
    one.run()
    assert [done.codigo for done in one.done.values()] == [0] * 10


def test_slow_maps_give_their_place_to_no_other_for_they_wait_for_no_portal(
    ten: Portals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They take the processor: each is looked for five times while it is made, and is alone."""
    monkeypatch.setattr(empresas, "SLOW_S", 0.0)
    looks, seen, at_work = threading.Semaphore(0), list[int](), set[int]()

    def looked(*args: Any) -> Any:
        looks.release()
        return wait(*args)

    def slowly() -> Mapping[str, Any]:
        at_work.add(threading.get_ident())
        seen.append(len(at_work))
        while looks.acquire(blocking=False):
            """Those before it was begun."""
        assert all(looks.acquire(timeout=20) for _ in range(5))
        at_work.discard(threading.get_ident())
        return GOOD

    monkeypatch.setattr(empresas, "wait", looked)
    ten.answers = dict.fromkeys((f"E{n}" for n in range(10)), slowly)
    share(trabajo=empresas.MAPAS).run()
    assert seen == [1] * 10


def test_the_maps_and_the_night_of_a_company_are_never_made_at_once(
    ten: Portals, tmp_path: Path
) -> None:
    """One turn for both: the later one waits for it, and goes on with the others meanwhile."""
    gate, inside = threading.Event(), threading.Event()

    def held() -> Mapping[str, Any] | None:
        inside.set()
        return GOOD if gate.wait(20) else None

    ten.answers["E0"] = held
    night, maps = share(), share(trabajo=empresas.MAPAS)
    threads = [threading.Thread(target=one.run) for one in (night, maps)]
    threads[0].start()
    assert inside.wait(20)
    threads[1].start()
    deadline = time.monotonic() + 15
    while len(maps.done) < 9 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sorted(maps.done) == [f"E{n}" for n in range(1, 10)]
    gate.set()
    for thread in threads:
        thread.join(20)
    assert (night.done["E0"].codigo, maps.done["E0"].codigo) == (0, 0)


def test_maps_of_all_may_be_made_while_a_night_of_all_is_on_but_not_twice(
    ten: Portals, tmp_path: Path
) -> None:
    folder = tmp_path / "state" / "empresas"
    folder.mkdir(parents=True)
    with only_one(folder / "prod.lock", lambda: RunLocked("no")):
        assert todas(trabajo=empresas.MAPAS, test=False, noche=NOCHE).data["bien"] == 10
    with (
        only_one(folder / "mapas-prod.lock", lambda: RunLocked("no")),
        pytest.raises(RunLocked, match="los mapas de las empresas están en curso"),
    ):
        todas(trabajo=empresas.MAPAS, test=False, noche="2026-12-06")


def story(said: str, *errors: Exception) -> Callable[..., Outcome]:
    def tell(*, test: bool) -> Outcome:
        assert test
        for error in errors:
            raise error
        return Outcome({}, said)

    return tell


@pytest.mark.parametrize(
    ("kmz", "h3", "code", "detail"),
    [
        ((), (), 0, ""),
        ((ProductError("KMZ: no"),), (), 1, "KMZ: no"),
        ((), (ProductError("H3: no"),), 1, "H3: no"),
        ((ProductError("KMZ: no"),), (RunLocked("H3: otra"),), 3, "KMZ: no; H3: otra"),
        ((RunLocked("otra"),), (RunLocked("otra"),), 3, "otra"),
        ((ZeroDivisionError(),), (), 70, "ZeroDivisionError"),
    ],
)
def test_whichever_of_the_maps_fails_the_other_is_made_and_the_worst_is_told(
    monkeypatch: pytest.MonkeyPatch,
    kmz: tuple[Exception, ...],
    h3: tuple[Exception, ...],
    code: int,
    detail: str,
) -> None:
    made = (story("# KMZ", *kmz), story("# H3", *h3))
    monkeypatch.setattr(child, "STORIES", {"mapas": made})
    result = child.do("mapas", test=True)
    error = result["error"] or {"exit_code": 0, "detail": "", "kind": ""}
    assert error["exit_code"] == code
    assert detail in (error["detail"], error["kind"])
    made_well = (said for said, errors in (("# KMZ", kmz), ("# H3", h3)) if not errors)
    assert result["summary"] == "\n\n".join(made_well)


@pytest.fixture
def obrero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Obrero]:
    monkeypatch.setenv("LINDERO_EMPRESAS", str(tmp_path / "none.toml"))
    it = Obrero()
    yield it
    it.end()


@pytest.mark.integration
def test_a_real_process_answers_each_order_and_can_be_ended(obrero: Obrero) -> None:
    for work in ("noche", "mapas"):
        result = obrero.ask(["E1", False, work], 60)
        assert result is not None
        assert result["error"]["exit_code"] == 2
        assert "LINDERO_EMPRESAS" in result["error"]["detail"]
    assert obrero.process.poll() is None
    assert psutil.Process(obrero.process.pid).nice() > psutil.Process().nice()  # it gives way
    assert obrero.ask(["E1", False, "mapas"], 0.0) in (None, result)
    assert obrero.late
    obrero.process.wait(10)


@pytest.mark.integration
def test_a_real_process_ends_when_who_asks_is_gone(obrero: Obrero) -> None:
    assert obrero.process.stdin is not None
    obrero.process.stdin.close()
    assert obrero.process.wait(30) == 1
