"""Addresses: where a secret may go, where ``next`` may lead, how a campaña is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.portal.asking import Step, WalkBroken, check_url, freeze, read_campania, write_campania
from Modules.portal.profile import DEFAULT_PROFILE, parse_profile
from Modules.words.domain import Campania, Recurso
from Modules.words.errors import SettingsError

BASE = "https://portal.example/api/v1"


@pytest.mark.parametrize(
    "url",
    ["https://portal.example/x/", "http://127.0.0.1:8000", "http://[::1]:1", "http://localhost/a"],
)
def test_an_address_where_a_secret_may_go(url: str) -> None:
    assert check_url(url, "X") == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://portal.example",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://10.0.0.1",
        "ftp://portal.example",
        "portal.example",
        "",
        "https://",
        "https://user:hunter2@portal.example",
        "http://127.0.0.1@evil.example",
        "https://portal.example/?token=hunter2",
        "https://portal.example/#x",
        "https://portal.example\\@evil.example",
        "https://portal.example:99999",
        "https://[::1",
    ],
)
def test_any_other_address_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(SettingsError, match=r"X .*https") as caught:
        check_url(url, "X")
    assert "hunter2" not in str(caught.value)
    assert "evil" not in str(caught.value)


def test_parameters_are_frozen_and_the_campania_is_encoded() -> None:
    frozen = freeze(DEFAULT_PROFILE, BASE, Recurso.LOTES, "25/26")
    ask = frozen.ask(3, Step((("page", "3"),)))
    assert ask.url == f"{BASE}/lotes?campania=25%2F26&page=3"
    assert ask.path == "/api/v1/lotes?campania=25%2F26&page=3"
    assert ask.what == "lotes página 3"


def test_ids_in_a_path_cannot_climb_out_of_it() -> None:
    profile = parse_profile('[resources.lotes]\nparent="campos"\npath="/c/{parent}/l"', "p")
    frozen = freeze(profile, BASE, Recurso.LOTES, "25/26", parent="../../x?y#z")
    assert frozen.url == f"{BASE}/c/..%2F..%2Fx%3Fy%23z/l"


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/api/v1/lotes?campania=25%2F26",
        "//evil.example/x",
        "http://portal.example/api/v1/lotes",
        "https://portal.example:444/api/v1/lotes",
        "https://user@portal.example/api/v1/lotes",
        "https://portal.example@evil.example/",
        "/api/v1/lotes?campania=24%2F25&page=2",
        "https://[::1",
        "javascript:alert(1)",
    ],
)
def test_a_next_link_that_leaves_or_contradicts_is_not_followed(link: str) -> None:
    frozen = freeze(DEFAULT_PROFILE, BASE, Recurso.LOTES, "25/26")
    with pytest.raises(WalkBroken, match="lotes página 2"):
        frozen.ask(2, Step(link=link), frozen.url)


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("?cursor=abc", f"{BASE}/lotes?cursor=abc"),
        ("/api/v1/lotes?campania=25%2F26&p=2", f"{BASE}/lotes?campania=25%2F26&p=2"),
        ("https://PORTAL.example:443/api/v1/n", "https://PORTAL.example:443/api/v1/n"),
        ("other#part", f"{BASE}/other"),
    ],
)
def test_a_next_link_within_the_origin_is_followed(link: str, url: str) -> None:
    frozen = freeze(DEFAULT_PROFILE, BASE, Recurso.LOTES, "25/26")
    assert frozen.ask(2, Step(link=link), f"{BASE}/lotes?campania=25%2F26").url == url


_TEMPLATES = (
    "{aa}/{bb}",
    "{aaaa}/{bb}",
    "{aaaa}-{bbbb}",
    "{aaaa}{bbbb}",
    "{aaaa}",
    "{bb}",
    "C{aa}",
)


@given(st.integers(0, 99), st.sampled_from(_TEMPLATES))
def test_a_campania_is_read_as_it_is_written(year: int, template: str) -> None:
    if template == "{aaaa}{bbbb}":
        return
    campania = Campania(year, (year + 1) % 100)
    text = write_campania(template, campania)
    assert read_campania(template, text) == campania


@pytest.mark.parametrize("text", ["", "25", "25/27", "25/26/27", "x", "2025/26", "26/25"])
def test_what_is_not_a_campania_is_none(text: str) -> None:
    assert read_campania("{aa}/{bb}", text) is None
