"""Who may ask the API: names with a token each, of which only the hash is kept."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select, update

from Modules.prompts.store.database import Database
from Modules.prompts.store.tables import clients
from Modules.words.errors import SettingsError

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ASKED: Final = select(clients.c.name, clients.c.created_at, clients.c.revoked_at)


@dataclass(frozen=True, slots=True)
class Client:
    name: str
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Clients:
    database: Database

    def create(self, name: str, *, now: datetime) -> str:
        """A new token for a name that has none, or had its own revoked; it is shown this once.

        Raises:
            SettingsError: the name has a token that holds, or is no name.
        """
        if not _NAME.fullmatch(name):
            raise SettingsError(f"{name!r} no sirve de nombre: letras, números, punto y guiones")
        token = f"lindero_{secrets.token_urlsafe(32)}"
        fresh = {"token_sha256": _hash(token), "created_at": now, "revoked_at": None}
        add = self.database.insert(clients).values(name=name, **fresh)
        again = add.on_conflict_do_update(
            index_elements=["name"], set_=fresh, where=clients.c.revoked_at.is_not(None)
        )
        with self.database.writing() as connection:
            if connection.execute(again.returning(clients.c.name)).one_or_none() is None:
                raise SettingsError(
                    f"{name} ya tiene un token; quitárselo antes: lindero prompts clients revoke"
                )
        return token

    def revoke(self, name: str, *, now: datetime) -> None:
        """Take a client's token away.

        Raises:
            SettingsError: no client has that name and a token.
        """
        holds = (clients.c.name == name, clients.c.revoked_at.is_(None))
        with self.database.writing() as connection:
            change = update(clients).where(*holds).values(revoked_at=now)
            if not connection.execute(change).rowcount:
                raise SettingsError(f"no hay un cliente {name} con un token que valga")

    def all(self) -> list[Client]:
        """Every client there was, by name."""
        with self.database.reading() as connection:
            return [Client(*row) for row in connection.execute(_ASKED.order_by(clients.c.name))]

    def by_token(self, token: str) -> Client | None:
        """Whose token it is, while it holds."""
        holds = (clients.c.token_sha256 == _hash(token), clients.c.revoked_at.is_(None))
        with self.database.reading() as connection:
            row = connection.execute(_ASKED.where(*holds)).one_or_none()
        return None if row is None else Client(*row)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
