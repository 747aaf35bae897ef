"""The contract as data says what databaler-api.yaml says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from Modules.portal.contract import CONTRACT, SIEMBRA, Member
from Modules.words.domain import Recurso

SCHEMAS = dict(
    zip(
        Recurso,
        ("Campania", "Cultivo", "Zona", "Campo", "Lote", "Ambiente", "Marcador"),
        strict=True,
    )
)


def _flat(schema: dict[str, Any], prefix: str = "", above: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, member in schema["properties"].items():
        types = member.get("type", "string")
        types = types if isinstance(types, list) else [types]
        required = above and name in schema.get("required", ())
        if "properties" in member and name != "geometry":
            found |= _flat(member, f"{prefix}{name}.", above=False)
        elif name != "geometry":
            found[prefix + name] = (member, types, required)
    return found


def _agrees(member: Member, schema: dict[str, Any], types: list[str], required: bool) -> bool:
    kinds = {
        "id": "string",
        "text": "string",
        "number": "number",
        "integer": "integer",
        "boolean": "boolean",
        "date": "string",
        "datetime": "string",
        "list": "array",
    }
    formats = {"date": "date", "datetime": "date-time"}
    return (
        kinds[member.kind] in types
        and member.required == required
        and schema.get("format") == formats.get(member.kind)
        and list(member.values) == schema.get("enum", [])
        and ("null" not in types or member.nullable)
    )


def _compare(members: tuple[Member, ...], schema: dict[str, Any]) -> None:
    flat = _flat(schema)
    assert {member.name for member in members} == set(flat)
    for member in members:
        found, types, required = flat[member.name]
        assert _agrees(member, found, types, required), member


@pytest.mark.shared
@pytest.mark.parametrize("recurso", Recurso)
def test_the_contract_is_that_of_the_agreed_document(recurso: Recurso, shared: Path) -> None:
    document = yaml.safe_load((shared / "databaler-api.yaml").read_text(encoding="utf-8"))
    schema = document["components"]["schemas"][SCHEMAS[recurso]]
    _compare(CONTRACT[recurso].members, schema)
    geometry = schema["properties"].get("geometry")
    wanted = "none"
    if geometry is not None:
        wanted = "required" if "geometry" in schema["required"] else "nullable"
    assert CONTRACT[recurso].geometry == wanted
    if recurso == Recurso.LOTES:
        item = schema["properties"]["siembras"]["items"]
        names = {member.name for member in SIEMBRA}
        assert names == set(_flat(item))
