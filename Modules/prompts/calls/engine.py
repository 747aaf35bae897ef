"""A bundle run: each step as soon as what it needs is there, side by side where nothing depends.

A step sees its ``with`` alone: references to the input and to outputs of steps that it needs. The
first failure cancels the rest. What a journal kept already is not asked again, so a run that died
goes on where it stood.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from Modules.prompts.calls.asking import (
    JSON,
    MISSING,
    Ask,
    Caller,
    CallRecord,
    Missing,
    ModelRef,
    Tool,
)
from Modules.prompts.calls.reply import refused
from Modules.words.errors import BudgetSpent, PromptInvalid
from Modules.words.spanish import count, number

if TYPE_CHECKING:
    from Modules.prompts.files.bundle import Bundle
    from Modules.prompts.files.models import Models, Step


@runtime_checkable
class Journal(Protocol):
    """Where an execution keeps what it has; its methods may wait for a database."""

    def output(self, step: str) -> JSON | Missing: ...

    def keep(self, step: str, output: JSON, raw: str) -> JSON:
        """What is kept of the step: this, or what somebody kept before."""
        ...

    def record(self, call: CallRecord) -> None: ...

    def spent_run(self) -> Decimal:
        """US dollars, as far as they are known."""
        ...

    def spent_month(self) -> Decimal: ...

    def unknown_costs(self, month: bool) -> int:
        """How many calls of the run, or of the month, are ``unpriced``."""
        ...


class MemoryJournal:
    """A journal of one run whose outputs no store keeps.

    ``books`` is where its calls are kept and what says what the month has spent; without, its month
    is the run.
    """

    def __init__(self, books: Journal | None = None) -> None:
        self.books = books
        self.outputs: dict[str, tuple[JSON, str]] = {}
        self.calls: list[CallRecord] = []

    def output(self, step: str) -> JSON | Missing:
        return self.outputs[step][0] if step in self.outputs else MISSING

    def keep(self, step: str, output: JSON, raw: str) -> JSON:
        return self.outputs.setdefault(step, (output, raw))[0]

    def record(self, call: CallRecord) -> None:
        self.calls.append(call)
        if self.books is not None:
            self.books.record(call)

    def spent_run(self) -> Decimal:
        return sum((one.cost_usd for one in self.calls if one.cost_usd is not None), Decimal(0))

    def spent_month(self) -> Decimal:
        return self.spent_run() if self.books is None else self.books.spent_month()

    def unknown_costs(self, month: bool) -> int:
        if month and self.books is not None:
            return self.books.unknown_costs(month)
        return sum(one.unpriced for one in self.calls)


@dataclass(frozen=True, slots=True)
class Budgets:
    """US dollars that a run and a month may cost; None is no limit."""

    run: Decimal | None = None
    month: Decimal | None = None

    def check(self, journal: Journal) -> None:
        """Raise BudgetSpent if nothing more may be asked."""
        limits = (
            (self.run, journal.spent_run, False, "de la corrida (budget_usd)"),
            (self.month, journal.spent_month, True, "del mes (budget_month_usd)"),
        )
        for most, spent, month, what in limits:
            if most is None:
                continue
            if (gone := spent()) >= most:
                raise BudgetSpent(
                    f"se gastaron {number(gone, 6)} USD de los {number(most, 6)} del presupuesto "
                    f"{what}: no se pide más. Subirlo, o esperar"
                )
            if unknown := journal.unknown_costs(month):
                raise BudgetSpent(
                    f"hay un presupuesto {what} y no se sabe el costo de "
                    f"{count(unknown, 'pedido', 'pedidos')}: no se pide más. Usar un modelo cuyo "
                    "precio se sepa, o quitarlo"
                )


async def run_bundle(
    bundle: Bundle,
    given: JSON,
    *,
    env: str,
    caller: Caller,
    journal: Journal,
    tools: Sequence[Tool] = (),
    budgets: Budgets | None = None,
) -> JSON:
    """The output of a flow; ``budgets`` are the bundle's own where none are given.

    Raises:
        PromptInvalid: the input, or what a step is given, is not what is declared.
        PromptFailed: a step came to no output, by cause; the other steps are cancelled.
    """
    flow = bundle.flow
    limits = budgets or Budgets(flow.budget_usd, bundle.models.budget_month_usd)
    held(given, flow.input, f"{flow.name}: la entrada")
    done: dict[str, JSON] = {}
    there = {step.id: asyncio.Event() for step in flow.steps}

    async def run(step: Step) -> None:
        needs = step.waits_for()
        for one in needs:
            await there[one].wait()
        seen = {"input": given, "steps": {one: done[one] for one in needs}}
        kept = await asyncio.to_thread(journal.output, step.id)
        if kept is MISSING:
            ask = _ask(bundle, step, resolved(step.with_, seen), env, tools)
            reply = await caller(ask, record=journal.record, allow=lambda: limits.check(journal))
            kept = await asyncio.to_thread(journal.keep, step.id, reply.output, reply.raw)
        done[step.id] = kept
        there[step.id].set()

    try:
        async with asyncio.TaskGroup() as group:
            for step in flow.steps:
                group.create_task(run(step), name=step.id)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors.exceptions[0].__cause__
    return resolved(flow.output, {"input": given, "steps": done})


def _ask(bundle: Bundle, step: Step, given: JSON, env: str, tools: Sequence[Tool]) -> Ask:
    from Modules.prompts.files.templates import render

    task = bundle.tasks[step.task]
    held(given, task.input, f"{step.id}: lo que recibe")
    named = {one.name: one for one in tools}
    if missing := [name for name in task.tools if name not in named]:
        raise PromptInvalid(f"{step.id}: no hay herramienta {', '.join(missing)} en esta corrida")
    return Ask(
        step.id,
        step.task,
        model_ref(bundle.models, task.model, env),
        render(task.system, given),
        render(task.prompt, given),
        task.output,
        task.params.model_dump(exclude_none=True),
        task.timeout_s,
        task.retries,
        tuple(named[name] for name in task.tools),
        task.tool_steps,
    )


def model_ref(models: Models, alias: str, env: str) -> ModelRef:
    """The model that an alias is in an environment, which may override provider and model."""
    model = models.models[alias]
    over = next((one for name, one in model.env.items() if name == env), None)
    provider = (over and over.provider) or model.provider
    found = models.providers[provider]
    name = (over and over.model) or model.model
    same = (provider, name) == (model.provider, model.model)
    price = (over and over.price) or (model.price if same else None)  # of another: unknown
    usd = None if price is None else (price.input, price.output)
    return ModelRef(alias, provider, found.type, found.base_url, name, found.key, usd)


def resolved(value: JSON, seen: Mapping[str, JSON]) -> JSON:
    """A value with what its references name; PromptInvalid names one that leads nowhere."""
    if isinstance(value, Mapping):
        return {key: resolved(one, seen) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [resolved(one, seen) for one in value]
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    if value.startswith("$$"):
        return value[1:]
    found: JSON = seen
    for part in value[1:].split("."):
        if not isinstance(found, Mapping) or part not in found:
            raise PromptInvalid(f"la referencia {value} no lleva a nada: falta {part}")
        found = found[part]
    return found


def held(value: JSON, schema: Mapping[str, JSON], what: str) -> None:
    """Raise PromptInvalid for a value that its schema refuses."""
    if said := refused(value, schema):
        raise PromptInvalid(f"{what} no es lo que se declara: {said}")
