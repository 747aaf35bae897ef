"""Retry-After in both its forms, and messages that say no more than they should."""

from __future__ import annotations

import pytest

from Modules.portal.answers import message_in, wait_asked
from Modules.portal.sections import Answers

DATE = "Wed, 19 Nov 2025 20:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 0 "}, 0.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "1.5"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 19 Nov 2025 20:01:30 GMT", "date": DATE}, 90.0),
        ({"retry-after": "Wed, 19 Nov 2025 19:00:00 GMT", "date": DATE}, 0.0),
        ({"retry-after": "Wed Nov 19 20:00:05 2025", "date": DATE}, 5.0),
        ({"retry-after": "Wed, 99 Nov 2025 20:01:30 GMT", "date": DATE}, None),
    ],
)
def test_wait_asked(headers: dict[str, str], seconds: float | None) -> None:
    assert wait_asked(headers) == seconds


def test_a_message_is_one_short_line_without_secrets() -> None:
    said = {"detail": "no\n\x1b[31m" + "secret " * 100}
    text = message_in(said, Answers(), lambda text: text.replace("secret", "***"))
    assert "\n" not in text
    assert "\x1b" not in text
    assert "secret" not in text
    assert len(text) <= 202
    assert message_in({"detail": 7, "title": " "}, Answers(), str) == ""
    assert message_in({"error": {"message": "así"}}, Answers(), str) == ": así"
