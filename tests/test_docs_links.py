"""The documents together: what they link to is there, and the hours that they name are kept."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from pathlib import Path

import pytest

from Modules.orchestration.deployments import DEPLOYMENTS, OF_EMPRESAS, Deployment
from Modules.settings import PROJECT_ROOT

DOCS = PROJECT_ROOT / "docs"
PAGES = sorted([*PROJECT_ROOT.glob("*.md"), *DOCS.rglob("*.md")])
IMAGES = DOCS / "img"
LINK = re.compile(r"\]\(<?([^)\s>]+)>?\)")
MAX_BYTES = 150_000
WIDTH, PHONE = 1200, 360  # pixels


def _text(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def _targets(page: Path) -> list[str]:
    found = LINK.findall(re.sub(r"`[^`]*`", "", _text(page)))
    return [one for one in found if not re.match(r"https?://|mailto:", one)]


def _anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", _text(page), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    for target in _targets(page):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in _anchors(file), f"{page.name}: {target}"


def test_every_document_is_named_in_the_readme() -> None:
    named = {(PROJECT_ROOT / one).resolve() for one in _targets(PROJECT_ROOT / "README.md")}
    assert [page.name for page in DOCS.glob("*.md") if page not in named] == []


def test_every_picture_is_shown_and_light() -> None:
    shown = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in _targets(page)
        if target.endswith(".png")
    }
    assert shown == set(IMAGES.iterdir())
    for picture in shown:
        head = picture.read_bytes()[:24]
        assert head.startswith(b"\x89PNG"), picture.name
        wide = PHONE if picture.stem.endswith("_telefono") else WIDTH
        assert struct.unpack(">I", head[16:20]) == (wide,), picture.name
        assert picture.stat().st_size <= MAX_BYTES, picture.name


@pytest.mark.parametrize(
    ("name", "deployments"),
    [("despliegue.md", DEPLOYMENTS), ("prefect_es.md", DEPLOYMENTS), ("empresas.md", OF_EMPRESAS)],
)
def test_the_hours_of_the_pages_are_those_of_the_registry(
    name: str, deployments: Mapping[str, Deployment]
) -> None:
    text = (DOCS / name).read_text(encoding="utf-8")
    rows = dict(re.findall(r"^ *\| `(?:[^`/]+/)?([a-z0-9-]+)` \| ([^|]+) \|", text, flags=re.M))
    said = {one.name: rows.get(one.name) for one in deployments.values()}
    assert said == {one.name: one.cuando for one in deployments.values()}
