"""Versions and what each environment runs: deployed, rolled back, and the history of both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, func, select
from sqlalchemy.engine import URL

from Modules.disk.json_files import to_json
from Modules.prompts.files.bundle import Bundle
from Modules.prompts.store.database import Database
from Modules.prompts.store.tables import moves, versions
from Modules.words.errors import DataError, PromptInvalid


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a deploy or a rollback came to: whether the content was new, and whether it moved."""

    name: str
    version: int
    new: bool
    moved: bool


@dataclass(frozen=True, slots=True)
class Stored:
    version: int
    bundle: Bundle


@dataclass(frozen=True, slots=True)
class Move:
    """One move of what an environment runs; ``from_`` is None at its first."""

    name: str
    env: str
    from_: int | None
    to: int
    action: Literal["deploy", "rollback"]
    who: str
    why: str
    at: datetime


class Versions(Database):
    """A version never changes: one content of a name is one version, whoever deploys it again."""

    def __init__(self, url: str | URL) -> None:
        super().__init__(url)
        self._bundles: dict[tuple[str, int], Bundle] = {}

    def deploy(self, bundle: Bundle, env: str, *, who: str, why: str, now: datetime) -> Deployed:
        """Have an environment run this content; nothing is written where it does already."""
        with self.writing(bundle.name) as connection:
            version, new = _kept(connection, bundle, now)
            told = {"action": "deploy", "who": who, "why": why, "at": now}
            moved = _move(connection, bundle.name, env, version, told)
        return Deployed(bundle.name, version, new, moved)

    def rollback(
        self, name: str, env: str, to: int, *, who: str, why: str, now: datetime
    ) -> Deployed:
        """Have an environment run again a version that it ran before.

        Raises:
            PromptInvalid: it never ran there; the message says which did.
        """
        of_pair = (moves.c.name == name, moves.c.env == env)
        with self.writing(name) as connection:
            ran = set(connection.scalars(select(moves.c.to_version).where(*of_pair)))
            if to not in ran:
                there = ", ".join(map(str, sorted(ran))) or "ninguna"
                raise PromptInvalid(
                    f"la versión {to} de {name} nunca corrió en {env}; corrieron: {there}"
                )
            told = {"action": "rollback", "who": who, "why": why, "at": now}
            moved = _move(connection, name, env, to, told)
        return Deployed(name, to, new=False, moved=moved)

    def history(self, name: str | None = None, env: str | None = None) -> list[Move]:
        """Every move, in the order in which they were made."""
        asked = select(moves).order_by(moves.c.id)
        for column, value in ((moves.c.name, name), (moves.c.env, env)):
            asked = asked if value is None else asked.where(column == value)
        with self.reading() as connection:
            return [Move(*row[1:]) for row in connection.execute(asked)]  # all but the id

    def current(self, name: str, env: str) -> Stored | None:
        """What an environment runs under a name."""
        with self.reading() as connection:
            found = _current(connection, name, env)
        return None if found is None else Stored(found, self.version(name, found))

    def names(self, env: str) -> list[str]:
        """What is deployed in an environment, in order."""
        with self.reading() as connection:
            return sorted(
                connection.scalars(select(moves.c.name).where(moves.c.env == env).distinct())
            )

    def version(self, name: str, number: int) -> Bundle:
        """The content of a version.

        Raises:
            PromptInvalid: there is none.
            DataError: it is not as it was written.
        """
        if (found := self._bundles.get((name, number))) is not None:
            return found
        asked = select(versions).where(versions.c.name == name, versions.c.version == number)
        with self.reading() as connection:
            row = connection.execute(asked).one_or_none()
        if row is None:
            raise PromptInvalid(f"no hay una versión {number} de {name}")
        if hashlib.sha256(row.content.encode()).hexdigest() != row.sha256:
            raise DataError(f"la versión {number} de {name} en {self.where} no es como se guardó")
        found = Bundle.of_content(json.loads(row.content))
        return self._bundles.setdefault((name, number), found)


def _kept(connection: Connection, bundle: Bundle, now: datetime) -> tuple[int, bool]:
    """The number of a content, and whether it is a new one."""
    name, sha256 = bundle.name, bundle.sha256
    of_name = versions.c.name == name
    same = select(versions.c.version).where(of_name, versions.c.sha256 == sha256)
    if (version := connection.scalar(same)) is not None:
        return version, False
    version = (connection.scalar(select(func.max(versions.c.version)).where(of_name)) or 0) + 1
    row = {"name": name, "version": version, "sha256": sha256, "created_at": now}
    content = to_json(bundle.content).decode()
    connection.execute(versions.insert().values(content=content, **row))
    return version, True


def _current(connection: Connection, name: str, env: str) -> int | None:
    asked = select(moves.c.to_version).where(moves.c.name == name, moves.c.env == env)
    return connection.scalar(asked.order_by(moves.c.id.desc()).limit(1))


def _move(connection: Connection, name: str, env: str, to: int, told: Mapping[str, Any]) -> bool:
    """Write a move down, unless the environment runs that version already."""
    if (before := _current(connection, name, env)) == to:
        return False
    row = {"name": name, "env": env, "from_version": before, "to_version": to, **told}
    connection.execute(moves.insert().values(row))
    return True
