"""Executions: accepted once, claimed by one worker at a time, ended once.

A claim holds until ``lease_until``; whoever comes after that may take the execution, as one attempt
more. Only who holds the claim ends it, and what has ended stays as it is. Outputs of steps outlive
the worker: the first one that is kept is the one that counts.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select, update

from Modules.prompts.calls.asking import JSON, MISSING, CallRecord, Missing
from Modules.prompts.files.bundle import Bundle
from Modules.prompts.store.tables import (
    CANCELLED,
    COMPLETED,
    FAILED,
    PENDING,
    RUNNING,
    calls,
    executions,
    outputs,
)
from Modules.prompts.store.versions import Versions, _current, _kept
from Modules.words.errors import PromptFailed, PromptInvalid

MOST_ATTEMPTS: Final = 5  # one that kills its worker so often kills the next one too
WORKER_LOST: Final = "worker_lost"
_HERE_S: Final = 86_400.0  # no run of a process lasts so long
_PAST_ALL: Final = 1 << 63  # no number of an execution comes so far


class KeyConflict(PromptInvalid):
    """An idempotency key that was given with another request before."""


class ExecutionFinished(PromptInvalid):
    """It has ended, and what has ended stays so."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an execution failed; ``raw`` is what the model wrote last."""

    cause: str
    step: str | None
    message: str
    raw: str | None


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution as it was when it was read; its version is the one it was accepted with."""

    number: int
    id: str
    name: str
    env: str
    version: int
    client: str
    key: str | None
    input: JSON
    state: str
    attempt: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    output: JSON
    failure: Failure | None
    bundle: Bundle = field(repr=False)


@dataclass(slots=True)
class Here:
    """An execution that this process does; ``output`` is what it is to end with."""

    execution: Execution
    journal: StoreJournal
    output: JSON = None


class Executions(Versions):
    def accept(
        self, name: str, env: str, given: JSON, *, client: str, key: str | None, now: datetime
    ) -> tuple[Execution, bool]:
        """Take an execution in, with the version that runs now; whether it is a new one.

        Raises:
            KeyConflict: the client gave this key with another request before.
            PromptInvalid: nothing is deployed there under this name.
        """
        asked = {"name": name, "env": env, "input": _text(given)}
        with self.writing() as connection:
            if (version := _current(connection, name, env)) is None:
                raise PromptInvalid(f"no hay un {name} desplegado en {env}")
            fresh = {"id": uuid4().hex, "version": version, "client": client, "key": key}
            fresh |= {"state": PENDING, "attempt": 0, "created_at": now}
            add = self.insert(executions).values(**asked, **fresh).on_conflict_do_nothing()
            created = connection.scalar(add.returning(executions.c.id)) is not None
            which = executions.c.id == fresh["id"]
            if not created:  # it waited for whoever gave the same key, and finds what that one did
                which = and_(executions.c.client == client, executions.c.key == key)
            row = connection.execute(select(executions).where(which)).one()
        if (row.name, row.env, row.input) != tuple(asked.values()):
            raise KeyConflict(f"la clave {key} ya se usó con otro pedido")
        return self._execution(row), created

    @contextmanager
    def here(self, bundle: Bundle, env: str, given: JSON, *, client: str) -> Iterator[Here]:
        """An execution that this process does itself: nobody else may, and no pointer moves.

        It ends with the block: with the output, with the PromptFailed that leaves it, or cancelled.
        One whose process is killed is, a day later, one that lost its worker. ``client`` is a name
        that no client of the API can have.
        """
        now = datetime.now(UTC)
        row: dict[str, Any] = {"id": uuid4().hex, "name": bundle.name, "env": env}
        row |= {"input": _text(given), "client": client, "worker": client}
        row |= {"state": RUNNING, "attempt": MOST_ATTEMPTS}
        row |= {"created_at": now, "started_at": now, "lease_s": _HERE_S}
        with self.writing(bundle.name) as connection:
            row["version"], _ = _kept(connection, bundle, now)
            until = now + timedelta(seconds=_HERE_S)
            add = executions.insert().values(**row, lease_until=until).returning(*executions.c)
            begun = connection.execute(add).one()
        one = self._execution(begun)
        here, held = Here(one, self.journal(one)), (one.id, client, one.attempt)
        try:
            yield here
        except PromptFailed as err:
            self.finish(*held, now=datetime.now(UTC), failure=err)
            raise
        except BaseException:
            self.cancel(one.id, client, datetime.now(UTC))
            raise
        self.finish(*held, now=datetime.now(UTC), output=here.output)

    def execution(self, execution_id: str, client: str | None = None) -> Execution | None:
        """An execution by its id; with a client, if it is that one's."""
        asked = select(executions).where(executions.c.id == execution_id)
        if client is not None:
            asked = asked.where(executions.c.client == client)
        with self.reading() as connection:
            row = connection.execute(asked).one_or_none()
        return None if row is None else self._execution(row)

    def executions(
        self, client: str, *, cursor: str | None, limit: int, state: str | None
    ) -> tuple[list[Execution], str | None]:
        """A page of a client's, newest first, and the cursor of the next one.

        Raises:
            ValueError: the cursor is none of ours.
        """
        of = executions.c
        asked = select(executions).where(of.client == client).order_by(of.number.desc())
        if cursor is not None:
            before = int(urlsafe_b64decode(cursor.encode("ascii")))
            if before >= _PAST_ALL:
                raise ValueError("no cursor of ours")
            asked = asked.where(of.number < before)
        if state is not None:
            asked = asked.where(of.state == state)
        with self.reading() as connection:
            rows = connection.execute(asked.limit(limit + 1)).all()
        page = [self._execution(row) for row in rows[:limit]]
        more = len(rows) > limit and urlsafe_b64encode(str(page[-1].number).encode()).decode()
        return page, more or None

    def claim(
        self, worker: str, *, now: datetime, most: int, lease_s: float, only: str | None = None
    ) -> list[Execution]:
        """Take the oldest that nobody has, ``most`` at most, for ``lease_s`` seconds.

        One whose worker was lost ``MOST_ATTEMPTS`` times fails. ``only``: that one, by its id.
        """
        of, left = executions.c, _left(now)
        lost = select(of.number).where(left, of.state == RUNNING, of.attempt >= MOST_ATTEMPTS)
        free = select(of.number).where(left).order_by(of.number).limit(most)
        free = free if only is None else free.where(of.id == only)
        said = f"se perdió quien la corría, o {MOST_ATTEMPTS} veces; ver el registro del worker"
        ended = {"state": FAILED, "cause": WORKER_LOST, "message": said, "finished_at": now}
        taken = {
            **{"state": RUNNING, "worker": worker, "lease_s": lease_s},
            **{"lease_until": now + timedelta(seconds=lease_s)},
            **{"attempt": of.attempt + 1, "started_at": func.coalesce(of.started_at, now)},
        }
        with self.writing() as connection:
            _update(connection, lost, ended)
            rows = _update(connection, free, taken)
        return [self._execution(row) for row in sorted(rows, key=lambda row: row.number)]

    def beat(self, worker: str, ids: Sequence[str], now: datetime) -> set[str]:
        """Renew a worker's claims; those that are its no more: cancelled, or taken by another."""
        of = executions.c
        mine = (of.id.in_(ids), of.worker == worker, of.state == RUNNING)
        kept: set[str] = set()
        with self.writing() as connection:
            for lease_s in connection.scalars(select(of.lease_s).where(*mine).distinct()).all():
                until = now + timedelta(seconds=lease_s)
                alive = update(executions).where(*mine, of.lease_s == lease_s)
                kept |= set(connection.scalars(alive.values(lease_until=until).returning(of.id)))
        return set(ids) - kept

    def finish(
        self,
        execution_id: str,
        worker: str,
        attempt: int,
        *,
        now: datetime,
        output: JSON = None,
        failure: PromptFailed | None = None,
    ) -> bool:
        """End an execution, with its output or its failure, if the worker still holds it."""
        of = executions.c
        held = (of.id == execution_id, of.worker == worker, of.attempt == attempt)
        ended: dict[str, Any] = {"finished_at": now}
        if failure is None:
            ended |= {"state": COMPLETED, "output": _text(output)}
        else:
            ended |= {"state": FAILED, "cause": failure.cause, "message": str(failure)}
            ended |= {"step": failure.step or None, "raw": failure.raw or None}
        change = update(executions).where(*held, of.state == RUNNING).values(ended)
        with self.writing() as connection:
            return connection.execute(change).rowcount == 1

    def cancel(self, execution_id: str, client: str, now: datetime) -> Execution:
        """End an execution that has not ended; one that is cancelled is left alone.

        Raises:
            ExecutionFinished: it came to another end.
            PromptInvalid: the client has none with this id.
        """
        of = executions.c
        mine = and_(of.id == execution_id, of.client == client, of.state.in_((PENDING, RUNNING)))
        change = update(executions).where(mine).values(state=CANCELLED, finished_at=now)
        with self.writing() as connection:
            connection.execute(change)
        if (found := self.execution(execution_id, client)) is None:
            raise PromptInvalid(f"no hay una ejecución {execution_id}")
        if found.state != CANCELLED:
            raise ExecutionFinished(f"la ejecución {execution_id} ya terminó: {found.state}")
        return found

    def waiting(self, now: datetime) -> int:
        """How many nobody does: pending, or of a worker whose claim has run out."""
        with self.reading() as connection:
            return connection.scalar(select(func.count()).where(_left(now))) or 0

    def states(self, since: datetime) -> Mapping[tuple[str, str], int]:
        """How many were accepted since a moment, by name and state."""
        pair = (executions.c.name, executions.c.state)
        asked = select(*pair, func.count()).where(executions.c.created_at >= since).group_by(*pair)
        with self.reading() as connection:
            return {(name, state): many for name, state, many in connection.execute(asked)}

    def journal(self, execution: Execution) -> StoreJournal:
        """Where the engine keeps what an execution has."""
        return StoreJournal(self, execution.number)

    def _execution(self, row: Row[Any]) -> Execution:
        failed = row.state == FAILED
        return Execution(
            *(row.number, row.id, row.name, row.env, row.version, row.client, row.key),
            *(json.loads(row.input), row.state, row.attempt),
            *(row.created_at, row.started_at, row.finished_at),
            None if row.output is None else json.loads(row.output),
            Failure(row.cause, row.step, row.message, row.raw) if failed else None,
            self.version(row.name, row.version),
        )


@dataclass(frozen=True, slots=True)
class StoreJournal:
    """The engine's journal of one execution; a month is that of the calendar, in UTC."""

    store: Executions
    number: int

    def output(self, step: str) -> JSON | Missing:
        with self.store.reading() as connection:
            return self._kept(connection, step)

    def keep(self, step: str, output: JSON, raw: str) -> JSON:
        row = {"execution": self.number, "step": step, "output": _text(output), "raw": raw}
        with self.store.writing() as connection:
            add = self.store.insert(outputs).values(**row)
            connection.execute(add.on_conflict_do_nothing())
            return self._kept(connection, step)

    def record(self, call: CallRecord) -> None:
        row = {name: getattr(call, name) for name in call.__slots__} | {"execution": self.number}
        same = [calls.c[name] == row[name] for name in ("execution", "step", "started_at")]
        with self.store.writing() as connection:
            if connection.scalar(select(calls.c.step).where(*same)) is None:  # told once more
                connection.execute(calls.insert().values(**row))

    def spent_run(self) -> Decimal:
        return self._spent(calls.c.execution == self.number)

    def spent_month(self) -> Decimal:
        return self._spent(_this_month())

    def unknown_costs(self, month: bool) -> int:
        which = _this_month() if month else calls.c.execution == self.number
        asked = select(func.count()).where(which, unpriced())
        with self.store.reading() as connection:
            return connection.scalar(asked) or 0

    def _spent(self, which: ColumnElement[bool]) -> Decimal:
        asked = select(calls.c.cost_usd).where(which, calls.c.cost_usd.is_not(None))
        with self.store.reading() as connection:
            return sum(connection.scalars(asked), Decimal(0))

    def _kept(self, connection: Connection, step: str) -> JSON | Missing:
        of_step = (outputs.c.execution == self.number, outputs.c.step == step)
        found = connection.scalar(select(outputs.c.output).where(*of_step))
        return MISSING if found is None else json.loads(found)


def unpriced() -> ColumnElement[bool]:
    """``CallRecord.unpriced`` in the words of the database."""
    of = calls.c
    answered = or_(of.outcome.in_(("ok", "schema", "truncated")), of.prompt_tokens.is_not(None))
    return and_(of.cost_usd.is_(None), answered)


def _this_month() -> ColumnElement[bool]:
    first = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return calls.c.started_at >= first


def _left(now: datetime) -> ColumnElement[bool]:
    of = executions.c
    return or_(of.state == PENDING, and_(of.state == RUNNING, of.lease_until <= now))


def _update(connection: Connection, which: Any, values: Mapping[str, Any]) -> Sequence[Row[Any]]:
    """Change rows that nobody else is changing now, and return them."""
    found = connection.scalars(which.with_for_update(skip_locked=True)).all()
    change = update(executions).where(executions.c.number.in_(found)).values(values)
    return connection.execute(change.returning(*executions.c)).all() if found else ()


def _text(value: JSON) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False)
