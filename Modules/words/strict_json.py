"""JSON as RFC 8259 has it and no more: UTF-8, no NaN, no twin keys, bounded nesting. Pure.

Python's ``json`` takes NaN, reads 1e400 as infinity and keeps the last of two equal keys; here
each of these refuses the text by name. Limits are checked before the parser sees the text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from enum import Enum, auto
from typing import Any

from Modules.words.errors import DataError

MAX_DEPTH = 64
_MAX_INT_DIGITS = 300  # beyond it a float would overflow

_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_ALL_SQUARE = bytes.maketrans(b"{}", b"[]")
_ALL_ZERO = bytes.maketrans(b"123456789E", b"000000000e")
_HUGE = (b"e000", b"e+000", b"0" * 200)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_MAY_BE_HALF = (b"\\ud", b"\\uD", b"\xed")
_LONE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair: one character
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\xed[\xa0-\xbf][\x80-\xbf])"  # half of one
    rb"|\\.",
    re.DOTALL,
)


class Reason(Enum):
    """Why a text is refused, and what ``JsonRefused.where`` holds then."""

    UTF8 = auto()  # the byte, from 0
    DEPTH = auto()  # nothing
    CUT = auto()  # line and column, from 1: the text ends before the value does
    SYNTAX = auto()  # line and column
    CONSTANT = auto()  # NaN, Infinity or -Infinity
    NUMBER = auto()  # nothing: beyond a float
    TWIN = auto()  # the key
    SURROGATE = auto()  # nothing


class JsonRefused(DataError):
    """The text is not the strict JSON we accept."""

    def __init__(self, message: str, reason: Reason, *where: int | str) -> None:
        super().__init__(message)
        self.reason, self.where = reason, where


def without_lone_surrogates(body: bytes) -> tuple[bytes, int]:
    """JSON without the halves of characters in its strings, escaped or raw, and how many went.

    No text can hold one, so no table or file of ours could; the rest of the name is as good as
    ever. RFC 8259 §8.2 leaves open what becomes of them.
    """
    if not any(mark in body for mark in _MAY_BE_HALF):  # nearly always
        return body, 0
    lone = sum(match[1] is not None for match in _LONE.finditer(body))
    return _LONE.sub(lambda match: b"" if match[1] else match[0], body), lone


def parse_json(
    body: bytes, max_depth: int = MAX_DEPTH, *, number: Callable[[str], Any] | None = None
) -> Any:
    """The value that ``body`` holds (a UTF-8 byte order mark is allowed, as RFC 8259 §8.1 lets us).

    Args:
        number: makes a value of each number as it is written, of any size; without it they are
            int and float.

    Raises:
        JsonRefused: cut, bad UTF-8, NaN or Infinity, a number beyond a float, two equal keys,
            deeper than ``max_depth``, a lone surrogate, or no JSON at all.
    """
    try:
        text = body.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as err:
        raise JsonRefused(f"el byte {err.start} no es UTF-8", Reason.UTF8, err.start) from err
    bare = _without_strings(body)
    if _deeper_than(bare, max_depth):
        raise JsonRefused(f"más de {max_depth} niveles, unos dentro de otros", Reason.DEPTH)
    digits = bare.translate(_ALL_ZERO)
    hooks: dict[str, Any] = {}
    if number is not None:
        hooks = {"parse_float": number, "parse_int": number}
    elif any(mark in digits for mark in _HUGE):  # a long exponent, or very many digits
        hooks = {"parse_float": _finite, "parse_int": _bounded}
    value, members = _loads(text, hooks)
    if members != bare.count(b":"):
        _name_the_twin(text, hooks)
    if _SURROGATE.search(body) is not None:
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError as err:
            message = "un texto tiene medio carácter (un surrogate suelto)"
            raise JsonRefused(message, Reason.SURROGATE) from err
    return value


def _without_strings(body: bytes) -> bytes:
    """The text outside its strings: by halves at the quotes, once the escaped ones are gone."""
    if b"\\\\" in body:
        body = body.replace(b"\\\\", b"")  # first, so that an escaped backslash escapes nothing
    if b'\\"' in body:
        body = body.replace(b'\\"', b"")
    return b"".join(body.split(b'"')[::2])


def _deeper_than(bare: bytes, max_depth: int) -> bool:
    """Whether arrays and objects nest deeper than ``max_depth`` in a text without its strings.

    Each round takes away the innermost level, so the cost is bounded by the limit.
    """
    rest = bare.translate(_ALL_SQUARE, _NOT_BRACKETS)
    for _ in range(max_depth):
        shorter = rest.replace(b"[]", b"")
        if len(shorter) == len(rest):
            break
        rest = shorter
    # What is left of a whole value is its deeper levels; of a cut one, what was never closed.
    return b"[]" in rest or rest.count(b"[") > max_depth


def _loads(text: str, hooks: dict[str, Any]) -> tuple[Any, int]:
    """The value, and how many members its objects have, twins counted once."""
    members = 0

    def count(found: dict[str, Any]) -> dict[str, Any]:
        nonlocal members
        members += len(found)
        return found

    try:
        value = json.loads(text, object_hook=count, parse_constant=_refuse_constant, **hooks)
    except json.JSONDecodeError as err:
        where = err.lineno, err.colno
        if _ends_early(text, err):
            raise JsonRefused("el JSON se corta antes de terminar", Reason.CUT, *where) from err
        message = f"no es JSON desde el carácter {err.pos}"
        raise JsonRefused(message, Reason.SYNTAX, *where) from err
    except RecursionError as err:
        raise JsonRefused("demasiados niveles, unos dentro de otros", Reason.DEPTH) from err
    return value, members


def _ends_early(text: str, err: json.JSONDecodeError) -> bool:
    if not text.strip() or err.msg.startswith("Extra data"):
        return False
    if err.msg.startswith("Unterminated string") or err.pos >= len(text.rstrip()):
        return True
    # A literal or a number cut in the middle: "tru", "-", "1." and the like end the text.
    return re.fullmatch(r"[\w.+\-\\]*", text[err.pos :].rstrip()) is not None and (
        text.lstrip()[:1] in ("{", "[") and text.rstrip()[-1:] not in ("}", "]")
    )


def _name_the_twin(text: str, hooks: dict[str, Any]) -> None:
    """Raise for the first key that an object has twice.

    A text without its strings has one colon for each member; fewer members in the value mean
    twins. Counting is cheap, so only a text that has one is read this slower way.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        for name in names:
            if names.count(name) > 1:
                message = f"la clave {name[:60]!r} está dos veces en un objeto"
                raise JsonRefused(message, Reason.TWIN, name)
        return dict(pairs)

    json.loads(text, object_pairs_hook=unique, **hooks)


def _refuse_constant(name: str) -> Any:
    raise JsonRefused(f"{name} no es un número de JSON", Reason.CONSTANT, name)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise JsonRefused("un número es demasiado grande", Reason.NUMBER)
    return value


def _bounded(text: str) -> int:
    if len(text) > _MAX_INT_DIGITS:
        raise JsonRefused("un número es demasiado grande", Reason.NUMBER)
    return int(text)
