"""The name that users' flows import the client by: every public name is there, and is the one."""

from __future__ import annotations

import importlib

import pytest

import Modules.databaler_base_portal_api_util as face
from Modules.words.domain import Campania
from tests.portal.dialect_server import WORLD, answering, config_of, contract_route

# What could be imported from it before its parts moved to Modules.portal.
ALWAYS = {
    **dict.fromkeys(("OnPage", "PortalClient", "PortalConfig", "campania_id"), "portal.client"),
    **dict.fromkeys(("DEFAULT_PROFILE", "Profile"), "portal.profile"),
    "Limits": "portal.transport",
    **dict.fromkeys(
        ("Campania", "Fetched", "Portal", "RawPage", "Record", "Recurso"), "words.domain"
    ),
}


@pytest.mark.parametrize("name", sorted(ALWAYS))
def test_what_flows_imported_can_be_imported(name: str) -> None:
    assert name in face.__all__
    home = importlib.import_module(f"Modules.{ALWAYS[name]}")
    assert getattr(face, name) is getattr(home, name)


def test_all_is_all_there() -> None:
    assert all(hasattr(face, name) for name in face.__all__)
    assert sorted(set(face.__all__)) == sorted(face.__all__)


def test_the_example_of_its_docstring_fetches() -> None:
    with (
        answering(contract_route(WORLD)) as portal,
        face.PortalClient(config_of(portal.url)) as client,
    ):
        fetched = client.fetch_all(Campania.parse("25/26"))
    assert list(fetched) == list(face.Recurso)
    assert all(isinstance(one, face.Fetched) for one in fetched.values())
