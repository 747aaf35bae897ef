"""The first form. Versions and moves cannot be changed or taken out, by whoever asks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from Modules.prompts.store.tables import Money, Number, Utc

revision, down_revision = "0001", None


def upgrade() -> None:
    def text(name: str, *, null: bool = False) -> sa.Column[str]:
        return sa.Column(name, sa.Text(), nullable=null)

    def whole(name: str, *, null: bool = False) -> sa.Column[int]:
        return sa.Column(name, sa.Integer(), nullable=null)

    def moment(name: str, *, null: bool = False) -> sa.Column[object]:
        return sa.Column(name, Utc(), nullable=null)

    op.create_table(
        "versions",
        *(text("name"), whole("version"), text("sha256"), text("content"), moment("created_at")),
        sa.PrimaryKeyConstraint("name", "version"),
        sa.UniqueConstraint("name", "sha256"),
    )
    op.create_table(
        "moves",
        sa.Column("id", Number, primary_key=True),
        *(text("name"), text("env"), whole("from_version", null=True), whole("to_version")),
        *(text("action"), text("who"), text("why"), moment("at")),
        sa.ForeignKeyConstraint(("name", "to_version"), ("versions.name", "versions.version")),
    )
    op.create_index("moves_of", "moves", ["name", "env", "id"])
    op.create_table(
        "clients",
        sa.Column("name", sa.Text(), primary_key=True),
        *(text("token_sha256"), moment("created_at"), moment("revoked_at", null=True)),
        sa.UniqueConstraint("token_sha256"),
    )
    op.create_table(
        "executions",
        sa.Column("number", Number, primary_key=True),
        *(text("id"), text("name"), text("env"), whole("version"), text("client")),
        *(text("key", null=True), text("input"), text("state"), whole("attempt")),
        *(moment("created_at"), moment("started_at", null=True), moment("finished_at", null=True)),
        *(text("worker", null=True), sa.Column("lease_s", sa.Double())),
        *(moment("lease_until", null=True), text("output", null=True), text("cause", null=True)),
        *(text("step", null=True), text("message", null=True), text("raw", null=True)),
        sa.ForeignKeyConstraint(("name", "version"), ("versions.name", "versions.version")),
        sa.UniqueConstraint("id"),
        sa.UniqueConstraint("client", "key"),
    )
    op.create_index("executions_of_state", "executions", ["state", "number"])
    op.create_index("executions_of_client", "executions", ["client", "number"])
    op.create_index("executions_of_day", "executions", ["created_at"])
    op.create_table(
        "outputs",
        sa.Column("execution", Number, sa.ForeignKey("executions.number"), nullable=False),
        *(text("step"), text("output"), text("raw")),
        sa.PrimaryKeyConstraint("execution", "step"),
    )
    op.create_table(
        "calls",
        sa.Column("id", Number, primary_key=True),
        sa.Column("execution", Number, sa.ForeignKey("executions.number"), nullable=False),
        *(text("step"), whole("attempt"), text("alias"), text("model"), text("provider")),
        *(whole("prompt_tokens", null=True), whole("completion_tokens", null=True)),
        *(sa.Column("cost_usd", Money()), text("cost_source", null=True)),
        *(sa.Column("latency_s", sa.Double(), nullable=False), text("outcome")),
        moment("started_at"),
    )
    op.create_index("calls_of_execution", "calls", ["execution"])
    op.create_index("calls_of_day", "calls", ["started_at"])
    for table in ("versions", "moves"):
        _append_only(table)


def _append_only(table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        for what in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_{what.lower()} BEFORE {what} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table}: append-only'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_kept() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table}: append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_kept()"
    )
