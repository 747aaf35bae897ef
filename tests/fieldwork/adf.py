"""What we may write of the Atlassian Document Format, in our own words.

After the structure that Atlassian publishes (node ``doc`` has a version; ``table`` holds one row or
more; a row holds cells and headers; those hold blocks; a text is never empty; a mark ``link`` has
an address).
"""

from __future__ import annotations

import unicodedata
from typing import Any

_CHILDREN = {
    "doc": {"paragraph", "table"},
    "table": {"tableRow"},
    "tableRow": {"tableHeader", "tableCell"},
    "tableHeader": {"paragraph"},
    "tableCell": {"paragraph"},
    "paragraph": {"text"},
}
_ATTRS = {"table": {"isNumberColumnEnabled", "layout"}}


def check_document(doc: dict[str, Any]) -> None:
    """Fail unless it is a document that Jira takes."""
    assert doc["version"] == 1
    assert doc["type"] == "doc"
    _check({key: value for key, value in doc.items() if key != "version"})


def _check(node: dict[str, Any]) -> None:
    if node["type"] == "text":
        assert set(node) <= {"type", "text", "marks"}
        assert node["text"]
        assert not any(unicodedata.category(one) in ("Cc", "Cs") for one in node["text"])
        for mark in node.get("marks", ()):
            assert set(mark) == {"type", "attrs"}
            assert mark["type"] == "link"
            assert mark["attrs"]["href"].startswith(("http://", "https://"))
        return
    assert set(node) <= {"type", "content", "attrs"}
    assert set(node.get("attrs", {})) <= _ATTRS.get(node["type"], set())
    assert node["content"]
    for child in node["content"]:
        assert child["type"] in _CHILDREN[node["type"]]
        _check(child)


def texts(node: dict[str, Any]) -> list[str]:
    """Every text of a document, in order."""
    if node["type"] == "text":
        return [node["text"]]
    return [text for child in node["content"] for text in texts(child)]


def table_of(doc: dict[str, Any]) -> dict[str, str]:
    """The table of a document, what → how much."""
    (table,) = (node for node in doc["content"] if node["type"] == "table")
    return dict(texts(row) for row in table["content"])
