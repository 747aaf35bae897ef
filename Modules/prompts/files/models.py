"""What the files hold, typed. Keys are as they are written in YAML; docs/prompts.md explains them.

A value in ``with`` or ``output`` that begins with ``$`` is a reference: ``$input.hechos``,
``$steps.resumen.texto``; ``$$`` is a dollar. ``version`` is the number of the format, 1 today: the
versions of a prompt are given out when it is deployed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import SchemaError

from Modules.portal.asking import check_url
from Modules.words.errors import SettingsError

JSON: TypeAlias = Any
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
SecretName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$", max_length=80)]
Whole = Annotated[str, StringConstraints(pattern=r"^\$(input|steps)[a-z0-9_.]*$")]
Refs: TypeAlias = dict[str, JSON] | Whole  # values by key, or one reference for all of it
Usd = Annotated[Decimal, Field(ge=0, allow_inf_nan=False, max_digits=15, decimal_places=12)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, populate_by_name=True)


class Params(_File):
    """What a model is told beside the text; what is not here is the model's own default."""

    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    max_tokens: int | None = Field(None, ge=1)
    seed: int | None = None


class Task(_File):
    """One prompt: ``input`` and ``output`` are JSON Schemas of objects."""

    version: Literal[1]
    name: Name
    description: str = ""
    model: Key
    system: str = ""
    prompt: str
    input: dict[str, JSON]
    output: dict[str, JSON]
    params: Params = Field(default_factory=lambda: Params.model_validate({}))
    retries: int = Field(2, ge=0, le=10)
    timeout_s: float = Field(60, gt=0, le=600)
    tools: tuple[Key, ...] = Field((), max_length=20)
    tool_steps: int = Field(5, ge=1, le=50)


class Step(_File):
    id: Key
    task: Name
    with_: Refs = Field(default_factory=dict, alias="with")
    needs: tuple[Key, ...] = ()

    def waits_for(self) -> set[str]:
        """The steps that must be done before: those it names, and those it refers to."""
        texts = (text[1:].split(".") for _, text in references(self.with_))
        referred = (parts[1] for parts in texts if parts[0] == "steps" and len(parts) > 1)
        return {*self.needs, *referred}


class Flow(_File):
    """Steps; each runs as soon as those it needs, or refers to, are done."""

    version: Literal[1]
    name: Name
    description: str = ""
    input: dict[str, JSON]
    steps: tuple[Step, ...] = Field(min_length=1, max_length=100)
    output: Refs
    budget_usd: Usd | None = None


class Provider(_File):
    """Who answers; ``key`` is the name of a secret, never the secret."""

    type: Literal["openrouter", "openai", "local"]
    base_url: str
    key: SecretName | None = None

    @field_validator("base_url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        try:
            return check_url(value, "base_url", "https://openrouter.ai/api/v1")
        except SettingsError as err:
            raise ValueError(str(err)) from err


class Price(_File):
    """US dollars for a million tokens."""

    input: Usd
    output: Usd


class Override(_File):
    """What is another in an environment; the price of one model is not that of another."""

    provider: Key | None = None
    model: str | None = None
    price: Price | None = None


class Model(_File):
    provider: Key
    model: str
    env: dict[Literal["dev", "prod"], Override] = Field(default_factory=dict)
    price: Price | None = None


class Models(_File):
    """``models.yaml``: by which name a task calls a model, and where it is to be had."""

    version: Literal[1]
    providers: dict[Key, Provider]
    models: dict[Key, Model]
    budget_month_usd: Usd | None = None


class Within(_File):
    min: float
    max: float


class Check(_File):
    """What an output has to be, or what stands at a dotted key of it: one way for each check."""

    at: str = ""
    equals: JSON = None
    one_of: tuple[JSON, ...] = ()
    contains: str = ""  # in a text; or as one of a list
    not_contains: str = ""
    matches: str = ""  # anywhere in a text; without look-around, so that no text takes long
    number_within: Within | None = None  # both ends belong to it
    max_words: int = Field(1, ge=1)
    schema_: dict[str, JSON] = Field(default_factory=dict, alias="schema")

    @property
    def way(self) -> str:
        return next(iter(self.model_fields_set - {"at"}))

    @model_validator(mode="after")
    def _sound(self) -> Self:
        from jsonschema import SchemaError as NoSchema
        from jsonschema.validators import validator_for

        if len(self.model_fields_set - {"at"}) != 1:
            raise ValueError("cada control dice una sola cosa, y at dice dónde")
        try:
            self.finds("")
            validator_for(self.schema_).check_schema(self.schema_)
        except SchemaError as err:
            raise ValueError("matches no es un patrón que se pueda leer") from err
        except NoSchema as err:
            raise ValueError(f"schema no es un JSON Schema: {err.message[:80]}") from err
        return self

    def finds(self, text: str) -> bool:
        """Whether ``matches`` is somewhere in a text, in time that is linear in its length."""
        kept = TypeAdapter(Annotated[str, StringConstraints(pattern=self.matches)])
        try:
            kept.validate_python(text)
        except ValidationError:
            return False
        return True


class Case(_File):
    """One input with what its output has to be, and answers written down for ``test``.

    ``expect``: dotted key of the output → the value it must have. ``answers``: step → texts in the
    order in which they are asked, or ``{fault: cause}``.
    """

    name: str
    input: dict[str, JSON]
    expect: dict[str, JSON] = Field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    fails: str = ""  # the cause that the run must end with
    answers: dict[Key, list[str | dict[Literal["fault"], str]]] = Field(default_factory=dict)


class Eval(_File):
    version: Literal[1]
    name: Name
    of: Name
    cases: tuple[Case, ...] = Field(min_length=1)
    checks: tuple[Check, ...] = ()  # of every case that is not to fail


KINDS: Mapping[str, type[_File]] = {"task": Task, "flow": Flow, "eval": Eval, "models": Models}


def schema_of(kind: str) -> dict[str, Any]:
    """A format of ``KINDS`` as JSON Schema (2020-12), for editors."""
    found = KINDS[kind].model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def members(value: Any) -> Iterable[tuple[str | int, Any]]:
    """What is in an object or a list, by key or place; nothing is in anything else."""
    if isinstance(value, Mapping):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def references(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, str]]:
    """Every reference in a value, with where it stands."""
    if isinstance(value, str) and value.startswith("$") and not value.startswith("$$"):
        yield at, value
    for key, inner in members(value):
        yield from references(inner, (*at, key))
