"""Versions, executions, costs and clients: the same on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import os
import random
import sqlite3
import tempfile
from base64 import urlsafe_b64encode
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.exc import SQLAlchemyError

from Modules.prompts.calls.asking import MISSING
from Modules.prompts.store import (
    Execution,
    ExecutionFinished,
    KeyConflict,
    PromptStore,
    open_store,
    tables,
)
from Modules.prompts.store.database import HEAD, MIGRATIONS, VERSION_TABLE
from Modules.settings import load_settings
from Modules.words.errors import (
    DataError,
    PipelineError,
    PromptFailed,
    PromptInvalid,
    PublishError,
    SettingsError,
    StoreUnavailable,
)
from tests.prompts.conftest import Server, server
from tests.prompts.forked import at_once
from tests.prompts.made_up import NOW, bundle, call, later

MOVES = (
    *(("Contar", "dev"), ("Contar", "dev"), ("Sumar", "dev")),
    *(("Contar", "prod"), ("Contar", "dev")),
)
NO_FLOAT = Decimal("1.00000000000000000001")  # which no float holds
TABLES = [one for one in vars(tables).values() if isinstance(one, tables.Table)]


def deploy(store: PromptStore, prompt: str = "Contar", env: str = "prod", **told: Any) -> Any:
    told = {"who": "ana", "why": "porque sí", "now": NOW, **told}
    return store.deploy(bundle(prompt), env, **told)


def accept(store: PromptStore, key: str | None = None, given: Any = None, **told: Any) -> Execution:
    told = {"client": "c", "key": key, "now": NOW, **told}
    return store.accept("contar", "prod", {} if given is None else given, **told)[0]


def claim(store: PromptStore, worker: str = "w", at_s: float = 0, **told: Any) -> list[Execution]:
    return store.claim(worker, now=later(at_s), **{"most": 1000, "lease_s": 10.0, **told})


def found(store: PromptStore, one: Execution) -> Execution:
    now = store.execution(one.id, "c")
    assert now is not None
    return now


# --- the database itself


def test_the_migrations_make_what_is_asked(store: PromptStore) -> None:
    there = inspect(store._engine)
    assert {one.name for one in TABLES} | {VERSION_TABLE} == set(there.get_table_names())
    for one in TABLES:
        made = {column["name"] for column in there.get_columns(one.name)}
        assert made - {"id"} == {column.name for column in one.columns} - {"id"}
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == HEAD


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_ten_processes_make_one_database(kind: str, tmp_path: Path, postgres: Server) -> None:
    new = {"sqlite": f"sqlite:///{tmp_path}/a/prompts.sqlite3"}
    url = new.get(kind) or postgres.empty()
    assert at_once(10, lambda _: len(PromptStore(url).history())) == [0] * 10
    assert deploy(PromptStore(url)).version == 1


def test_a_database_of_a_newer_lindero_is_refused(store: PromptStore, store_url: str) -> None:
    with store.writing() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0099'"))
    with pytest.raises(SettingsError, match=r"Lindero más nuevo \(forma 0099.*actualizar") as err:
        PromptStore(store_url)
    assert err.value.exit_code == 2


def test_what_is_no_database_is_named(made: Path, tmp_path: Path) -> None:
    path = tmp_path / "prompts.sqlite3"
    path.write_bytes(b"esto no es una base" * 500)
    with pytest.raises(DataError, match=rf"{path} está dañada"):
        PromptStore(f"sqlite:///{path}")
    whole = made.read_bytes()
    path.write_bytes(whole[:4096] + bytes(random.Random(15).randbytes(len(whole) - 4096)))
    with pytest.raises(DataError, match=rf"{path} está dañada"):
        PromptStore(f"sqlite:///{path}").history()
    path.unlink()
    sqlite3.connect(path).execute("CREATE TABLE versions (otra TEXT)").connection.close()
    with pytest.raises(DataError, match="no es una base de prompts"):
        PromptStore(f"sqlite:///{path}")


def test_a_state_folder_that_cannot_be_written_is_named(made: Path, tmp_path: Path) -> None:
    (tmp_path / "archivo").touch()
    with pytest.raises(PublishError, match="archivo"):
        PromptStore(f"sqlite:///{tmp_path / 'archivo' / 'prompts.sqlite3'}")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="becomes another user: root only")
def test_a_folder_of_another_is_named(made: Path) -> None:
    import filelock  # noqa: F401

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "prompts.sqlite3").write_bytes(made.read_bytes())

        def work(number: int) -> str:
            os.setuid(65534)
            file = ("nueva.sqlite3", "prompts.sqlite3")[number]
            try:
                deploy(PromptStore(f"sqlite:///{folder / file}"))
            except PipelineError as err:
                return f"{type(err).__name__} {err}"
            return "done"

        for said, file in zip(at_once(2, work), ("nueva", "prompts"), strict=True):
            assert said.startswith(f"PublishError la base de prompts {folder}/{file}.sqlite3: no")


@pytest.mark.parametrize(
    "url", ["", "mysql://a:canario@h/b", "postgresql://u:canario@h:p/b", "sqlite://", "canario"]
)
def test_an_address_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match="LINDERO_PROMPTS_DATABASE_URL") as err:
        PromptStore(url)
    assert "canario" not in str(err.value)


def test_a_database_that_is_away_is_named_and_comes_back() -> None:
    with server() as own:
        url = own.database()
        store = PromptStore(url)
        deploy(store)
        one = accept(store)
        own.kill()
        for ask in (store.history, lambda: PromptStore(url)):
            with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1 no contesta") as err:
                ask()
            assert "clave" not in str(err.value)
            assert err.value.exit_code == 4
        own.start()
        assert found(store, one) == one  # the same store goes on
        assert [move.to for move in store.history()] == [1]


def test_the_settings_say_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINDERO_STATE_DIR", str(tmp_path / "con % y ñ"))
    assert open_store(load_settings()).where == str(tmp_path / "con % y ñ" / "prompts.sqlite3")
    assert (tmp_path / "con % y ñ" / "prompts.sqlite3").is_file()


# --- versions


def test_equal_content_is_one_version_and_every_move_is_told(store: PromptStore) -> None:
    made = [deploy(store, one, env, now=later(n)) for n, (one, env) in enumerate(MOVES)]
    assert [(one.version, one.new, one.moved) for one in made] == [
        *((1, True, True), (1, False, False), (2, True, True), (1, False, True), (1, False, True))
    ]
    back = store.rollback("contar", "dev", 2, who="beto", why="anda mal", now=later(9))
    assert (back.version, back.new, back.moved) == (2, False, True)
    assert not store.rollback("contar", "dev", 2, who="beto", why="", now=later(10)).moved
    told = [(one.env, one.from_, one.to, one.action, one.who, one.why) for one in store.history()]
    assert told == [
        ("dev", None, 1, "deploy", "ana", "porque sí"),
        ("dev", 1, 2, "deploy", "ana", "porque sí"),
        ("prod", None, 1, "deploy", "ana", "porque sí"),
        ("dev", 2, 1, "deploy", "ana", "porque sí"),
        ("dev", 1, 2, "rollback", "beto", "anda mal"),
    ]
    assert [one.at for one in store.history(env="dev")] == [later(n) for n in (0, 2, 4, 9)]
    assert store.history("otro") == []
    current = store.current("contar", "dev")
    assert current is not None
    assert (current.version, current.bundle) == (2, bundle("Sumar"))
    assert store.current("contar", "otro") is None
    assert store.names("prod") == ["contar"]


def test_a_rollback_goes_back_only_to_what_ran_there(store: PromptStore) -> None:
    deploy(store)
    deploy(store, "Sumar", "dev")
    for to in (2, 3, 0):
        with pytest.raises(PromptInvalid, match=rf"la versión {to} .*prod; corrieron: 1"):
            store.rollback("contar", "prod", to, who="", why="", now=NOW)
    with pytest.raises(PromptInvalid, match="corrieron: ninguna"):
        store.rollback("nadie", "prod", 1, who="", why="", now=NOW)
    assert len(store.history()) == 2


def test_nobody_edits_what_was(store: PromptStore) -> None:
    deploy(store)
    for table in ("moves", "versions"):
        for change in (f"UPDATE {table} SET name = 'x'", f"DELETE FROM {table}"):
            with pytest.raises((SQLAlchemyError, PipelineError)), store.writing() as connection:
                connection.execute(text(change))
    assert [(one.name, one.to) for one in store.history()] == [("contar", 1)]


def test_ten_deploy_the_same_at_once_and_one_version_is_made(store_url: str) -> None:
    made = at_once(10, lambda _: deploy(PromptStore(store_url)).version)
    assert made == [1] * 10
    assert len(PromptStore(store_url).history()) == 1


def test_ten_deploy_ten_contents_at_once_and_no_move_is_lost(store_url: str) -> None:
    made = at_once(10, lambda number: deploy(PromptStore(store_url), f"Contar {number}").version)
    assert sorted(made) == list(range(1, 11))
    moves = PromptStore(store_url).history()
    assert [one.from_ for one in moves] == [None, *(one.to for one in moves)][:10]


def test_a_version_that_was_changed_outside_is_named(made: Path, tmp_path: Path) -> None:
    path = tmp_path / "prompts.sqlite3"
    path.write_bytes(made.read_bytes())
    deploy(PromptStore(f"sqlite:///{path}"))
    with sqlite3.connect(path) as raw:
        raw.execute("DROP TRIGGER versions_update")
        raw.execute("UPDATE versions SET content = replace(content, 'Contar', 'Borrar')")
    raw.close()
    with pytest.raises(DataError, match="la versión 1 de contar"):
        PromptStore(f"sqlite:///{path}").current("contar", "prod")


# --- executions


def test_a_key_is_one_execution(store: PromptStore) -> None:
    deploy(store)
    one, created = store.accept("contar", "prod", {"a": 1, "b": 2}, client="c", key="k", now=NOW)
    assert created
    again, created = store.accept("contar", "prod", {"b": 2, "a": 1}, client="c", key="k", now=NOW)
    assert (again, created) == (one, False)
    assert accept(store, "k", {"a": 1, "b": 2}, client="otro").id != one.id
    assert len({accept(store).id for _ in range(3)}) == 3
    with pytest.raises(KeyConflict):
        accept(store, "k", {"a": 2})
    deploy(store, env="dev")
    with pytest.raises(KeyConflict):
        store.accept("contar", "dev", {"a": 1, "b": 2}, client="c", key="k", now=NOW)
    with pytest.raises(PromptInvalid, match="no hay un nadie desplegado en prod"):
        store.accept("nadie", "prod", {}, client="c", key=None, now=NOW)


def test_ten_with_one_key_at_once_are_one_execution(store: PromptStore, store_url: str) -> None:
    deploy(store)
    ids = at_once(10, lambda _: accept(PromptStore(store_url), "k").id)
    assert len(set(ids)) == 1
    assert store.waiting(NOW) == 1


def test_an_execution_keeps_the_version_that_it_was_accepted_with(store: PromptStore) -> None:
    deploy(store)
    before = accept(store)
    deploy(store, "Sumar")
    after = accept(store)
    assert [(one.version, one.bundle) for one in claim(store)] == [
        *((1, bundle("Contar")), (2, bundle("Sumar")))
    ]
    assert (before.version, after.version) == (1, 2)


def test_ten_claimers_share_two_hundred_and_none_is_claimed_twice(
    store: PromptStore, store_url: str
) -> None:
    deploy(store)
    ids = {accept(store).id for _ in range(200)}

    def work(number: int) -> list[str]:
        own, mine = PromptStore(store_url), list[str]()
        while got := claim(own, f"w{number}", most=7):
            mine += [one.id for one in got]
        return mine

    claimed = Counter(one for mine in at_once(10, work) for one in mine)
    assert set(claimed) == ids
    assert set(claimed.values()) == {1}


def test_a_claim_holds_until_it_runs_out_and_a_late_finisher_is_refused(store: PromptStore) -> None:
    deploy(store)
    accept(store)
    (first,) = claim(store, "uno")
    assert (first.state, first.attempt, first.started_at) == ("running", 1, NOW)
    assert store.waiting(later(9)) == 0
    assert claim(store, "otro", 9) == []
    assert store.beat("uno", [first.id, "nada"], later(9)) == {"nada"}
    assert claim(store, "otro", 18) == []
    assert store.waiting(later(19)) == 1
    (second,) = claim(store, "otro", 19)
    assert (second.id, second.attempt, second.started_at) == (first.id, 2, NOW)
    assert store.beat("uno", [first.id], later(20)) == {first.id}
    assert not store.finish(first.id, "uno", 1, output={"n": "tarde"}, now=later(20))
    assert not store.finish(first.id, "otro", 1, output={"n": "tarde"}, now=later(20))
    assert store.finish(first.id, "otro", 2, output={"n": None}, now=later(21))
    assert not store.finish(first.id, "otro", 2, output={"n": "otra vez"}, now=later(22))
    done = found(store, first)
    assert (done.state, done.output, done.finished_at) == ("completed", {"n": None}, later(21))
    assert claim(store, at_s=99) == []


def test_the_oldest_are_claimed_first(store: PromptStore) -> None:
    deploy(store)
    ids = [accept(store).id for _ in range(5)]
    assert [one.id for one in claim(store, most=2)] == ids[:2]
    assert [one.id for one in claim(store, most=9)] == ids[2:]


def test_one_that_loses_its_worker_five_times_fails(store: PromptStore) -> None:
    deploy(store)
    one = accept(store)
    for attempt in range(1, 6):
        assert [got.attempt for got in claim(store, at_s=attempt * 11)] == [attempt]
    assert claim(store, at_s=99) == []
    failed = found(store, one)
    assert failed.failure is not None
    assert (failed.state, failed.failure.cause, failed.attempt) == ("failed", "worker_lost", 5)


def test_a_failure_is_kept_as_it_came_whatever_a_model_wrote(store: PromptStore) -> None:
    deploy(store)
    one = accept(store)
    claim(store)
    why = PromptFailed("no es JSON", "not_json", "unico", 'a\x00b "\ud800" ñ')
    assert store.finish(one.id, "w", 1, failure=why, now=NOW)
    failure = found(store, one).failure
    assert failure is not None
    assert (failure.cause, failure.step, failure.message) == ("not_json", "unico", "no es JSON")
    assert failure.raw == 'a\\x00b "\\ud800" ñ'


def test_what_is_cancelled_stays_so(store: PromptStore) -> None:
    deploy(store)
    waits, runs, done = (accept(store) for _ in range(3))
    assert store.cancel(waits.id, "c", NOW).state == "cancelled"
    assert [one.id for one in claim(store)] == [runs.id, done.id]
    assert store.cancel(runs.id, "c", later(1)).finished_at == later(1)
    assert store.cancel(runs.id, "c", later(2)).finished_at == later(1)
    assert store.beat("w", [runs.id, done.id], later(3)) == {runs.id}
    assert not store.finish(runs.id, "w", 1, output=1, now=NOW)
    assert store.finish(done.id, "w", 1, output=1, now=NOW)
    with pytest.raises(ExecutionFinished):
        store.cancel(done.id, "c", NOW)
    for client, one in (("otro", waits.id), ("c", "nada")):
        with pytest.raises(PromptInvalid):
            store.cancel(one, client, NOW)
    assert store.states(NOW) == {("contar", "cancelled"): 2, ("contar", "completed"): 1}
    assert store.states(later(1)) == {}


def test_pages_hold_each_once_whatever_comes_meanwhile(store: PromptStore) -> None:
    deploy(store)
    ids = [accept(store).id for _ in range(7)]
    accept(store, client="otro")
    page, cursor = store.executions("c", cursor=None, limit=3, state=None)
    seen = [one.id for one in page]
    accept(store)
    while cursor is not None:
        page, cursor = store.executions("c", cursor=cursor, limit=2, state="pending")
        seen += [one.id for one in page]
    assert seen == ids[::-1]
    assert store.executions("c", cursor=None, limit=3, state="failed") == ([], None)
    for wrong in ("x", "Zm9v", "ñ", urlsafe_b64encode(b"9" * 30).decode()):
        with pytest.raises(ValueError, match=r"."):
            store.executions("c", cursor=wrong, limit=3, state=None)
    assert store.execution(ids[0], "otro") is None


def test_the_first_output_of_a_step_is_the_one_that_counts(
    store: PromptStore, store_url: str
) -> None:
    deploy(store)
    one, other = accept(store), accept(store)
    journal = store.journal(one)
    assert journal.output("unico") is MISSING
    kept = at_once(5, lambda n: PromptStore(store_url).journal(one).keep("unico", {"n": n}, "\x00"))
    assert len({str(value) for value in kept}) == 1
    assert journal.output("unico") == kept[0]
    assert journal.keep("dos", None, "") is None
    assert journal.output("dos") is None
    assert store.journal(other).output("unico") is MISSING


# --- costs


def test_costs_are_exact_over_thousands_of_calls(store: PromptStore) -> None:
    deploy(store)
    one, other = accept(store), accept(store)
    costs = [Decimal("0.1"), Decimal("0.0002"), Decimal("0.00000001")] * 1000
    rows = [call(cost_usd=cost) for cost in costs]
    with store.writing() as connection:
        values = [{name: getattr(row, name) for name in row.__slots__} for row in rows]
        connection.execute(tables.calls.insert().values(execution=one.number), values)
    store.journal(other).record(call(cost_usd=NO_FLOAT, model="otro"))
    (row,) = store.costs(NOW, by="flow")
    assert row.cost_usd == Decimal("100.20001") + NO_FLOAT  # 1000 × (0,1 + 0,0002 + 0,00000001)
    assert (row.executions, row.calls, row.prompt_tokens) == (2, 3001, 30010)
    assert store.journal(one).spent_run() == Decimal("100.20001")
    assert {row.key: row.cost_usd for row in store.costs(NOW, by="model")} == {
        **{"m": Decimal("100.20001"), "otro": NO_FLOAT}
    }


def test_what_nobody_knows_is_counted_and_is_not_zero(store: PromptStore) -> None:
    deploy(store)
    journal = store.journal(accept(store))
    none: dict[str, Any] = {"cost_usd": None, "cost_source": None}
    tokens: dict[str, Any] = {"prompt_tokens": None, "completion_tokens": None}
    now = datetime.now(UTC)
    before = now.replace(day=1) - timedelta(days=2)
    for told in (
        {},
        {**none},
        {**none, **tokens, "outcome": "rate_limited"},  # it cost nothing: nobody answered
        {**none, **tokens, "outcome": "truncated"},
        {"outcome": "schema"},
    ):
        journal.record(call(**{"started_at": now, **told}))
    other = store.journal(accept(store))
    other.record(call(started_at=now, cost_usd=Decimal(2)))
    other.record(call(started_at=before, cost_usd=Decimal(50)))
    assert (journal.unknown_costs(month=False), journal.unknown_costs(month=True)) == (2, 2)
    assert journal.spent_run() == Decimal("0.002")
    assert journal.spent_month() == Decimal("2.002")
    assert other.spent_run() == Decimal(52)
    assert (other.unknown_costs(month=False), other.unknown_costs(month=True)) == (0, 2)
    (row,) = store.costs(now - timedelta(seconds=1), by="flow")
    assert (row.calls, row.unknown_costs, row.cost_usd) == (6, 2, Decimal("2.002"))
    assert row.failures == {"rate_limited": 1, "truncated": 1, "schema": 1}


def test_a_call_that_is_told_again_is_one_call(store: PromptStore) -> None:
    """Whoever lost the database's answer tells it once more."""
    deploy(store)
    journal, one = store.journal(accept(store)), call()
    for told in (one, one, replace(one, step="otro"), call()):
        journal.record(told)
    assert journal.spent_run() == Decimal("0.003")


def test_costs_by_each_of_five(store: PromptStore) -> None:
    deploy(store)
    deploy(store, env="dev")
    one = accept(store)
    dev, _ = store.accept("contar", "dev", {}, client="otro", key=None, now=later(86400))
    accept(store, now=later(-1))  # of before, and asked nothing
    for n in range(1, 21):
        store.journal(one).record(call(latency_s=float(n)))
    store.journal(dev).record(call(started_at=later(86400), model="grande"))

    def told(by: Any) -> dict[str, tuple[int, int]]:
        return {row.key: (row.executions, row.calls) for row in store.costs(NOW, by=by)}

    assert told("flow") == {"contar": (2, 21)}
    assert told("env") == {"dev": (1, 1), "prod": (1, 20)}
    assert told("client") == {"c": (1, 20), "otro": (1, 1)}
    assert told("model") == {"grande": (1, 1), "m": (1, 20)}
    assert told("day") == {"2026-11-20": (1, 20), "2026-11-21": (1, 1)}
    row = store.costs(NOW, by="env")[1]
    assert (row.latency_p50_s, row.latency_p95_s) == (10.0, 19.0)
    assert store.costs(later(10**6), by="flow") == []
    deploy(store, "Otra")
    accept(store, now=later(10**6))
    (row,) = store.costs(later(10**6), by="flow")
    assert (row.executions, row.calls, row.latency_p50_s) == (1, 0, None)


# --- clients


def test_a_token_is_shown_once_and_only_its_hash_is_kept(store: PromptStore) -> None:
    token = store.clients.create("tablero", now=NOW)
    client = store.by_token(token)
    assert client is not None
    assert (client.name, client.created_at, client.revoked_at) == ("tablero", NOW, None)
    for wrong in ("", token[:-1], f"{token} ", "\udc80"):
        assert store.by_token(wrong) is None
    with pytest.raises(SettingsError, match="tablero ya tiene un token"):
        store.clients.create("tablero", now=NOW)
    with store.reading() as connection:
        assert token not in str(connection.execute(text("SELECT * FROM clients")).all())
    store.clients.revoke("tablero", now=later(1))
    assert store.by_token(token) is None
    with pytest.raises(SettingsError, match="no hay un cliente tablero"):
        store.clients.revoke("tablero", now=NOW)
    assert [(one.name, one.revoked_at) for one in store.clients.all()] == [("tablero", later(1))]
    again = store.clients.create("tablero", now=later(2))
    assert again != token
    assert store.by_token(token) is None
    assert store.by_token(again) is not None
    for wrong in ("", "@host", "a b", "x" * 65):
        with pytest.raises(SettingsError, match="no sirve de nombre"):
            store.clients.create(wrong, now=NOW)
