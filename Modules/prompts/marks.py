"""Second use: what the words of marks of scouting tell of, each text asked about once.

A mark may order anything: nothing but its own record comes of it, for it is asked about alone, and
the answer is made of closed lists. The night waits ``LINDERO_MARCAS_ESPERA_S`` and no longer; what
did not come is asked the next night. Nothing of it costs a night or a product.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from functools import partial
from threading import Thread
from time import monotonic
from typing import Final

from pydantic import TypeAdapter, ValidationError

from Modules.integrations.access import PromptAccess
from Modules.jobs.products import Encargo
from Modules.prompts.asker import Asker
from Modules.prompts.calls.asking import JSON, Ask, CallRecord, Reply
from Modules.store import clasificadas
from Modules.store.clasificadas import Clasificada
from Modules.words.errors import DataError, PipelineError, PromptFailed
from Modules.words.spanish import brief, count, inesperada, short
from Modules.words.text import clean_text

logger = logging.getLogger(__name__)

AT_ONCE: Final = 4
MOST_MISSES: Final = 3  # in a row: whoever does not answer three is not asked for more
_OF_THE_TEXT: Final = ("schema", "not_json", "truncated")  # where a model wrote it, and no proxy
_RECORD: Final = TypeAdapter(Clasificada)
_NAME: Final = re.compile(r"[\w .,;()'’-]*")  # no formula, no link, no markup


def classify(encargo: Encargo, access: PromptAccess | None = None) -> Encargo:
    """The order with what the words of its marks were read as; whatever happens is said in it."""
    lectura, failed, avisos = dict[str, Clasificada](), list[str](), encargo.avisos
    espera_s, start = encargo.settings.lindero_marcas_espera_s, monotonic()
    marks = encargo.fuente.tables.marcadores
    with suppress(DataError):  # the order has said so
        lectura = clasificadas.read_clasificadas(encargo.store.root)
    texts = {clasificadas.sha256_of(one): one for one in clasificadas.texts_of(marks).values()}
    wanted = {key: words for key, words in texts.items() if key not in lectura}
    late = f"no alcanzaron {brief(espera_s)} s"

    def work() -> None:
        try:
            asyncio.run(_ask(encargo, lectura, wanted, access, failed.append, start + espera_s))
        except TimeoutError:
            failed.append(late)
        except PipelineError as err:
            failed.append(str(err))
        except Exception as err:
            logger.exception("a fault of ours")
            failed.append(inesperada(type(err).__name__))

    if wanted:
        asking = Thread(target=work, daemon=True)
        asking.start()
        asking.join(espera_s)  # it may hang where nothing ends it
        if asking.is_alive():
            failed.append(late)
    if failed:
        left = count(sum(key not in lectura for key in wanted), "texto", "textos")
        said = short(list(dict.fromkeys(failed)), 3)
        avisos += (f"marcadores sin leer por el modelo: {left}; {said}",)
    return replace(encargo, clasificadas=clasificadas.read_of(lectura, marks), avisos=avisos)


async def _ask(
    encargo: Encargo,
    lectura: clasificadas.Lectura,
    wanted: Mapping[str, str],
    access: PromptAccess | None,
    failed: Callable[[str], None],
    until: float,
) -> None:
    """Ask about texts; one of which the model makes nothing is kept as one that tells nothing."""
    asker = Asker(encargo.settings, str(encargo.settings.lindero_marcas_prompt))
    from Modules.prompts.calls.engine import Budgets, MemoryJournal
    from Modules.prompts.calls.model_caller import ModelCaller, key_of

    usd, night, misses = encargo.settings.lindero_marcas_usd, MemoryJournal(), 0
    limits = Budgets(None if usd is None else Decimal(str(usd)))
    left = iter(wanted.items())

    async def counted(
        ask: Ask, *, record: Callable[[CallRecord], None], allow: Callable[[], None]
    ) -> Reply:
        def recorded(call: CallRecord) -> None:
            night.record(call)
            record(call)

        return await caller(ask, record=recorded, allow=allow)

    async def one_by_one() -> None:
        nonlocal misses
        for sha256, words in left:
            if misses >= MOST_MISSES:
                return
            try:
                limits.check(night)
                lectura[sha256] = _record(await asker.ask({"nota": words}, sha256, counted))
                misses = 0
            except PipelineError as err:
                failed(str(err))
                known = err if isinstance(err, PromptFailed) else PromptFailed("")
                misses += known.cause != "rejected"  # for its words, maybe: another may do
                if known.cause not in _OF_THE_TEXT or not known.raw:
                    continue
                lectura[sha256] = Clasificada()
            if monotonic() < until:  # later ones are another run's
                clasificadas.write_clasificadas(encargo.store.root, lectura)

    async with ModelCaller(partial(key_of, access=access)) as caller, asyncio.timeout_at(until):
        await asyncio.gather(*(one_by_one() for _ in range(AT_ONCE)))


def _record(answer: JSON) -> Clasificada:
    """The answer as a record; PromptFailed where it is not of the closed lists."""
    try:
        cual = clean_text(str(answer.get("cual") or ""), 80)  # no name is longer
        return _RECORD.validate_python({**answer, "cual": cual if _NAME.fullmatch(cual) else ""})
    except (AttributeError, TypeError, ValidationError) as err:
        said = "lo que contestó el modelo no es de las listas"
        raise PromptFailed(said, "schema", raw=repr(answer)) from err
