"""The error tree is named to people class by class, and every text they may meet is Spanish."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from Modules.orchestration.failure import _FALLAS
from Modules.words import errors

ROOT = Path(errors.__file__).resolve().parents[2]
LIKE_ITS_PARENT = {  # small errors of one floor, which the next one turns into another or lets pass
    "Conflict": "ApiRejected",
    "CutJson": "ApiContractChanged",
    "ExecutionFinished": "PromptInvalid",
    "JsonRefused": "DataError",
    "KeyConflict": "PromptInvalid",
    "LeftOrigin": "WalkBroken",
    "NoConnection": "TryAgain",
    "NotAllowed": "ApiAuth",
    "NotDone": "TryAgain",
    "NotThere": "ApiRejected",
    "Stopped": "ApiUnavailable",
    "TellingFailed": "PipelineError",
    "TokenExpired": "ApiAuth",
    "TryAgain": "ApiUnavailable",
    "WalkBroken": "ApiIncomplete",
}
ENGLISH = re.compile(
    r"\b(the|is|are|was|were|not|cannot|of|to|with|from|which|must|than|there|its|this|and|it"
    r"|has|have|for|missing|wrong|or)\b"
)
QUOTED = {  # other programs' words, to know them by; and two languages that are not Spanish
    "Modules/cli/spanish.py",
    "Modules/demo/google_office.py",
    "Modules/demo/jira_site.py",
    "Modules/geo/geometry.py",
    "Modules/integrations/google.py",
    "Modules/orchestration/server.py",
    "Modules/portal/profile.py",
    "Modules/stack/databases.py",
}
PROGRAMMING = {"ValueError", "AssertionError", "TypeError", "KeyError", "NotImplementedError"}
LOGS = {"debug", "info", "warning", "error", "exception", "critical", "print"}


@cache
def _trees() -> dict[Path, ast.Module]:
    paths = [*(ROOT / "Modules").rglob("*.py"), *ROOT.glob("scripts/*.py")]
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(paths)}


def _classes() -> dict[str, str]:
    """Every class below PipelineError, wherever it is defined, and the class above it."""
    above = {
        node.name: node.bases[0].id
        for tree in _trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.bases and isinstance(node.bases[0], ast.Name)
    }

    def in_tree(name: str) -> bool:
        return name == "PipelineError" or (name in above and in_tree(above[name]))

    return {name: base for name, base in above.items() if in_tree(name)}


def test_every_error_has_its_own_line_for_people_or_that_of_its_parent_on_purpose() -> None:
    own = {kind.__name__ for kind in _FALLAS}
    without = {name: base for name, base in _classes().items() if name not in own}
    assert without == LIKE_ITS_PARENT


def _texts(node: ast.AST) -> Iterator[ast.Constant]:
    """The texts below a node: no docstrings, and nothing that goes to a log or a programmer."""
    match node:
        case ast.Call(func=ast.Attribute(attr=name, value=who)) if name in LOGS:
            if not isinstance(who, ast.Name) or who.id != "corrida":  # the log that people read
                return
        case ast.Call(func=ast.Name(id=name)) if name in LOGS:
            return
        case ast.Expr(value=ast.Constant()):
            return
        case ast.Raise(exc=ast.Call(func=ast.Name(id=name))) if name in PROGRAMMING:
            return
        case ast.Constant(value=str()):
            yield node
    for child in ast.iter_child_nodes(node):
        yield from _texts(child)


def test_no_text_that_people_may_meet_is_english() -> None:
    english = [
        f"{path.relative_to(ROOT)}:{text.lineno}: {text.value}"
        for path, tree in _trees().items()
        for text in _texts(tree)
        if path.relative_to(ROOT).as_posix() not in QUOTED
        if " " in text.value.strip() and ENGLISH.search(text.value)
    ]
    assert english == []
