"""Runs the small part of PowerShell that ``create_symlinks.ps1`` is written in, for the tests.

It walks the tree that the tests parse. What it knows: functions, streams, hash tables, arrays,
``try``/``catch`` by type, the operators of the script, the .NET members of ``tests.win_disk``.
Anything else is an error, so the script cannot grow past what is run here. It shows that the logic
of the script is right, not that Windows does what .NET promises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from tree_sitter import Node as SitterNode

from tests import powershell_reading as ps
from tests.win_disk import NetError, Windows

Out = Callable[[Any], None]
VOID = object()


class Node:
    """A node of the tree, in Python alone: walked often, it has to be quick."""

    def __init__(self, node: SitterNode) -> None:
        self.type, self.text = node.type, node.text
        self.is_named = node.is_named
        self.children = [Node(child) for child in node.children if child.type != "comment"]
        self.named_children = [child for child in self.children if child.is_named]
        self.child_count = len(self.children)


@cache
def _program(text: str) -> tuple[Node, dict[str, Node]]:
    tree = ps.parsed(text)
    assert ps.faults(tree) == []
    root = Node(tree)
    return root, ps.functions(root)


@cache
def _of_type(node: Node, kind: str) -> list[Node]:
    return ps.of_type(node, kind)


@cache
def _parameters(function: Node) -> list[tuple[str, str]]:
    """Name and type of each parameter."""
    found = []
    for parameter in _of_type(function, "script_parameter"):
        kind = re.match(r"\[(\w+)\]", ps.text_of(parameter))
        variable = _of_type(parameter, "variable")[-1]
        found.append((ps._bare(ps.text_of(variable)), kind[1] if kind else ""))
    return found


class Thrown(Exception):
    """A PowerShell error, with the .NET type that a ``catch`` may name."""

    def __init__(self, message: str, kind: str = "RuntimeException") -> None:
        super().__init__(message)
        self.message, self.kind = message, kind


class _Return(Exception):
    pass


class _Continue(Exception):
    pass


class Exit(Exception):
    """The script ended itself."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Hash(dict[str, Any]):
    """A hash table or an object: keys and members know no case."""

    def find(self, key: str) -> Any:
        return {name.casefold(): value for name, value in self.items()}.get(str(key).casefold())

    def has(self, key: str) -> bool:
        return str(key).casefold() in {name.casefold() for name in self}

    def put(self, key: str, value: Any) -> None:
        same = [name for name in self if name.casefold() == str(key).casefold()]
        self[same[0] if same else str(key)] = value


class Scope:
    """Variables of one call; reading looks outwards, writing stays, as PowerShell does."""

    def __init__(self, parent: Scope | None = None) -> None:
        self.names: dict[str, Any] = {}
        self.parent = parent

    def get(self, name: str) -> Any:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        raise Thrown(f"the variable ${name} is not set")

    @property
    def script(self) -> Scope:
        return self if self.parent is None else self.parent.script


class Machine:
    """One run of one script on a made-up Windows."""

    def __init__(self, text: str, windows: Windows, place: str) -> None:
        self.windows = windows
        self.root, self.functions = _program(text)
        self.said: list[str] = []
        self.proposed: list[tuple[str, str]] = []
        self.place = place

    def run(self, *switches: str) -> int:
        """Run with some switches; the exit code."""
        self.what_if = "WhatIf" in switches
        top = Scope()
        for parameter in _of_type(self.root, "param_block")[0].named_children:
            for one in _of_type(parameter, "script_parameter"):
                name = ps.text_of(_of_type(one, "variable")[-1])[1:]
                top.names[name.casefold()] = name in switches
        assert set(switches) - {"WhatIf"} <= {
            name for name in switches if name.casefold() in top.names
        }
        top.names |= {"true": True, "false": False, "null": None, "psscriptroot": self.place}
        top.names |= {"pscmdlet": self}
        body = [node for node in self.root.children if node.type == "statement_list"]
        try:
            for statements in body:
                self.block(statements, top, self.said.append)
        except Exit as end:
            return end.code
        return 0

    # --- statements ------------------------------------------------------------------------------

    def block(self, node: Node, scope: Scope, out: Out) -> None:
        for child in node.named_children:
            if child.type in ("statement_list", "script_block", "script_block_body"):
                self.block(child, scope, out)
            elif child.type not in ("comment", "function_statement", "empty_statement"):
                getattr(self, f"do_{child.type}")(child, scope, out)

    def do_pipeline(self, node: Node, scope: Scope, out: Out) -> None:
        (inner,) = node.named_children
        if inner.type == "assignment_expression":
            return self.assign(inner, scope)
        self.stream(inner.named_children, scope, out)
        return None

    def do_if_statement(self, node: Node, scope: Scope, out: Out) -> None:
        condition, block, *rest = node.named_children
        if truth(self.value(condition, scope)):
            return self.block(block, scope, out)
        for other in rest:
            if other.type == "else_clause":
                return self.block(other.named_children[0], scope, out)
            for clause in other.named_children:  # elseif
                if truth(self.value(clause.named_children[0], scope)):
                    return self.block(clause.named_children[1], scope, out)
        return None

    def do_foreach_statement(self, node: Node, scope: Scope, out: Out) -> None:
        variable, items, block = node.named_children
        for item in listed(self.value(items, scope)):
            scope.names[ps._bare(ps.text_of(variable))] = item
            try:
                self.block(block, scope, out)
            except _Continue:
                continue

    def do_while_statement(self, node: Node, scope: Scope, out: Out) -> None:
        condition, block = node.named_children
        for _ in range(1000):
            if not truth(self.value(condition.named_children[0], scope)):
                return
            self.block(block, scope, out)
        raise AssertionError("a loop without an end")

    def do_switch_statement(self, node: Node, scope: Scope, out: Out) -> None:
        asked = self.value(node.named_children[0].named_children[0], scope)
        for clause in _of_type(node, "switch_clause"):
            condition, block = clause.named_children
            text = ps.text_of(condition).strip()
            if text == "default" or same(ps.unquoted(text), asked):
                return self.block(block, scope, out)
        return None

    def do_try_statement(self, node: Node, scope: Scope, out: Out) -> None:
        block, *rest = node.named_children
        try:
            self.block(block, scope, out)
        except (Thrown, NetError) as err:
            clause = next((c for c in _clauses(rest) if _catches(c, err.kind)), None)
            if clause is None:
                raise
            base = Hash(Message=err.message)
            scope.names["_"] = Hash(Exception=Hash(GetBaseException=base))
            self.block(clause.named_children[-1], scope, out)
        finally:
            for last in rest:
                if last.type == "finally_clause":
                    self.block(last.named_children[0], scope, out)

    def do_flow_control_statement(self, node: Node, scope: Scope, out: Out) -> None:
        word = ps.text_of(node.children[0])
        if word == "continue":
            raise _Continue
        if word == "throw":
            raise Thrown(str(self.value(node.named_children[0], scope)))
        if word == "exit":
            raise Exit(int(self.value(node.named_children[0], scope)))
        assert word == "return"
        for child in node.named_children:
            self.do_pipeline(child, scope, out)
        raise _Return

    def assign(self, node: Node, scope: Scope) -> None:
        target = _inner(node.named_children[0].named_children[0])
        value = self.value(node.named_children[2], scope)
        if ps.text_of(node.named_children[1]) == "+=":
            value = added(self.value(target, scope), value)
        if target.type == "variable":
            name = ps.text_of(target)
            place = scope.script if name.startswith("$script:") else scope
            place.names[ps._bare(name)] = value
            return
        whole = self.value(target.named_children[0], scope)
        if target.type == "member_access":
            key: Any = ps.text_of(target.named_children[1])
        else:
            assert target.type == "element_access"
            key = self.value(target.named_children[1], scope)
        whole.put(key, value)

    # --- streams and commands --------------------------------------------------------------------

    def stream(self, parts: list[Node], scope: Scope, out: Out) -> None:
        """Each part feeds the next as it goes, so what came before an error has arrived."""
        first, *rest = parts
        after: list[Callable[[], None]] = []
        for part in reversed(rest):
            out, finish = self.filter(part, scope, out)
            after.insert(0, finish)
        if first.type == "command":
            self.command(first, scope, out)
        else:
            emit(self.value(first, scope), out)
        for finish in after:
            finish()

    def filter(self, node: Node, scope: Scope, out: Out) -> tuple[Out, Callable[[], None]]:
        name, arguments = self.command_line(node, scope)
        seen: list[Any] = []
        if name in ("ForEach-Object", "Where-Object"):

            def each(item: Any) -> None:
                scope.names["_"] = item
                if name == "ForEach-Object":
                    self.block(arguments[0], scope, out)
                elif truth(self.collected(lambda o: self.block(arguments[0], scope, o))):
                    out(item)

            return each, lambda: None
        if name == "Select-Object":
            assert arguments == ["-First", 1]
            return lambda item: None if seen else (seen.append(item), out(item))[1], lambda: None
        if name == "Format-Table":
            assert arguments[0] == "-Property"
            columns = arguments[1]
            return seen.append, lambda: out("\n".join(row(one, columns) for one in seen))
        assert name == "Out-String", name
        return out, lambda: None

    def command_line(self, node: Node, scope: Scope) -> tuple[str, list[Any]]:
        name, *elements = node.named_children
        arguments: list[Any] = []
        for holder in elements:
            for part in holder.named_children:
                if part.type == "command_argument_sep":
                    continue
                if part.type in ("command_parameter", "generic_token"):
                    arguments.append(ps.text_of(part))
                elif part.type == "argument_list":
                    arguments.append(self.arguments(part, scope))
                elif _inner(part).type == "script_block_expression":
                    arguments.append(_inner(part))
                else:
                    arguments.append(self.value(part, scope))
        return ps.text_of(name), arguments

    def command(self, node: Node, scope: Scope, out: Out) -> None:
        name, arguments = self.command_line(node, scope)
        if name in self.functions:
            return self.call(name, arguments, scope, out)
        if name == "Write-Host":
            self.said.append(str(arguments[0]))
        elif name == "Write-Warning":
            self.said.append(f"WARNING {arguments[0]}")
        elif name == "New-Object":
            kind, *rest = arguments
            if rest[:1] == ["-Property"]:
                return out(self.windows.new(kind, rest[1]))
            out(self.windows.new(kind, *(rest[0] if rest else ())))
        elif name == "ConvertTo-Json":
            assert arguments[0] == "-InputObject"
            assert arguments[2] == "-Compress"
            out(json.dumps(arguments[1], ensure_ascii=False))
        elif name == "ConvertFrom-Json":
            assert arguments[0] == "-InputObject"
            try:
                out(Hash(json.loads(arguments[1])))
            except ValueError as err:
                raise Thrown(str(err)) from err
        else:
            assert name == "Set-StrictMode", name
        return None

    def call(self, name: str, arguments: list[Any], scope: Scope, out: Out) -> None:
        function = self.functions[name]
        inner = Scope(scope)
        parameters = _parameters(function)
        assert len(arguments) == len(parameters), (name, arguments)
        for (variable, kind), argument in zip(parameters, arguments, strict=True):
            inner.names[variable] = cast(kind, argument)
        body = next(child for child in function.named_children if child.type == "script_block")
        try:
            self.block(body, inner, out)
        except _Return:
            return

    # --- values ----------------------------------------------------------------------------------

    def collected(self, run: Callable[[Out], None]) -> Any:
        found: list[Any] = []
        run(found.append)
        return None if not found else found[0] if len(found) == 1 else found

    def value(self, node: Node, scope: Scope) -> Any:
        node = _inner(node)
        if node.type in ("pipeline", "pipeline_chain"):
            inner = node.named_children[0]
            parts = inner.named_children if inner.type == "pipeline_chain" else node.named_children
            if len(parts) == 1 and parts[0].type != "command":
                return self.value(parts[0], scope)
            return self.collected(lambda out: self.stream(list(parts), scope, out))
        kind = node.type.replace("_argument_expression", "_expression")
        return getattr(self, f"of_{kind}")(node, scope)

    def of_variable(self, node: Node, scope: Scope) -> Any:
        name = ps._bare(ps.text_of(node))
        if name.startswith("env:"):
            return self.windows.environment.get(name[4:])
        return scope.get(name)

    def of_string_literal(self, node: Node, _scope: Scope) -> str:
        text = ps.text_of(node)
        if text.startswith("'"):
            return ps.unquoted(text)
        assert text in ('"`r`n"', '"`n"'), text
        return text[1:-1].replace("`r", "\r").replace("`n", "\n")

    def of_integer_literal(self, node: Node, _scope: Scope) -> int:
        return int(ps.text_of(node))

    def of_real_literal(self, node: Node, _scope: Scope) -> float:
        return float(ps.text_of(node))

    def of_parenthesized_expression(self, node: Node, scope: Scope) -> Any:
        return self.value(node.named_children[0], scope)

    def of_array_expression(self, node: Node, scope: Scope) -> list[Any]:
        found: list[Any] = []
        for child in node.named_children:
            self.block(child, scope, found.append)
        return found

    def of_array_literal_expression(self, node: Node, scope: Scope) -> list[Any]:
        return [self.value(child, scope) for child in node.named_children]

    def of_hash_literal_expression(self, node: Node, scope: Scope) -> Hash:
        table = Hash()
        for entry in _nearest(node, "hash_entry"):
            key, content = [c for c in entry.named_children if c.type != "comment"]
            name = _inner(key.named_children[0])
            text = ps.text_of(name)
            table[ps.unquoted(text) if text.startswith("'") else text] = self.value(content, scope)
        return table

    def of_cast_expression(self, node: Node, scope: Scope) -> Any:
        kind = ps.text_of(node.named_children[0])[1:-1]
        return cast(kind, self.value(node.named_children[1], scope))

    def of_expression_with_unary_operator(self, node: Node, scope: Scope) -> Any:
        if node.child_count == 1:
            return self.value(node.children[0], scope)
        assert ps.text_of(node.children[0]) == "-not"
        return not truth(self.value(node.children[1], scope))

    def of_logical_expression(self, node: Node, scope: Scope) -> bool:
        left, word, right = node.children
        first = truth(self.value(left, scope))
        if ps.text_of(word) == "-and":
            return first and truth(self.value(right, scope))
        assert ps.text_of(word) == "-or"
        return first or truth(self.value(right, scope))

    def of_bitwise_expression(self, node: Node, scope: Scope) -> int:
        left, word, right = node.children
        assert ps.text_of(word) == "-band"
        found: int = self.value(left, scope) & self.value(right, scope)
        return found

    def of_comparison_expression(self, node: Node, scope: Scope) -> Any:
        left, word, right = node.children
        first, second = self.value(left, scope), self.value(right, scope)
        return {
            "-eq": lambda: same(first, second),
            "-ne": lambda: not same(first, second),
            "-cne": lambda: first != second,
            "-gt": lambda: first > second,
            "-in": lambda: any(same(first, one) for one in second),
            "-notin": lambda: not any(same(first, one) for one in second),
            "-contains": lambda: any(same(one, second) for one in first),
            "-replace": lambda: re.sub(second[0], lambda _: second[1], first, flags=re.IGNORECASE),
            "-join": lambda: second.join(str(item) for item in listed(first)),
        }[ps.text_of(word)]()

    def of_additive_expression(self, node: Node, scope: Scope) -> Any:
        left, word, right = node.children
        first, second = self.value(left, scope), self.value(right, scope)
        return added(first, second) if ps.text_of(word) == "+" else first - second

    def of_format_expression(self, node: Node, scope: Scope) -> str:
        left, _word, right = node.children
        values = listed(self.value(right, scope))
        text: str = self.value(left, scope)
        return re.sub(r"\{(\d)\}", lambda hole: str(values[int(hole[1])]), text)

    def of_member_access(self, node: Node, scope: Scope) -> Any:
        owner, name = node.named_children
        member = ps.text_of(name)
        if owner.type == "type_literal":
            return self.windows.static(ps.text_of(owner)[1:-1], member)
        return self.member(self.value(owner, scope), member)

    def member(self, owner: Any, name: str) -> Any:
        if isinstance(owner, Hash):
            if name == "Values":
                return list(owner.values())
            if not owner.has(name):
                raise Thrown(f"there is no property {name}")
            return owner.find(name)
        if name in ("Length", "Count"):
            assert isinstance(owner, list | str), (owner, name)
            return len(owner)
        if owner is None:
            raise Thrown(f"nothing has no property {name}")
        return getattr(owner, name)

    def of_element_access(self, node: Node, scope: Scope) -> Any:
        owner, key = (self.value(child, scope) for child in node.named_children)
        return owner.find(key) if isinstance(owner, Hash) else owner[key]

    def of_invokation_expression(self, node: Node, scope: Scope) -> Any:
        owner, name = node.named_children[:2]
        arguments = self.arguments(node.named_children[-1], scope)
        member = ps.text_of(name)
        if owner.type == "type_literal":
            kind = ps.text_of(owner)[1:-1]
            if kind == "array":
                arguments[0].reverse()
                return VOID
            found = self.windows.static(kind, member)(*arguments)
            return VOID if found is None else Hash(found) if isinstance(found, dict) else found
        thing = self.value(owner, scope)
        if thing is self:
            return self.should_process(*arguments)
        if isinstance(thing, Hash):
            if member == "ContainsKey":
                return thing.has(arguments[0])
            if member == "Remove":
                thing.pop(arguments[0], None)
                return VOID
            return thing.find(member)
        if isinstance(thing, str):
            return _TEXT[member](thing, *arguments)
        found = getattr(thing, member)(*arguments)
        return VOID if found is None else found

    def should_process(self, target: str, action: str) -> bool:
        self.proposed.append((target, action))
        return not self.what_if

    def arguments(self, node: Node, scope: Scope) -> list[Any]:
        return [
            self.value(found.named_children[0], scope)
            for holder in node.named_children
            for found in holder.named_children
        ]


_TEXT: dict[str, Callable[..., Any]] = {
    "TrimEnd": lambda text, letters: text.rstrip(letters),
    "Trim": str.strip,
    "StartsWith": lambda text, start, _how: text.casefold().startswith(start.casefold()),
    "Substring": lambda text, start, length: text[start : start + length],
    "ToString": lambda text, *_: text,
}


def row(item: Hash, columns: list[str]) -> str:
    assert all(item.has(column) for column in columns), columns
    return " | ".join(str(item.find(column)) for column in columns)


def truth(value: Any) -> bool:
    if isinstance(value, list):
        return truth(value[0]) if len(value) == 1 else bool(value)
    return value not in (None, False, "", 0)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def same(first: Any, second: Any) -> bool:
    if isinstance(first, str) and isinstance(second, str):
        return first.casefold() == second.casefold()
    return bool(first == second)


def added(first: Any, second: Any) -> Any:
    if isinstance(first, list):
        return [*first, *listed(second)]
    if isinstance(first, str):
        return first + str(second)
    return first + second


def cast(kind: str, value: Any) -> Any:
    if kind == "void":
        return VOID
    if kind == "string":
        return "" if value is None else str(value)
    if kind == "int":
        return int(value)
    assert kind in ("", "pscustomobject", "ordered"), kind
    return value


def emit(value: Any, out: Out) -> None:
    if isinstance(value, list):
        for item in value:
            out(item)
    elif value is not VOID:
        out(value)


@cache
def _nearest(node: Node, kind: str) -> list[Node]:
    return ps._nearest(node, kind)


@cache
def _inner(node: Node) -> Node:
    """A node without the wrapping that the grammar puts round a single operand."""
    while node.child_count == 1 and (
        node.type.endswith(("_argument_expression", "unary_expression", "argument_expression"))
        or node.type
        in {
            "logical_expression",
            "bitwise_expression",
            "comparison_expression",
            "additive_expression",
            "multiplicative_expression",
            "format_expression",
            "range_expression",
            "array_literal_expression",
            "parenthesized_argument",
        }
    ):
        node = node.children[0]
    return node


def _clauses(rest: list[Node]) -> Iterator[Node]:
    for part in rest:
        if part.type == "catch_clauses":
            yield from part.named_children


def _catches(clause: Node, kind: str) -> bool:
    types = [ps.text_of(found) for found in ps.of_type(clause.children[1], "type_literal")]
    if clause.children[1].type != "catch_type_list":
        return True
    return any(name[1:-1].split(".")[-1] == kind for name in types)
