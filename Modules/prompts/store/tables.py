"""The tables, the same on SQLite and PostgreSQL; ``migrations`` make them.

Moments are UTC. Money is US dollars, exact: NUMERIC, and text where a database has only floats, so
nothing here is ever added up by SQLite. JSON is text, as it was written. A version never changes,
and moves are only ever appended: what an environment runs is the last of its moves, so the history
cannot say another thing than what is run.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

PENDING, RUNNING, COMPLETED = "pending", "running", "completed"
FAILED, CANCELLED = "failed", "cancelled"
Number = BigInteger().with_variant(Integer, "sqlite")  # a key that SQLite counts up by itself


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


metadata = MetaData()

versions = Table(
    "versions",
    metadata,
    Column("name", Plain, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),  # 1, 2, 3… a name
    Column("sha256", Plain, nullable=False),  # of the content
    Column("content", Plain, nullable=False),
    Column("created_at", Utc, nullable=False),
    UniqueConstraint("name", "sha256"),
)
moves = Table(
    "moves",
    metadata,
    Column("id", Number, primary_key=True),
    Column("name", Plain, nullable=False),
    Column("env", Plain, nullable=False),
    Column("from_version", Integer),
    Column("to_version", Integer, nullable=False),
    Column("action", Plain, nullable=False),
    Column("who", Plain, nullable=False),
    Column("why", Plain, nullable=False),
    Column("at", Utc, nullable=False),
    ForeignKeyConstraint(("name", "to_version"), ("versions.name", "versions.version")),
    Index("moves_of", "name", "env", "id"),
)
clients = Table(
    "clients",
    metadata,
    Column("name", Plain, primary_key=True),
    Column("token_sha256", Plain, nullable=False, unique=True),
    Column("created_at", Utc, nullable=False),
    Column("revoked_at", Utc),
)
executions = Table(
    "executions",
    metadata,
    Column("number", Number, primary_key=True),  # their order; ``id`` is what others are told
    Column("id", Plain, nullable=False, unique=True),
    Column("name", Plain, nullable=False),
    Column("env", Plain, nullable=False),
    Column("version", Integer, nullable=False),
    Column("client", Plain, nullable=False),
    Column("key", Plain),
    Column("input", Plain, nullable=False),
    Column("state", Plain, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("started_at", Utc),
    Column("finished_at", Utc),
    Column("worker", Plain),
    Column("lease_s", Double),
    Column("lease_until", Utc),
    Column("output", Plain),
    Column("cause", Plain),
    Column("step", Plain),
    Column("message", Plain),
    Column("raw", Plain),
    ForeignKeyConstraint(("name", "version"), ("versions.name", "versions.version")),
    UniqueConstraint("client", "key"),
    Index("executions_of_state", "state", "number"),
    Index("executions_of_client", "client", "number"),
    Index("executions_of_day", "created_at"),
)
outputs = Table(
    "outputs",
    metadata,
    Column("execution", Number, ForeignKey("executions.number"), primary_key=True),
    Column("step", Plain, primary_key=True),
    Column("output", Plain, nullable=False),
    Column("raw", Plain, nullable=False),
)
calls = Table(
    "calls",
    metadata,
    Column("id", Number, primary_key=True),
    Column("execution", Number, ForeignKey("executions.number"), nullable=False),
    Column("step", Plain, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("alias", Plain, nullable=False),
    Column("model", Plain, nullable=False),
    Column("provider", Plain, nullable=False),
    Column("prompt_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("cost_usd", Money),
    Column("cost_source", Plain),
    Column("latency_s", Double, nullable=False),
    Column("outcome", Plain, nullable=False),
    Column("started_at", Utc, nullable=False),
    Index("calls_of_execution", "execution"),
    Index("calls_of_day", "started_at"),
)
