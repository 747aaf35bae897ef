"""What an issue says, in the words of Jira's REST API v3. Pure.

A description is an Atlassian Document (ADF, version 1): paragraphs and a table, whose text is data
and never markup (https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from Modules.words.text import MAX_TEXT, clean_text

MAX_SUMMARY: Final = 255  # characters; Jira refuses more
MAX_DESCRIPTION: Final = 32_767
_MAX_CELLS: Final = 20_000  # of those, of what the cells of a table say together

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue as it is to be. ``clave`` is what it is for, ``origen`` who asked for it."""

    clave: str
    origen: str  # "fila 12", "marcador m-1": for people
    grupo: str  # label of the whole lot: "lindero-plan-2026-11"
    fields: Mapping[str, Any] = field(repr=False)  # of REST v3


def label(clave: str) -> str:
    """The label of an issue's key: Jira's labels hold no blank and no more than 255 characters."""
    return f"lindero-{hashlib.sha256(clave.encode()).hexdigest()[:16]}"


def summary(text: str) -> str:
    """A title in one line of at most ``MAX_SUMMARY`` characters; "…" where it is cut."""
    whole = clean_text(text, 4 * MAX_SUMMARY)
    return whole if len(whole) <= MAX_SUMMARY else f"{whole[: MAX_SUMMARY - 1].rstrip()}…"


def description(
    intro: str, facts: Sequence[tuple[str, str]], links: Sequence[tuple[str, str]]
) -> Node:
    """A document: a line, a table of what and how much, and links (text, address).

    Facts that say nothing are left out; an address that is none of the web is written as text.
    """
    limit = min(MAX_TEXT, _MAX_CELLS // max(1, len(facts)))
    said = [(name, clean_text(value, limit)) for name, value in facts]
    rows = [
        _node("tableRow", [_cell("tableHeader", name), _cell("tableCell", value)])
        for name, value in said
        if value
    ]
    attrs = {"isNumberColumnEnabled": False, "layout": "default"}
    table = [{**_node("table", rows), "attrs": attrs}] if rows else []
    linked = [_paragraph(*_linked(name, address)) for name, address in links]
    content = [_paragraph(_text(intro)), *table, *linked]
    return {"version": 1, **_node("doc", content)}


def _node(kind: str, content: Sequence[Node]) -> Node:
    return {"type": kind, "content": list(content)}


def _cell(kind: str, said: str) -> Node:
    return {**_node(kind, [_paragraph(_text(said))]), "attrs": {}}


def _paragraph(*inline: Node | None) -> Node:
    return _node("paragraph", [one for one in inline if one is not None])


def _text(said: str) -> Node | None:
    """A text, which may not be empty in ADF; None for such."""
    clean = clean_text(said, MAX_TEXT)
    return {"type": "text", "text": clean} if clean else None


def _linked(name: str, address: str) -> tuple[Node | None, ...]:
    clean = clean_text(address, MAX_TEXT)
    if not clean.startswith(("https://", "http://")):
        return (_text(f"{name}: {clean}"),)
    node = _text(name)
    mark = {"type": "link", "attrs": {"href": clean}}
    return (node and {**node, "marks": [mark]},)
