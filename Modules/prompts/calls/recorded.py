"""A caller that answers what a case wrote down: no network, no key, no cost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from Modules.prompts.calls.asking import Ask, CallRecord, Reply
from Modules.prompts.calls.reply import read
from Modules.words.errors import PromptFailed


class Recorded:
    """Of each step its answers in order: a text as a model writes it, or ``{"fault": cause}``."""

    def __init__(self, answers: Mapping[str, Sequence[Any]]) -> None:
        self._left = {step: list(said) for step, said in answers.items()}

    async def __call__(
        self, ask: Ask, *, record: Callable[[CallRecord], None], allow: Callable[[], None]
    ) -> Reply:
        attempt, repairing = 0, False
        while True:
            await asyncio.to_thread(allow)
            left, attempt = self._left.get(ask.step) or [{"fault": "unavailable"}], attempt + 1
            said = left.pop(0)
            if isinstance(said, Mapping):
                await asyncio.to_thread(record, _record(ask, attempt, said["fault"]))
                told = f"{ask.step}: falla escrita en el caso, o falta su respuesta {attempt}"
                raise PromptFailed(told, said["fault"], ask.step)
            found = read(ask, said)
            await asyncio.to_thread(record, _record(ask, attempt, found.outcome))
            if found.outcome == "ok":
                return Reply(found.output, said)
            if repairing:
                raise found.failure(ask.step)
            repairing = True


def _record(ask: Ask, attempt: int, outcome: str) -> CallRecord:
    one = ask.model
    return CallRecord(
        ask.step, attempt, one.alias, one.model, one.provider, None, None, None, None, 0.0,
        outcome, datetime.now(UTC),
    )  # fmt: skip
