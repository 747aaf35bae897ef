"""What a model wrote, read: strict JSON that its schema allows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from Modules.prompts.calls.asking import JSON, Ask
from Modules.words.errors import PromptFailed
from Modules.words.spanish import cut
from Modules.words.strict_json import JsonRefused, parse_json

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_FENCED: Final = re.compile(r"\s*```(?:json)?[ \t]*\n(.*)\n\s*```\s*", re.DOTALL | re.IGNORECASE)
_LONGEST_SAID: Final = 200
_MOST_SAID: Final = 5


@dataclass(frozen=True, slots=True)
class Read:
    """``outcome`` is ok, not_json or schema; ``said`` is what is wrong, for model and people."""

    raw: str
    outcome: str = "ok"
    said: str = ""
    output: JSON = None

    def failure(self, step: str) -> PromptFailed:
        """Of the second answer that is not good; it holds the text."""
        said = f"{step}: dos respuestas seguidas del modelo no sirven: {self.said}"
        return PromptFailed(said, self.outcome, step, self.raw)


def read(ask: Ask, raw: str) -> Read:
    """An answer held against the schema; a fence of Markdown around it is passed over."""
    fenced = _FENCED.fullmatch(raw)
    try:
        output = parse_json((fenced[1] if fenced else raw).encode("utf-8", "surrogatepass"))
    except JsonRefused as err:
        return Read(raw, "not_json", str(err))
    said = refused(output, ask.schema)
    return Read(raw, "schema", said) if said else Read(raw, output=output)


def refused(value: JSON, schema: Mapping[str, JSON]) -> str:
    """What a schema has against a value, in one line; empty if nothing."""
    from jsonschema.validators import validator_for

    errors = islice(validator_for(schema)(schema).iter_errors(value), _MOST_SAID)
    return "; ".join(f"{one.json_path}: {_said(one)}" for one in errors)


def _said(error: ValidationError) -> str:
    """The rule that is broken, as people say it; never the value."""
    rule, asked = error.validator, error.validator_value
    if rule == "required":
        return f"falta {next(one for one in asked if error.message.startswith(repr(one)))}"
    said = "no se admite" if rule is None else f"no cumple {rule}: {json.dumps(asked)}"
    if rule == "type":
        said = f"tiene que ser {' o '.join([asked] if isinstance(asked, str) else asked)}"
    elif rule == "enum":
        said = f"tiene que ser uno de: {json.dumps(asked, ensure_ascii=False)[1:-1]}"
    elif rule == "additionalProperties" and asked is False:
        known = error.schema.get("properties", ())
        said = f"sobra lo que no se declara: {', '.join(sorted({*error.instance} - {*known}))}"
    return cut(said, _LONGEST_SAID)
