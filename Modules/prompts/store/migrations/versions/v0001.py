"""The first form. Versions and moves cannot be changed or taken out, by whoever asks."""

from __future__ import annotations

from alembic import op

revision, down_revision = "0001", None
_KINDS = {
    "sqlite": {"KEY": "INTEGER PRIMARY KEY", "MOMENT": "DATETIME", "MONEY": "TEXT"},
    "postgresql": {
        **{"KEY": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"},
        **{"MOMENT": "TIMESTAMPTZ", "MONEY": "NUMERIC"},
    },
}
_TABLES = (
    """CREATE TABLE versions (
    name TEXT NOT NULL, version INTEGER NOT NULL, sha256 TEXT NOT NULL, content TEXT NOT NULL,
    created_at {MOMENT} NOT NULL, PRIMARY KEY (name, version), UNIQUE (name, sha256))""",
    """CREATE TABLE moves (
    id {KEY}, name TEXT NOT NULL, env TEXT NOT NULL, from_version INTEGER,
    to_version INTEGER NOT NULL, action TEXT NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL,
    at {MOMENT} NOT NULL, FOREIGN KEY (name, to_version) REFERENCES versions (name, version))""",
    "CREATE INDEX moves_of ON moves (name, env, id)",
    """CREATE TABLE clients (
    name TEXT NOT NULL PRIMARY KEY, token_sha256 TEXT NOT NULL UNIQUE,
    created_at {MOMENT} NOT NULL, revoked_at {MOMENT})""",
    """CREATE TABLE executions (
    number {KEY}, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, env TEXT NOT NULL,
    version INTEGER NOT NULL, client TEXT NOT NULL, key TEXT, input TEXT NOT NULL,
    state TEXT NOT NULL, attempt INTEGER NOT NULL, created_at {MOMENT} NOT NULL,
    started_at {MOMENT}, finished_at {MOMENT}, worker TEXT, lease_s DOUBLE PRECISION,
    lease_until {MOMENT}, output TEXT, cause TEXT, step TEXT, message TEXT, raw TEXT,
    UNIQUE (client, key), FOREIGN KEY (name, version) REFERENCES versions (name, version))""",
    "CREATE INDEX executions_of_state ON executions (state, number)",
    "CREATE INDEX executions_of_client ON executions (client, number)",
    "CREATE INDEX executions_of_day ON executions (created_at)",
    """CREATE TABLE outputs (
    execution BIGINT NOT NULL REFERENCES executions (number), step TEXT NOT NULL,
    output TEXT NOT NULL, raw TEXT NOT NULL, PRIMARY KEY (execution, step))""",
    """CREATE TABLE calls (
    id {KEY}, execution BIGINT NOT NULL REFERENCES executions (number), step TEXT NOT NULL,
    attempt INTEGER NOT NULL, alias TEXT NOT NULL, model TEXT NOT NULL, provider TEXT NOT NULL,
    prompt_tokens INTEGER, completion_tokens INTEGER, cost_usd {MONEY}, cost_source TEXT,
    latency_s DOUBLE PRECISION NOT NULL, outcome TEXT NOT NULL, started_at {MOMENT} NOT NULL)""",
    "CREATE INDEX calls_of_execution ON calls (execution)",
    "CREATE INDEX calls_of_day ON calls (started_at)",
)
_KEPT = {
    "sqlite": (
        "CREATE TRIGGER {0}_update BEFORE UPDATE ON {0} BEGIN SELECT RAISE(ABORT, '{0}'); END",
        "CREATE TRIGGER {0}_delete BEFORE DELETE ON {0} BEGIN SELECT RAISE(ABORT, '{0}'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION {0}_kept() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '{0}'; END $$",
        "CREATE TRIGGER {0}_kept BEFORE UPDATE OR DELETE ON {0} "
        "FOR EACH ROW EXECUTE FUNCTION {0}_kept()",
    ),
}


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    for one in _TABLES:
        op.execute(one.format(**_KINDS[dialect]))
    for table in ("versions", "moves"):
        for one in _KEPT[dialect]:
            op.execute(one.format(table))
