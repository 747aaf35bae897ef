"""``docs/onedrive.md`` quotes messages and options as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "onedrive.md").read_text(encoding="utf-8")
SOURCES = " ".join(
    re.sub(r'"\s*f?"', "", (ROOT / "Modules" / name).read_text(encoding="utf-8"))
    for name in (
        "disk/destinations.py",
        "disk/sentinels.py",
        "onedrive/config.py",
        "onedrive/conversation.py",
        "onedrive/create_symlinks.ps1",
        "onedrive/setup.py",
    )
)
OF_WINDOWS = {"la ejecución de scripts está deshabilitada"}
TABLES = PAGE.split("## Qué hacer con cada mensaje")[1].split("## Costumbres")[0]
MESSAGES = [
    message
    for row in re.findall(r"^\| (`.*?) \|", TABLES, re.MULTILINE)
    for message in re.findall(r"`([^`]+)`", row)
]


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_of_the_page_is_one_of_the_program(message: str) -> None:
    if message not in OF_WINDOWS:
        flat = re.sub(r"\s+", " ", SOURCES)
        assert all(part.strip() in flat for part in message.split("…"))


def test_the_page_names_every_switch_of_the_script_and_every_option_of_the_program() -> None:
    switches = re.findall(r"^    \[switch\] \$(\w+)", SOURCES, re.MULTILINE)
    assert len(switches) == 5
    for switch in (*switches, "WhatIf"):
        assert f"`-{switch}`" in PAGE
    options = re.findall(r'add\(\s*"(--[a-z-]+)"', SOURCES)
    assert len(options) >= 6
    assert [option for option in options if option not in PAGE] == ["--no-preguntar"]
