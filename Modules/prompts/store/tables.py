"""The tables as they are asked, the same on SQLite and PostgreSQL; ``migrations`` make them.

Moments are UTC. Money is US dollars, exact: NUMERIC, and text where a database has only floats, so
nothing here is ever added up by SQLite. JSON is text, as it was written. A version never changes,
and moves are only ever appended: what an environment runs is the last of its moves, so the history
cannot say another thing than what is run.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Column, DateTime, Dialect, Double, Integer, MetaData, Numeric, Table, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

PENDING, RUNNING, COMPLETED = "pending", "running", "completed"
FAILED, CANCELLED = "failed", "cancelled"


class Plain(TypeDecorator[str]):
    """Text of anybody's: what a database cannot hold (NUL, half a surrogate) is written out."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        if value is None:
            return None
        return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


class Utc(TypeDecorator[datetime]):
    """An aware moment, in and out; SQLite keeps it without a zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Money(TypeDecorator[Decimal]):
    """An exact decimal, in and out."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Numeric())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | Decimal | None:
        return str(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, _dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


def _table(table: str, /, **columns: Any) -> Table:
    return Table(table, MetaData(), *(Column(key, kind) for key, kind in columns.items()))


versions = _table(  # 1, 2, 3… of a name
    "versions", name=Plain, version=Integer, sha256=Plain, content=Plain, created_at=Utc
)
moves = _table(
    "moves",
    **{"id": Integer, "name": Plain, "env": Plain, "from_version": Integer, "to_version": Integer},
    **{"action": Plain, "who": Plain, "why": Plain, "at": Utc},
)
clients = _table("clients", name=Plain, token_sha256=Plain, created_at=Utc, revoked_at=Utc)
executions = _table(  # ``number`` is their order, ``id`` what others are told
    "executions",
    **{"number": Integer, "id": Plain, "name": Plain, "env": Plain, "version": Integer},
    **{"client": Plain, "key": Plain, "input": Plain, "state": Plain, "attempt": Integer},
    **{"created_at": Utc, "started_at": Utc, "finished_at": Utc},
    **{"worker": Plain, "lease_s": Double, "lease_until": Utc},
    **{"output": Plain, "cause": Plain, "step": Plain, "message": Plain, "raw": Plain},
)
outputs = _table("outputs", execution=Integer, step=Plain, output=Plain, raw=Plain)
calls = _table(
    "calls",
    **{"execution": Integer, "step": Plain, "attempt": Integer},
    **{"alias": Plain, "model": Plain, "provider": Plain},
    **{"prompt_tokens": Integer, "completion_tokens": Integer},
    **{"cost_usd": Money, "cost_source": Plain, "latency_s": Double},
    **{"outcome": Plain, "started_at": Utc},
)
