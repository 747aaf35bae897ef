"""Cases of a prompt run on answers that were written down: no network, no key, no cost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from Modules.prompts.calls.asking import MISSING
from Modules.prompts.calls.engine import Budgets, MemoryJournal, run_bundle
from Modules.prompts.calls.recorded import Recorded
from Modules.prompts.files.bundle import bundle_of
from Modules.prompts.files.models import Case
from Modules.prompts.files.reading import Library
from Modules.words.errors import PromptFailed, PromptInvalid, SettingsError

_ENV: Final = "dev"


@dataclass(frozen=True, slots=True)
class Judged:
    """A case of an eval; ``wrong`` says what is not as expected, empty where it passed."""

    eval: str
    case: str
    wrong: str = ""


def judge_all(library: Library, name: str | None = None) -> list[Judged]:
    """Every case of an eval, or of all; of a library that passed ``validate``.

    Raises:
        SettingsError: no eval of that name, or none at all.
    """
    chosen = [one for one in library.evals.values() if name in (None, one.name, one.of)]
    if not chosen:
        there = ", ".join(sorted(library.evals)) or "ninguno"
        raise SettingsError(f"no hay casos de {name or 'ningún prompt'}; hay: {there}")
    return [
        Judged(one.name, case.name, asyncio.run(_wrong(library, one.of, case)))
        for one in chosen
        for case in one.cases
    ]


async def _wrong(library: Library, of: str, case: Case) -> str:
    bundle = bundle_of(library, of)
    caller, journal, free = Recorded(case.answers), MemoryJournal(), Budgets()
    try:
        done = await run_bundle(
            bundle, case.input, env=_ENV, caller=caller, journal=journal, budgets=free
        )
    except PromptFailed as err:
        if case.fails == err.cause:
            return ""
        return f"terminó en {err.cause}: {err}"
    except PromptInvalid as err:
        return str(err)
    if case.fails:
        return f"terminó bien, y tenía que terminar en {case.fails}"
    return "; ".join(_unlike(done.output, case.expect))


def _unlike(output: Any, expected: Mapping[str, Any]) -> Iterator[str]:
    for key, wanted in expected.items():
        found = output
        for part in key.split("."):
            found = found.get(part, MISSING) if isinstance(found, Mapping) else MISSING
        if found is MISSING:
            yield f"falta {key}"
        elif found != wanted or type(found) is not type(wanted):
            yield f"{key} es {found!r:.80}, se esperaba {wanted!r:.80}"
