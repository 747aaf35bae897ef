"""Checks by declaration, cases without a network, and one version against another."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import socket
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from Modules.cli.main import main
from Modules.prompts.calls.asking import Ask, CallRecord, Reply
from Modules.prompts.files.bundle import Bundle, bundle_of
from Modules.prompts.files.models import Case, Check, Eval
from Modules.prompts.files.reading import read_library
from Modules.prompts.judging.cases import Trial, judge_all, wrong_with
from Modules.prompts.judging.compare import Verdict
from Modules.prompts.judging.evaluate import Evaluation, evaluate
from Modules.prompts.store import open_store
from Modules.settings import load_settings
from Modules.words.errors import PromptFailed, SettingsError
from tests.prompts.openai_server import Fake, Say, error
from tests.prompts.test_files import GOOD, folder_of

OUTPUT = {"texto": "Soja en 120 ha", "ha": 120.5, "lotes": ["4", "5"], "nada": None, "si": True}


@pytest.mark.parametrize(
    ("check", "holds"),
    [
        ({"at": "ha", "equals": 120.5}, True),
        ({"at": "si", "equals": 1}, False),  # true is no number
        ({"at": "nada", "equals": None}, True),
        ({"at": "otra", "equals": None}, False),
        ({"at": "texto.mas", "equals": 1}, False),
        ({"equals": OUTPUT}, True),
        ({"at": "texto", "one_of": ["maíz", "Soja en 120 ha"]}, True),
        ({"at": "si", "one_of": [1, 0]}, False),
        ({"at": "texto", "contains": "120"}, True),
        ({"at": "lotes", "contains": "4"}, True),
        ({"at": "lotes", "contains": "6"}, False),
        ({"at": "ha", "contains": "1"}, False),
        ({"at": "texto", "not_contains": "trigo"}, True),
        ({"at": "texto", "not_contains": "Soja"}, False),
        ({"at": "ha", "not_contains": "x"}, False),  # a number is no text that lacks it
        ({"at": "texto", "matches": r"^Soja en \d+ ha$"}, True),
        ({"at": "texto", "matches": r"^\d"}, False),
        ({"at": "ha", "number_within": {"min": 120, "max": 120.5}}, True),
        ({"at": "ha", "number_within": {"min": 0, "max": 120.4}}, False),
        ({"at": "si", "number_within": {"min": 0, "max": 2}}, False),
        ({"at": "texto", "number_within": {"min": 0, "max": 200}}, False),
        ({"at": "texto", "max_words": 4}, True),
        ({"at": "texto", "max_words": 3}, False),
        ({"at": "lotes", "schema": {"type": "array", "minItems": 2}}, True),
        ({"at": "lotes", "schema": {"type": "array", "maxItems": 1}}, False),
    ],
)
def test_each_check_holds_or_says_what_there_was(check: dict[str, Any], holds: bool) -> None:
    said = wrong_with(OUTPUT, [Check.model_validate(check)])
    assert (said == "") is holds, said
    assert holds or check.get("at", "la salida") in said


@pytest.mark.parametrize(
    "check",
    [
        {"at": "texto"},
        {"contains": "a", "max_words": 3},
        {"matches": "("},
        {"matches": "(?=a)"},  # look-around may take for ever
        {"schema": {"type": "texto"}},
        {"max_words": 0},
        {"number_within": {"min": 1}},
        {"python": "import os"},
    ],
)
def test_a_check_that_says_nothing_or_two_things_is_refused_in_its_file(
    check: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(ValidationError):
        Check.model_validate(check)
    cases = GOOD["informe.eval.yaml"] + f"checks: {json.dumps([check])}\n"
    library = read_library(folder_of(tmp_path, {**GOOD, "informe.eval.yaml": cases}))
    assert any(one.where.startswith("informe.eval.yaml:") for one in library.findings)


def test_a_pattern_that_would_take_for_ever_elsewhere_is_read_in_no_time() -> None:
    begun = time.perf_counter()
    said = wrong_with("a" * 100_000 + "b", [Check(matches="^(a+)+$")])
    assert said.startswith("la salida es 'aaa")
    assert len(said) < 200
    assert time.perf_counter() - begun < 1


def test_cases_are_judged_with_every_socket_forbidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a socket")

    checks = '\nchecks: [{at: final, max_words: 1}, {at: final, matches: "^[a-z]+$"}]\n'
    files = {**GOOD, "informe.eval.yaml": GOOD["informe.eval.yaml"] + checks}
    monkeypatch.setenv("LINDERO_PROMPTS_DIR", str(folder_of(tmp_path, files)))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(SystemExit) as end:
        main(["prompts", "test", "--json"])
    assert not end.value.code, capsys.readouterr()
    assert [one["wrong"] for one in json.loads(capsys.readouterr().out)] == [""]


def test_checks_of_an_eval_are_for_each_of_its_cases(tmp_path: Path) -> None:
    cases = GOOD["informe.eval.yaml"] + "\nchecks: [{at: final, contains: tres}]\n"
    library = read_library(folder_of(tmp_path, {**GOOD, "informe.eval.yaml": cases}))
    assert [one.wrong for one in judge_all(library)] == [
        "final es 'dos', tenía que contener 'tres'"
    ]


# one version against another

COST = Decimal("0.0001")
_NEXT = itertools.count()


class Chance:
    """A model that answers right by a chance that is the case's own, and costs what it costs."""

    def __init__(self, rng: random.Random, right: float, cost: Decimal | None = COST) -> None:
        self.rng, self.right, self.cost = rng, right, cost

    async def __call__(
        self, ask: Ask, *, record: Callable[[CallRecord], None], allow: Callable[[], None]
    ) -> Reply:
        allow()
        one = ask.model
        now = datetime.now(UTC) + timedelta(microseconds=next(_NEXT))  # no two are of one moment
        record(
            CallRecord(
                ask.step, 1, one.alias, one.model, one.provider, 9, 3, self.cost,
                "prices" if self.cost is not None else None, 0.1, "ok", now,
            )
        )  # fmt: skip
        text = "bien" if self.rng.random() < self.right else "mal"
        return Reply({"texto": text}, json.dumps({"texto": text}))


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return bundle_of(read_library(folder_of(tmp_path, GOOD)), "resumir")


def cases_of(count: int) -> list[Eval]:
    given = {"hechos": {"ha": 1}, "idioma": "es"}
    cases = [Case(name=str(n), input=given, expect={"texto": "bien"}) for n in range(count)]
    return [Eval(version=1, name="resumir", of="resumir", cases=tuple(cases))]


def changed(bundle: Bundle) -> Bundle:
    task = bundle.tasks["resumir"]
    return Bundle(
        bundle.kind, bundle.name, bundle.flow,
        {"resumir": task.model_copy(update={"prompt": task.prompt + " Corto."})}, bundle.models,
    )  # fmt: skip


def run(
    candidate: Bundle, other: Bundle, caller: Callable[[Trial], Any], *, cases: int = 4, k: int = 10
) -> Evaluation:
    return asyncio.run(
        evaluate(candidate, other, cases_of(cases), caller, env="dev", repeat=k, at_once=2)
    )


def test_equal_versions_are_called_equal_time_and_again(bundle: Bundle) -> None:
    """What fifty and thousands of evaluations come to: test_compare, tests/llm."""
    rng, other = random.Random(50), changed(bundle)
    rates = {"0": 0.9, "1": 0.5}
    for _ in range(10):
        found = run(bundle, other, lambda one: Chance(rng, rates[one.case.name]), cases=2)
        verdicts = {one.verdict for one in found.comparison.cases.values()}
        assert verdicts | {found.comparison.total.verdict} == {Verdict.EQUAL}
        assert found.comparison.refused(0) == ()


def test_a_worse_version_is_refused_a_better_one_passes_and_all_is_counted(bundle: Bundle) -> None:
    rng, other = random.Random(2), changed(bundle)

    def caller(good: Bundle) -> Callable[[Trial], Chance]:
        return lambda one: Chance(rng, 0.95 if one.bundle is good else 0.2)

    better = run(bundle, other, caller(bundle), k=20)
    assert better.comparison.refused(0.5) == ()
    assert better.comparison.total.verdict is Verdict.BETTER
    assert (better.total[0].cost_usd, better.dropped) == (80 * COST, 0)
    assert better.sides["0"][0].cost_usd == 20 * COST
    worse = run(bundle, other, caller(other), k=20)
    assert any("empeoró" in one for one in worse.comparison.refused(0))
    assert worse.total[0].wrong == "texto es 'mal', se esperaba 'bien'"


def test_versions_take_turns_and_who_goes_first_changes(bundle: Bundle) -> None:
    order: list[tuple[str, bool]] = []
    other, rng = changed(bundle), random.Random(1)

    def caller(one: Trial) -> Chance:
        order.append((one.case.name, one.bundle is bundle))
        return Chance(rng, 1.0)

    asyncio.run(evaluate(bundle, other, cases_of(2), caller, env="dev", repeat=2))
    assert order == [
        *(("0", True), ("0", False), ("1", False), ("1", True)),
        *(("0", False), ("0", True), ("1", True), ("1", False)),
    ]


def test_one_cost_that_is_unknown_makes_the_sum_unknown_and_never_0(bundle: Bundle) -> None:
    rng, other = random.Random(1), changed(bundle)
    found = run(
        bundle, other, lambda one: Chance(rng, 1.0, COST if one.bundle is bundle else None), k=3
    )
    assert (found.total[0].cost_usd, found.total[1].cost_usd) == (12 * COST, None)


class Failing(Chance):
    def __init__(self, causes: Mapping[int, str], counter: list[int]) -> None:
        super().__init__(random.Random(3), 1.0)
        self.causes, self.counter = causes, counter

    async def __call__(self, ask: Ask, **more: Any) -> Reply:
        self.counter.append(len(self.counter))
        if cause := self.causes.get(self.counter[-1]):
            raise PromptFailed("falla", cause, ask.step)
        return await super().__call__(ask, **more)


def test_an_outage_counts_for_neither_side_and_a_fault_of_the_prompt_does(bundle: Bundle) -> None:
    counter: list[int] = []
    causes = {3: "unavailable", 8: "rate_limited", 12: "schema"}
    found = asyncio.run(
        evaluate(
            bundle, changed(bundle), cases_of(1), lambda _: Failing(causes, counter),
            env="dev", repeat=10,
        )
    )  # fmt: skip
    one = found.comparison.cases["0"]
    assert (one.candidate.runs, one.against.runs, found.dropped) == (8, 8, 2)
    assert one.candidate.passed + one.against.passed == 15


def test_no_verdict_is_made_of_an_evaluation_that_had_no_answers(bundle: Bundle) -> None:
    outage, counter = dict.fromkeys(range(0, 40, 3), "unavailable"), list[int]()
    with pytest.raises(PromptFailed, match="sin respuesta en"):
        run(bundle, changed(bundle), lambda _: Failing(outage, counter), cases=1)
    counter = []
    with pytest.raises(PromptFailed, match="falla") as err:
        run(bundle, changed(bundle), lambda _: Failing({2: "auth"}, counter), cases=3)
    assert err.value.cause == "auth"
    assert len(counter) <= 4  # nobody else is asked with a key that is refused


def test_the_command_compares_with_another_folder_and_its_end_is_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(body: Mapping[str, Any]) -> Say:
        return Say('{"texto": "no"}' if "PEOR" in json.dumps(body) else '{"texto": "bien"}')

    cases = (
        "version: 1\nname: resumir\nof: resumir\ncases:\n"
        "  - {name: uno, input: {hechos: {ha: 1}, idioma: es}, expect: {texto: bien}}\n"
    )
    monkeypatch.setenv("LINDERO_STATE_DIR", str(tmp_path / "estado"))
    with Fake([answer]) as model:
        models = GOOD["models.yaml"].replace("http://127.0.0.1:8080/v1", model.url)
        files = {**GOOD, "models.yaml": models, "resumir.eval.yaml": cases}
        worse = {**files, "resumir.task.yaml": files["resumir.task.yaml"].replace("Resumí", "PEOR")}
        folders = {}
        for name, one in {"buena": files, "mala": worse}.items():
            (tmp_path / name).mkdir()
            folders[name] = folder_of(tmp_path / name, one)

        def asked(here: str, there: str, *more: str) -> tuple[int, str]:
            monkeypatch.setenv("LINDERO_PROMPTS_DIR", str(folders[here]))
            command = ["prompts", "evaluate", "resumir", "--against", str(folders[there])]
            with pytest.raises(SystemExit) as end:
                main([*command, "--env", "dev", *more])
            said = capsys.readouterr()
            return int(end.value.code or 0), said.out + said.err

        code, out = asked("mala", "buena", "--json")
        facts = json.loads(out)
        assert (code, facts["refused"]) == (1, ["el caso uno empeoró", "el total empeoró"])
        one = facts["cases"][0]
        assert (one["candidate"]["passed"], one["against"]["passed"]) == (0, 10)
        assert (one["verdict"], one["candidate"]["cost_usd"]) == ("worse", None)
        assert one["against"]["interval"] == pytest.approx([0.7225, 1], abs=1e-4)
        code, out = asked("buena", "mala", "--min-gain", "0.5")
        assert (code, "mejor" in out, "desconocido" in out) == (0, True, True)
        code, out = asked("buena", "buena")
        assert (code, "Sí: no empeora" in out) == (0, True)
        code, out = asked("buena", "buena", "--repeat", "5", "--min-gain", "0.1")
        assert (code, "ningún caso solo" in out) == (1, True)
        command = ["prompts", "evaluate", "resumir", "--env", "dev", "--against", "prod"]
        with pytest.raises(SystemExit) as end:
            main(command)
        assert end.value.code == 2
        assert "ninguna versión de resumir puesta en prod" in capsys.readouterr().err
        kept = bundle_of(read_library(folders["mala"]), "resumir")
        now = datetime(2026, 11, 30, tzinfo=UTC)
        store = open_store(load_settings())
        store.deploy(kept, "prod", who="ana", why="prueba", now=now)
        with pytest.raises(SystemExit) as end:
            main([*command, "--min-gain", "0.5", "--json"])
        assert not end.value.code
        assert json.loads(capsys.readouterr().out)["total"]["verdict"] == "better"
        rows = store.costs(datetime.now(UTC) - timedelta(minutes=5), by="client")
        # four evaluations of ten rounds and one of five, of two sides each
        assert [(row.key, row.calls) for row in rows] == [("(evaluate)", 2 * (4 * 10 + 5))]
        code, out = asked("buena", "mala", "--min-gain", "2")
        assert code == 2
        model.script = [error(401)]
        assert asked("buena", "mala")[0] == 1
        (folders["mala"] / "resumir.task.yaml").write_text("version: 1\n")
        assert asked("buena", "mala")[0] == 2


def test_a_prompt_without_cases_is_a_bad_definition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LINDERO_PROMPTS_DIR", str(folder_of(tmp_path, GOOD)))
    for against, said in ((str(tmp_path), "no hay casos de resumir"), ("nada", "no se puede leer")):
        with pytest.raises(SystemExit) as end:
            main(["prompts", "evaluate", "resumir", "--against", against])
        assert end.value.code == 2
        assert said in capsys.readouterr().err
    with pytest.raises(SettingsError):
        judge_all(read_library(tmp_path), "otra")
