"""The guide of the profile names every key, and each of its examples is a good profile."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from Modules.portal.profile import DEFAULT_PROFILE, Profile, parse_profile
from Modules.portal.sections import (
    Answers,
    Auth,
    Envelope,
    FieldRule,
    FieldType,
    Geometry,
    Paging,
    Resource,
    Season,
    Siembras,
    Time,
)

GUIDE = (Path(__file__).parents[2] / "docs" / "perfil_databaler.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^ *```toml\n(.*?)^ *```", GUIDE, re.DOTALL | re.MULTILINE)
_UNIONS = [*get_args(get_args(Auth)[0]), *get_args(get_args(Paging)[0])]
_SECTIONS: list[type[BaseModel]] = [
    *(Profile, Season, Envelope, Answers, Time, Resource, Siembras, Geometry, FieldRule),
    *_UNIONS,
]


def _choices(model: type[BaseModel]) -> list[str]:
    found = []
    for field in model.model_fields.values():
        found += [choice for choice in get_args(field.annotation) if isinstance(choice, str)]
    return found


@pytest.mark.parametrize("model", _SECTIONS, ids=lambda model: model.__name__)
def test_every_key_and_choice_is_in_the_guide(model: type[BaseModel]) -> None:
    written = set(re.findall(r"[A-Za-z_]+", " ".join(re.findall(r"`([^`\n]+)`", GUIDE))))
    written |= {name for name in re.findall(r"\[([a-z_.<>]+)\]", GUIDE) for name in name.split(".")}
    keys = [*model.model_fields, *_choices(model)]
    assert [key for key in keys if key not in written] == []


def test_every_type_of_a_field_is_in_the_guide() -> None:
    assert [kind for kind in get_args(FieldType) if f"| `{kind}` |" not in GUIDE] == []


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_is_a_good_profile(text: str) -> None:
    parse_profile(re.sub(r"(?m)^   ", "", text), "the guide")


def test_the_contract_as_the_guide_writes_it_is_the_contract() -> None:
    (text,) = [text for text in EXAMPLES if 'name = "contract"' in text]
    assert parse_profile(text, "the guide") == DEFAULT_PROFILE


def test_the_guide_shows_no_real_host_or_secret() -> None:
    hosts = re.findall(r"https?://([^/\s`]+)", GUIDE)
    assert all(host.endswith(".example") for host in hosts)
