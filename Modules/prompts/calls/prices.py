"""What a request cost, in US dollars: as the provider says, else by a table, else unknown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from Modules.prompts.calls.asking import CostSource, ModelRef

_MILLION = 1_000_000
_MOST_USD, _MOST_TOKENS, _PLACES = 1_000_000, 10**12, 40  # of one request: beyond is no account


def tokens_of(usage: Mapping[str, Any], name: str) -> int | None:
    """A count that the provider tells, or None."""
    found = usage.get(name)
    return int(found) if isinstance(found, int | Decimal) and 0 <= found <= _MOST_TOKENS else None


def cost_of(
    model: ModelRef, usage: Mapping[str, Any], at: datetime
) -> tuple[Decimal | None, CostSource | None]:
    """Dollars and who says so, of a request sent ``at``; None and None is unknown.

    ``usage`` is as the protocol of OpenAI has it, its fractions read as Decimal. The order is
    ``usage.cost`` (OpenRouter), the price in models.yaml, the table of genai-prices for the address
    that is asked. A price is an estimate of list: discounts of a contract are not in it.
    """
    told: Any = usage.get("cost")
    sane = isinstance(told, int | Decimal) and not isinstance(told, bool)
    if sane and 0 <= told <= _MOST_USD and (not told or Decimal(told).adjusted() > -_PLACES):
        return Decimal(told), "provider"
    given, made = tokens_of(usage, "prompt_tokens"), tokens_of(usage, "completion_tokens")
    if given is None or made is None:
        return None, None
    if model.price is not None:
        return (model.price[0] * given + model.price[1] * made) / _MILLION, "prices"
    if model.type == "local":
        return None, None
    from genai_prices import Usage, calc_price

    details = usage.get("prompt_tokens_details")
    cached = tokens_of(details, "cached_tokens") if isinstance(details, Mapping) else None
    counted = Usage(input_tokens=given, output_tokens=made, cache_read_tokens=cached)
    try:
        found = calc_price(
            counted, model.model, provider_api_url=model.base_url, genai_request_timestamp=at
        )
    except (LookupError, ValueError):
        return None, None
    return found.total_price, "prices"
