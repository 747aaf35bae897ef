"""The profile: how one portal differs from the contract, as frozen values out of a TOML text.

Without a profile the contract of ``databaler-api.yaml`` holds. A section that the TOML writes
replaces the contract's section whole ([auth], [season], [paging], [envelope], [answers],
[time]); below [resources.<recurso>] each key replaces one key, and ``fields`` is laid over the
contract's names one by one. ``docs/perfil_databaler.md`` is the reference of every key.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator

from Modules.portal import sections
from Modules.portal.contract import CONTRACT, SIEMBRA, readable
from Modules.words.domain import GeometryEncoding, Recurso
from Modules.words.errors import SettingsError

SectionT = TypeVar("SectionT", bound=sections.Section)
_CONTRACT_ENVELOPE = sections.Envelope(
    rows="items", total="total_items", pages="total_pages", page="page", next="next"
)
_NO_MEANING: Any = {"paging": True, "headers": True, "envelope": {"snapshot_at"}}
_SIEMBRA = {member.name for member in readable(SIEMBRA)}
_SEASONAL = frozenset({Recurso.CAMPOS, Recurso.LOTES, Recurso.AMBIENTES, Recurso.MARCADORES})


class Profile(sections.Section):
    """The whole of a portal's ways. ``DEFAULT_PROFILE`` is the contract."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")] = "contract"
    headers: sections.Headers = Field(default_factory=dict)
    auth: sections.Auth = sections.ClientCredentials()
    season: sections.Season = sections.Season()
    paging: sections.Paging = sections.PagePaging()
    envelope: sections.Envelope = _CONTRACT_ENVELOPE
    answers: sections.Answers = sections.Answers()
    time: sections.Time = sections.Time()
    resources: dict[Recurso, sections.Resource] = Field(default_factory=dict, validate_default=True)

    @field_validator("resources", mode="before")
    @classmethod
    def _over_the_contract(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        known = {recurso.value for recurso in Recurso}
        laid = {
            r: {"path": f"/{r}", "season": r in _SEASONAL} | dict(given.get(r.value) or {})
            for r in Recurso
        }
        return laid | {name: table for name, table in given.items() if name not in known}

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        for recurso, resource in self.resources.items():
            known = {member.name for member in readable(CONTRACT[recurso].members)} - {"siembras"}
            where = f"resources.{recurso}"
            sections.refuse_unknown(resource.fields, known, f"{where}.fields.")
            sections.refuse_unknown(resource.siembras.fields, _SIEMBRA, f"{where}.siembras.fields.")
            _check_season(recurso, resource, self.season)
            order, parent = list(Recurso), resource.parent
            if parent and order.index(Recurso(parent)) >= order.index(recurso):
                raise ValueError(f"{where}.parent: no se puede pedir por cada uno de {parent}")
        return self

    @property
    def identity(self) -> str:
        """``name@hash``: the hash covers what gives the data its meaning, not paging or pace."""
        meaning = {
            "season": self.season.model_dump(mode="json"),
            "time": self.time.model_dump(mode="json"),
            "envelope": self.envelope.model_dump(mode="json", exclude=_NO_MEANING["envelope"]),
            "resources": {
                recurso.value: resource.model_dump(mode="json", exclude=_NO_MEANING)
                for recurso, resource in self.resources.items()
            },
        }
        text = json.dumps(meaning, sort_keys=True, ensure_ascii=True)
        return f"{self.name}@{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def encodings(self) -> Mapping[Recurso, GeometryEncoding]:
        return {
            recurso: GeometryEncoding(
                resource.geometry.kind, resource.geometry.crs, resource.geometry.axis_order
            )
            for recurso, resource in self.resources.items()
            if CONTRACT[recurso].geometry != "none"
        }

    def with_resource(self, recurso: Recurso, **changes: object) -> Profile:
        """This profile, one list of it asked for or read another way."""
        changed = self.resources[recurso].model_copy(update=changes)
        return self.model_copy(update={"resources": {**self.resources, recurso: changed}})

    def paging_of(self, recurso: Recurso) -> sections.Paging:
        return self.resources[recurso].paging or self.paging

    def envelope_of(self, recurso: Recurso) -> sections.Envelope:
        return self.resources[recurso].envelope or self.envelope


def _check_season(recurso: Recurso, resource: sections.Resource, season: sections.Season) -> None:
    in_path = "{campania}" in resource.path
    if in_path and not (resource.season and season.place == "path"):
        raise ValueError(
            f'resources.{recurso}.path: {{campania}} en path necesita season.place = "path"'
        )
    if resource.season and season.place == "path" and not in_path:
        raise ValueError(f"resources.{recurso}.path: falta {{campania}}, y season.place lo pide")
    if resource.season and season.place == "body" and resource.method != "POST":
        raise ValueError(
            f'resources.{recurso}.method: una campaña en el cuerpo necesita method = "POST"'
        )


DEFAULT_PROFILE = Profile()


def parse_profile(text: str, source: str) -> Profile:
    """Read a profile out of TOML; raises as ``read_section``."""
    return read_section(Profile, text, source, name="profile")


def read_section(model: type[SectionT], text: str, source: str, **given: Any) -> SectionT:
    """A model out of TOML, over what is ``given``; ``source`` is its name in errors: a file's.

    Raises:
        SettingsError: not TOML, an unknown key, or a value that cannot be; names line and key,
            and never quotes the value.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise SettingsError(f"{source}: no es TOML: {err}") from err
    try:
        return model.model_validate(given | data)
    except ValidationError as err:
        raise SettingsError(_explain(err, text, source)) from None


_SAID = {  # by the type of pydantic's refusal; none quotes the value
    **dict.fromkeys(("bool_parsing", "bool_type"), "tiene que ser true o false"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "va una sección"),
    **dict.fromkeys(("float_parsing", "float_type", "finite_number"), "tiene que ser un número"),
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "va un número entero"),
    **dict.fromkeys(("list_type", "tuple_type"), "tiene que ser una lista"),
    "greater_than": "tiene que ser más que {gt}",
    "greater_than_equal": "tiene que ser {ge} o más",
    "less_than_equal": "tiene que ser {le} o menos",
    "too_short": "tiene menos de {min_length} valores",
    "extra_forbidden": "no hay una clave así",
    "literal_error": "tiene que ser {expected}",
    "missing": "falta",
    "string_pattern_mismatch": "no tiene la forma {pattern}",
    "string_too_short": "tiene menos de {min_length} caracteres",
    "string_type": "tiene que ser un texto",
    "union_tag_invalid": "tiene que ser {expected_tags}",
    "union_tag_not_found": "falta {discriminator}",
}


def _explain(err: ValidationError, text: str, source: str) -> str:
    every = err.errors(include_url=False, include_input=False)
    first = min(every, key=lambda one: one["type"] != "extra_forbidden")  # why another is missing
    unions = {"client_credentials", "json_login", "api_key", "bearer", "basic", "none"}
    unions |= {"page", "offset", "id_cursor", "token", "next_link"}
    loc = [str(part) for part in first["loc"] if part != "[key]"]
    tagged = (["auth"], ["paging"])
    keys = [key for i, key in enumerate(loc) if not (key in unions and loc[i - 1 : i] in tagged)]
    said = _SAID.get(first["type"], first["msg"].removeprefix("Value error, "))
    message = said.format_map(first.get("ctx", {})) if first["type"] in _SAID else said
    message = message.replace("' or '", "' o '")
    if match := re.match(r"(resources[\w.]+): ", message):
        keys, message = match[1].split("."), message[match.end() :]
    line = line_of(keys, text)
    where = f"{source}, renglón {line}" if line else source
    more = err.error_count() - 1
    rest = f" (y {more} más)" if more else ""
    return ": ".join(filter(None, (where, ".".join(keys), message))) + rest


def line_of(keys: Sequence[str], text: str) -> int | None:
    """Line (from 1) that writes the key, or opens the nearest section above it."""
    section: list[str] = []
    best: tuple[int, int] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if match := re.match(r"\s*\[+([^\[\]]+)\]", line):
            section = _dotted(match[1])
            found = section
        elif match := re.match(r"\s*([^=#]+?)\s*=", line):
            found = section + _dotted(match[1])
        else:
            continue
        found = ".".join(found).split(".")
        if found == list(keys[: len(found)]) and (best is None or len(found) > best[0]):
            best = (len(found), number)
    return best[1] if best else None


def _dotted(text: str) -> list[str]:
    parts = re.findall(r'"([^"]*)"|\'([^\']*)\'|([^.\s"\']+)', text)
    return [next(part for part in group if part) for group in parts if any(group)]
