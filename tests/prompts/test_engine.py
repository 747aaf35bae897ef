"""Steps in their order, side by side, within a budget; what is kept is not asked again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from Modules.prompts.calls.asking import JSON, MISSING, Ask, CallRecord, Reply
from Modules.prompts.calls.engine import Budgets, MemoryJournal, model_ref, resolved, run_bundle
from Modules.prompts.calls.model_caller import ModelCaller
from Modules.prompts.calls.reply import refused
from Modules.prompts.files.bundle import Bundle
from Modules.prompts.files.models import Flow, Models, Params, Step, Task
from Modules.prompts.judging.cases import Recorded
from Modules.words.errors import BudgetSpent, PromptFailed, PromptInvalid
from tests.prompts.openai_server import Fake, Say

TEXT = {
    "type": "object",
    "properties": {"texto": {"type": "string"}},
    "required": ["texto"],
    "additionalProperties": False,
}


def step(name: str, given: Any = None, needs: tuple[str, ...] = ()) -> Step:
    with_ = given or {"x": "$input.x"}
    return Step.model_validate({"id": name, "task": "tarea", "with": with_, "needs": needs})


def bundle(
    *steps: Step, output: Any = None, url: str = "http://127.0.0.1:9/v1", **more: Any
) -> Bundle:
    task = Task(
        version=1, name="tarea", model="rapido", system="s", prompt="de {{ x }}", output=TEXT,
        input={"type": "object", "required": ["x"]}, retries=0, timeout_s=5,
        params=Params.model_validate({"temperature": 0.0}),
    )  # fmt: skip
    given = {"type": "object", "required": ["x"], "properties": {"x": {"type": "string"}}}
    flow = Flow(
        version=1, name="flujo", **{"input": given, "steps": steps, "output": output or {}, **more}
    )
    models = Models.model_validate({
        "version": 1,
        "providers": {"casa": {"type": "local", "base_url": url}},
        "models": {
            "rapido": {"provider": "casa", "model": "m-1", "env": {"dev": {"model": "m-dev"}}}
        },
    })  # fmt: skip
    return Bundle("flow", "flujo", flow, {"tarea": task}, models)


class Told:
    """A caller that answers with the prompt, and costs; ``before`` may wait or fail."""

    def __init__(self, before: Any = None, cost: Decimal | None = Decimal("0.1")) -> None:
        self.asked: list[Ask] = []
        self.before, self.cost = before, cost

    async def __call__(
        self, ask: Ask, *, record: Callable[[CallRecord], None], allow: Callable[[], None]
    ) -> Reply:
        await asyncio.to_thread(allow)
        self.asked.append(ask)
        if self.before:
            await self.before(ask)
        one = ask.model
        source = "provider" if self.cost else None
        record(CallRecord(
            ask.step, 1, one.alias, one.model, one.provider, 1, 1, self.cost, source, 0.0, "ok",
            datetime.now(UTC),
        ))  # fmt: skip
        return Reply({"texto": ask.prompt}, "")

    @property
    def steps(self) -> list[str]:
        return [one.step for one in self.asked]


def go(what: Any, caller: Any, given: Any = None, **more: Any) -> JSON:
    more = {"env": "prod", "journal": MemoryJournal(), **more}
    return asyncio.run(run_bundle(what, given or {"x": "trigo"}, caller=caller, **more))


def test_a_step_sees_what_is_declared_to_it() -> None:
    what = bundle(
        step("b", {"x": "$steps.a.texto"}), step("a"),
        output={"todo": ["$steps.b.texto", "$$5", "$input"], "a": "$steps.a"},
    )  # fmt: skip
    caller = Told()
    done = go(what, caller)
    assert done == {
        "todo": ["de de trigo", "$5", {"x": "trigo"}], "a": {"texto": "de trigo"},
    }  # fmt: skip
    assert caller.steps == ["a", "b"]
    assert caller.asked[0].model.model == "m-1"
    assert caller.asked[0].params == {"temperature": 0.0}


def test_a_reference_reaches_nothing_that_the_step_does_not_need() -> None:
    seen = {"input": {"x": 1}, "steps": {"a": {"texto": "t"}}}
    assert resolved({"x": "$input.x", "y": ["$steps.a.texto"]}, seen) == {"x": 1, "y": ["t"]}
    for wrong in ("$steps.b", "$input.y", "$steps.a.texto.upper", "$env.HOME", "$"):
        with pytest.raises(PromptInvalid):
            resolved(wrong, seen)


def test_a_text_of_the_input_is_no_reference() -> None:
    done = go(bundle(step("a"), output={"a": "$steps.a.texto"}), Told(), {"x": "$steps.a"})
    assert done == {"a": "de $steps.a"}


def test_an_environment_may_have_another_model() -> None:
    caller = Told()
    go(bundle(step("a")), caller, env="dev")
    assert caller.asked[0].model.model == "m-dev"


@pytest.mark.parametrize(
    ("over", "price"),
    [
        ({}, (Decimal("0.1"), Decimal("0.3"))),
        ({"model": "m-1"}, (Decimal("0.1"), Decimal("0.3"))),
        ({"model": "m-dev"}, None),  # of another model: unknown
        ({"provider": "nube"}, None),
        ({"model": "m-dev", "price": {"input": 2, "output": 0}}, (Decimal(2), Decimal(0))),
    ],
)
def test_a_price_is_of_one_model_at_one_provider(over: Any, price: Any) -> None:
    there = {"type": "local", "base_url": "http://127.0.0.1:9/v1"}
    model = {"provider": "casa", "model": "m-1", "price": {"input": 0.1, "output": 0.3}}
    models = {"rapido": {**model, "env": {"dev": over}}}
    written = {"version": 1, "providers": {"casa": there, "nube": there}, "models": models}
    found = Models.model_validate(written)
    assert model_ref(found, "rapido", "dev").price == price
    assert model_ref(found, "rapido", "prod").price == (Decimal("0.1"), Decimal("0.3"))


def test_input_is_held_against_its_schema_before_anything_is_asked() -> None:
    caller = Told()
    with pytest.raises(PromptInvalid, match=r"flujo: la entrada.*\$\.x: tiene que ser string$"):
        go(bundle(step("a")), caller, {"x": 7})
    with pytest.raises(PromptInvalid, match="a: lo que recibe"):
        go(bundle(step("a", {"y": 1})), caller)
    assert caller.asked == []


def test_steps_without_dependency_are_in_flight_at_once() -> None:
    both = threading.Barrier(2, timeout=5)  # breaks if the second request waits for the first
    journal = MemoryJournal()
    with Fake([Say('{"texto": "t"}', before=both.wait)]) as fake:

        async def run() -> JSON:
            async with ModelCaller() as caller:
                what = bundle(step("a"), step("b"), url=fake.url)
                return await run_bundle(
                    what, {"x": "y"}, env="prod", caller=caller, journal=journal
                )

        asyncio.run(run())
    assert set(journal.outputs) == {"a", "b"}


def test_the_first_failure_cancels_the_rest() -> None:
    ended: list[str] = []

    async def before(ask: Ask) -> None:
        if ask.step == "a":
            raise PromptFailed("no", "schema", "a", "crudo")
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            ended.append(ask.step)
            raise

    caller = Told(before)
    with pytest.raises(PromptFailed) as caught:
        go(bundle(step("b"), step("a"), step("c", needs=("a",))), caller)
    assert (caught.value.cause, caught.value.raw, ended) == ("schema", "crudo", ["b"])
    assert "c" not in caller.steps


def test_what_is_kept_is_not_asked_again_and_the_first_that_is_kept_wins() -> None:
    class Lost(MemoryJournal):
        def output(self, _: str) -> Any:
            return MISSING

    journal: MemoryJournal = MemoryJournal()
    journal.keep("a", {"texto": "de antes"}, "")
    caller, what = Told(), bundle(step("a"), output={"a": "$steps.a.texto"})
    assert go(what, caller, journal=journal) == {"a": "de antes"}
    assert caller.asked == []
    journal = Lost()
    journal.keep("a", {"texto": "de antes"}, "")
    assert go(what, caller, journal=journal) == {"a": "de antes"}


def test_a_budget_stops_the_request_after_it_is_spent() -> None:
    chain = [step("a"), step("b", needs=("a",)), step("c", needs=("b",))]
    for budgets in (Budgets(run=Decimal("0.2")), Budgets(month=Decimal("0.15"))):
        caller, journal = Told(), MemoryJournal()
        with pytest.raises(
            BudgetSpent, match=r"se gastaron 0,200000 USD de los 0,[12][05]0000 del"
        ) as caught:
            go(bundle(*chain), caller, journal=journal, budgets=budgets)
        assert caught.value.cause == "budget"
        assert caller.steps == ["a", "b"]
        assert journal.spent_run() == Decimal("0.2")
    caller = Told()
    with pytest.raises(BudgetSpent):
        go(bundle(*chain, budget_usd=Decimal(0)), caller)
    assert caller.asked == []


def test_an_unknown_cost_stops_nothing_but_a_budget() -> None:
    chain = [step("a"), step("b", needs=("a",))]
    caller = Told(cost=None)
    go(bundle(*chain), caller)
    assert caller.steps == ["a", "b"]
    caller = Told(cost=None)
    with pytest.raises(BudgetSpent, match="no se sabe el costo de 1 pedido"):
        go(bundle(*chain), caller, budgets=Budgets(month=Decimal(5)))
    assert caller.steps == ["a"]


def test_what_others_cost_that_nobody_knows_stops_a_budget_of_the_month_and_no_other() -> None:
    books, five = MemoryJournal(), Decimal(5)
    go(bundle(step("a")), Told(cost=None), journal=books)
    caller = Told()
    go(bundle(step("a")), caller, journal=MemoryJournal(books), budgets=Budgets(run=five))
    assert caller.steps == ["a"]
    with pytest.raises(BudgetSpent, match=r"presupuesto del mes .* costo de 1 pedido:"):
        go(bundle(step("a")), Told(), journal=MemoryJournal(books), budgets=Budgets(month=five))


def test_what_failed_without_an_answer_has_no_unknown_cost() -> None:
    for outcome, unpriced in (("rate_limited", 0), ("timeout", 0), ("ok", 1), ("truncated", 1)):
        journal = MemoryJournal()
        journal.record(CallRecord("a", 1, "r", "m", "p", None, None, None, None, 0.0, outcome,
                                  datetime.now(UTC)))  # fmt: skip
        assert journal.unknown_costs(month=False) == unpriced


def test_recorded_answers_need_no_network() -> None:
    what, journal = bundle(step("a"), output={"a": "$steps.a.texto"}), MemoryJournal()
    good, bad = '```json\n{"texto": "t"}\n```', '{"texto": 7}'
    assert go(what, Recorded({"a": [bad, good]}), journal=journal) == {"a": "t"}
    assert [one.outcome for one in journal.calls] == ["schema", "ok"]
    with pytest.raises(PromptFailed) as caught:
        go(what, Recorded({"a": [bad, bad]}))
    assert (caught.value.cause, caught.value.raw) == ("schema", bad)
    for answers, cause in (({"a": [{"fault": "auth"}]}, "auth"), ({}, "unavailable")):
        with pytest.raises(PromptFailed) as caught:
            go(what, Recorded(answers))
        assert caught.value.cause == cause


def test_what_a_schema_refuses_is_said_in_spanish_and_without_the_value() -> None:
    properties = {"a": {"type": ["number", "null"]}, "b": {"enum": ["ñ", 1]}, "c": {"maxLength": 2}}
    schema = {"required": ["z"], "additionalProperties": False, "properties": properties}
    assert refused({"a": "7", "b": 2, "c": "secreto", "x": 1}, schema) == (
        "$: falta z; $: sobra lo que no se declara: x; $.a: tiene que ser number o null; "
        '$.b: tiene que ser uno de: "ñ", 1; $.c: no cumple maxLength: 2'
    )
