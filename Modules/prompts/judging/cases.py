"""Cases run and judged, by the answers that are written in them or by the models themselves.

``judge_all`` takes the written answers: no network, no key, no cost. ``answered`` runs any trials
through pydantic-evals, so many at a time, begun in their order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Final

from pydantic_evals import Case as EvalsCase
from pydantic_evals import Dataset
from pydantic_evals.evaluators import EvaluationReason, Evaluator, EvaluatorContext

from Modules.prompts.calls.asking import JSON, Caller, CallRecord, Tool
from Modules.prompts.calls.engine import Budgets, Journal, MemoryJournal, run_bundle
from Modules.prompts.calls.recorded import Recorded
from Modules.prompts.files.bundle import Bundle, bundle_of
from Modules.prompts.files.models import Case, Check, Eval
from Modules.prompts.files.reading import Library
from Modules.prompts.judging.checks import checks_of, wrong_with
from Modules.words.errors import PipelineError, PromptFailed, SettingsError

_ENV: Final = "dev"
_STOPS: Final = frozenset({"auth", "budget", "cancelled"})  # the next case would end in the same


@dataclass(frozen=True, slots=True)
class Judged:
    """A case of an eval; ``wrong`` says what is not as expected, empty where it passed."""

    eval: str
    case: str
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """One case, once, by one version. ``checks`` are those of every case of its eval."""

    case: Case
    bundle: Bundle
    checks: tuple[Check, ...] = ()
    books: Journal | None = None  # where its calls are kept beside


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a trial; ``wrong`` is empty where it passed, ``latency_s`` that of the run."""

    output: JSON
    failed: PipelineError | None
    calls: tuple[CallRecord, ...]
    latency_s: float
    wrong: str = ""

    @property
    def cause(self) -> str:
        return self.failed.cause if isinstance(self.failed, PromptFailed) else ""


@dataclass(repr=False)
class _AsExpected(Evaluator[Trial, Ran, None]):
    def evaluate(self, ctx: EvaluatorContext[Trial, Ran, None]) -> EvaluationReason:
        wrong = _wrong(ctx.inputs, ctx.output)
        return EvaluationReason(value=not wrong, reason=wrong)


def evals_of(library: Library, name: str | None) -> list[Eval]:
    """The evals of a name, or of the prompt of that name, or all.

    Raises:
        SettingsError: there is none.
    """
    chosen = [one for one in library.evals.values() if name in (None, one.name, one.of)]
    if not chosen:
        there = ", ".join(sorted(library.evals)) or "ninguno"
        raise SettingsError(f"no hay casos de {name or 'ningún prompt'}; hay: {there}")
    return chosen


def judge_all(library: Library, name: str | None = None) -> list[Judged]:
    """Every case of an eval, or of all; of a library that passed ``validate``."""
    named = [(one, case) for one in evals_of(library, name) for case in one.cases]
    trials = [Trial(case, bundle_of(library, one.of), one.checks) for one, case in named]
    free = Budgets()  # a written answer costs nothing
    run = answered(trials, lambda trial: Recorded(trial.case.answers), env=_ENV, budgets=free)
    return [
        Judged(one.name, case.name, ran.wrong)
        for (one, case), ran in zip(named, asyncio.run(run), strict=True)
    ]


async def answered(
    trials: Sequence[Trial],
    caller_for: Callable[[Trial], Caller],
    *,
    env: str,
    tools: Sequence[Tool] = (),
    budgets: Budgets | None = None,
    at_once: int = 1,
    stop: bool = False,
) -> list[Ran]:
    """What became of each trial, in their order.

    Raises:
        PipelineError: where ``stop`` is asked for: the first error that is no verdict on a prompt
            (a key, a budget, an input that a version does not take); no further trial begins.
    """
    ended: list[PipelineError] = []

    async def run(trial: Trial) -> Ran:
        journal, begun = MemoryJournal(trial.books), perf_counter()
        failed, output = (ended[0] if ended else None), None
        if failed is None:
            try:
                made = await run_bundle(
                    trial.bundle, trial.case.input, env=env, caller=caller_for(trial),
                    journal=journal, tools=tools, budgets=budgets,
                )  # fmt: skip
                output = made.output
            except PipelineError as err:
                failed = err
                if stop and (not isinstance(err, PromptFailed) or err.cause in _STOPS):
                    ended.append(err)
        return Ran(output, failed, tuple(journal.calls), perf_counter() - begun)

    cases = [EvalsCase(name=str(at), inputs=one) for at, one in enumerate(trials)]
    dataset = Dataset[Trial, Ran, None](name="casos", cases=cases, evaluators=[_AsExpected()])
    report = await dataset.evaluate(run, max_concurrency=at_once, progress=False)
    if ended:
        raise ended[0]
    broken = [one.error_stacktrace for one in report.failures]
    broken += [one.error_stacktrace for case in report.cases for one in case.evaluator_failures]
    if broken:  # a fault of ours: errors that are foreseen came back in a Ran
        raise RuntimeError(broken[0])
    by_name = {one.name: one for one in report.cases}
    return [
        replace(one.output, wrong=one.assertions[_AsExpected.__name__].reason or "")
        for one in (by_name[case.name] for case in cases if case.name is not None)
    ]


def _wrong(trial: Trial, ran: Ran) -> str:
    wanted = trial.case.fails
    if ran.failed is not None:
        if wanted and wanted == ran.cause:
            return ""
        return f"terminó en {ran.cause}: {ran.failed}" if ran.cause else str(ran.failed)
    if wanted:
        return f"terminó bien, y tenía que terminar en {wanted}"
    return wrong_with(ran.output, checks_of(trial.case, trial.checks))
