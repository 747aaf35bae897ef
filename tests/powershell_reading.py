"""What the tests read out of PowerShell text: faults, literals, names. No PowerShell runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

_PARSER = Parser(Language(tree_sitter_powershell.language()))
_QUOTE_PAIR = re.compile("(['\u2018\u2019\u201a\u201b])['\u2018\u2019\u201a\u201b]")


def parsed(text: str) -> Node:
    """The tree of a script."""
    return _PARSER.parse(text.encode("utf-8")).root_node


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it, in the order of the text."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(node.children)


def of_type(node: Node, *types: str) -> list[Node]:
    """All nodes of some types."""
    return [found for found in walk(node) if found.type in types]


def text_of(node: Node) -> str:
    """The text of a node."""
    assert node.text is not None
    return node.text.decode("utf-8")


def faults(root: Node) -> list[str]:
    """Where the grammar does not follow, by line."""
    return [
        f"line {node.start_point.row + 1}: {text_of(node)[:60]!r}"
        for node in walk(root)
        if node.is_error or node.is_missing
    ]


def unquoted(literal: str) -> str:
    """The text of a literal in single quotes: of a pair of quotes PowerShell keeps the second."""
    return re.sub(_QUOTE_PAIR, lambda pair: pair[0][1], literal[1:-1])


def assigned(root: Node, name: str) -> Any:
    """The value of a variable that a script sets to a literal: hash tables, arrays, text."""
    for node in of_type(root, "assignment_expression"):
        if text_of(node.children[0]).strip() == name:
            return value(node.children[-1])
    raise AssertionError(f"{name} is not set")


def value(node: Node) -> Any:
    """A literal as Python has it."""
    while True:
        if node.type == "verbatim_string_characters":
            return unquoted(text_of(node))
        if node.type == "hash_literal_expression":
            return dict(_entry(entry) for entry in _nearest(node, "hash_entry"))
        if node.type == "array_expression":
            return [value(item) for item in _items(node)]
        if node.type == "simple_name":
            return text_of(node)
        inner = [child for child in node.children if child.is_named]
        assert len(inner) == 1, (node.type, text_of(node))
        node = inner[0]


def functions(root: Node) -> dict[str, Node]:
    """The functions of a script by name."""
    found = of_type(root, "function_statement")
    return {text_of(of_type(node, "function_name")[0]): node for node in found}


def returned(function: Node) -> set[str]:
    """The literals that a function returns."""
    statements = of_type(function, "flow_control_statement")
    return {
        unquoted(text_of(literal))
        for statement in statements
        if text_of(statement).startswith("return '")
        for literal in of_type(statement, "verbatim_string_characters")
    }


def cases(function: Node) -> set[str]:
    """The literals that a function's switch knows."""
    conditions = of_type(function, "switch_clause_condition")
    return {
        unquoted(text_of(literal))
        for condition in conditions
        for literal in of_type(condition, "verbatim_string_characters")
    }


def variables(node: Node) -> set[str]:
    """Names of the variables that are read or set, without ``$`` and scope, in small letters."""
    return {_bare(text_of(found)) for found in of_type(node, "variable", "braced_variable")}


def set_variables(node: Node) -> set[str]:
    """Names of the variables that are set: by assignment, as a parameter, by a loop."""
    places = of_type(node, "left_assignment_expression", "script_parameter")
    named = [of_type(found, "variable") for found in places]
    loops = [
        [child for child in loop.children if child.type == "variable"]
        for loop in of_type(node, "foreach_statement")
    ]
    return {_bare(text_of(found[0])) for found in (*named, *loops) if found}


def _bare(name: str) -> str:
    return name.lstrip("$").removeprefix("script:").casefold()


def _entry(node: Node) -> tuple[str, Any]:
    named = [child for child in node.named_children if child.type != "comment"]
    return value(named[0]), value(named[1])


def _nearest(node: Node, kind: str) -> list[Node]:
    """Nodes of a type, none of which lies in another."""
    if node.type == kind:
        return [node]
    return [found for child in node.children for found in _nearest(child, kind)]


def _items(array: Node) -> list[Node]:
    """What an array holds: its strings, or its hash tables."""
    return [
        item
        for child in array.children
        for kind in ("verbatim_string_characters", "hash_literal_expression")
        for item in _nearest(child, kind)
        if kind == "hash_literal_expression" or not _in_hash(item, array)
    ]


def _in_hash(node: Node, top: Node) -> bool:
    while node.parent is not None and node.parent != top:
        node = node.parent
        if node.type == "hash_literal_expression":
            return True
    return False
