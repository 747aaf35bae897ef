"""Issues made equal to what is wanted: found, created, brought up to date, or left alone.

An issue says what it is for in its property ``lindero`` (``clave``, and a hash of each field as we
last wrote it) and carries two labels: that of its clave and that of the whole lot, ``grupo``. Only
fields that changed here are written, so what a person changed there stays. What a person closed is
not touched; nothing is deleted.

Jira's search lags behind its writes, and a run may be killed between a write and its answer. So a
journal has a line before each creation (``intento``) and one after it (``hecho``, ``rechazado``).
A clave whose intent has no second line is looked for until ``settle_s`` has passed since, and only
then created again. A clave that the journal has a key for is never created again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from Modules.disk.json_files import append_line, read_lines
from Modules.disk.safe_files import make_folder
from Modules.fieldwork.issues import Issue, label
from Modules.integrations.calls import FAILURES, locked_out
from Modules.integrations.jira import MOST_AT_ONCE, PROPERTY, Jira, NewIssue, quoted
from Modules.integrations.tasks import Run
from Modules.portal.answers import NotThere
from Modules.words.errors import (
    ApiContractChanged,
    ApiUnavailable,
    OutcomeUnknown,
    PipelineError,
    SettingsError,
)
from Modules.words.spanish import corrida, count

SETTLE_S: Final = 60.0
_LOOK_S: Final = 5.0  # between two looks for what may have been created
_LABELS: Final = 100  # of one search
_IN_A_ROW: Final = 3  # requests that Jira does not answer, before the rest is left
_FIELDS: Final = ("status", "labels")
_NOT_OURS: Final = ("labels", "project")  # people add labels; an issue keeps the project it is in
_UNTRIED: Final = "no se intentó, porque Jira dejó de contestar: queda para la próxima corrida"

SEARCH: Final = "jira.issues.search"
READ: Final = "jira.issue.get"
CREATE: Final = "jira.issue-bulk.create"
UPDATE: Final = "jira.issue.update"


@dataclass(frozen=True, slots=True)
class Tarea:
    """An issue as Jira has it."""

    key: str
    estado: str = ""  # the name of its status, as people there see it
    cerrada: bool = False  # whether that status is one of the end
    campos: Mapping[str, str] = field(default_factory=dict)  # hash of each field we wrote


@dataclass(slots=True)
class Synced:
    """What became of each clave: its key, or in ``failed`` what went wrong, in Spanish."""

    created: dict[str, str] = field(default_factory=dict)  # no key where it was only validated
    updated: dict[str, str] = field(default_factory=dict)
    unchanged: dict[str, str] = field(default_factory=dict)
    closed: dict[str, str] = field(default_factory=dict)  # by a person: left as they are
    gone: dict[str, str] = field(default_factory=dict)  # deleted by a person: not created again
    failed: dict[str, str] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()  # beyond ``most``: of the next run
    twins: dict[str, tuple[str, ...]] = field(default_factory=dict)  # copies a person made of it
    tareas: dict[str, Tarea] = field(default_factory=dict)  # all of the lot, also of no row now

    @property
    def keys(self) -> dict[str, str]:
        """Every clave that has an issue, and its key."""
        known = {clave: one.key for clave, one in self.tareas.items()}
        return known | {clave: key for clave, key in self.created.items() if key}

    @property
    def left(self) -> dict[str, str]:
        """Issues of the lot that nothing asks for any more."""
        asked = (self.created, self.updated, self.unchanged, self.closed, self.failed)
        known = {clave for part in asked for clave in part}
        return {clave: one.key for clave, one in self.tareas.items() if clave not in known}


async def sync(
    wanted: Sequence[Issue],
    *,
    grupo: str,
    jira: Jira,
    run: Run,
    journal: Path,
    solo_validar: bool,
    now: Callable[[], datetime],
    sleep: Callable[[float], Awaitable[None]],
    pause: Callable[[], float],
    most: int | None = None,
    batch: int = MOST_AT_ONCE,
    settle_s: float = SETTLE_S,
    told: Mapping[str, str] | None = None,
    alike: Callable[[str], str] = str,
) -> Synced:
    """Make Jira have one issue for each of ``wanted``; say what was done, or would be.

    ``pause``: seconds between two batches; ``most``: issues to be created at most; ``told``: keys
    that others say for a clave, believed where the issue itself says the same; ``alike``: what two
    claves of the same work have in common.

    Raises:
        SettingsError: ``most`` is less than none.
        ApiUnavailable, ApiAuth, ApiRejected, ApiContractChanged: Jira cannot be read, or refuses
            whoever asks.
        PublishError: the journal cannot be written; nothing was sent that it does not know of.
    """
    if most is not None and most < 0:
        raise SettingsError(f"max_tareas es {most}; va cuántas tareas crear como mucho, desde 0")
    by_clave = {one.clave: one for one in wanted}
    job = _Job(by_clave, grupo, jira, run, journal, now, sleep)
    done = job.done
    await job.find(told or {}, settle_s=0 if solo_validar else settle_s)
    known = {alike(clave): tarea.key for clave, tarea in done.tareas.items()}
    new: list[Issue] = []
    changed: dict[str, dict[str, Any]] = {}
    for clave, one in by_clave.items():
        tarea = done.tareas.get(clave)
        if tarea is None and alike(clave) in known:
            done.failed[clave] = f"ya tiene la tarea {known[alike(clave)]}, de otra campaña"
        elif tarea is None:
            new += [] if clave in done.gone else [one]
        elif tarea.cerrada:
            done.closed[clave] = tarea.key
        elif changes := _changes(one, tarea):
            changed[clave] = changes
        else:
            done.unchanged[clave] = tarea.key
    if most is not None:
        new, done.waiting = new[:most], tuple(one.clave for one in new[most:])
    if solo_validar:
        done.created = dict.fromkeys((one.clave for one in new), "")
        done.updated = {clave: done.tareas[clave].key for clave in changed}
    else:
        await job.create([new[i : i + batch] for i in range(0, len(new), batch)], pause)
        await job.update(changed)
    return done


def hashes(one: Issue) -> dict[str, str]:
    """Eight hexadecimal digits of each field that is ours to change."""
    return {
        name: hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]
        for name, value in one.fields.items()
        if name not in _NOT_OURS
    }


def _changes(one: Issue, tarea: Tarea) -> dict[str, Any]:
    """The fields to write: as they are wanted, or empty where they are not wanted any more."""
    ours = hashes(one)
    names = [name for name in {**tarea.campos, **ours} if tarea.campos.get(name) != ours.get(name)]
    return {name: one.fields.get(name, [] if name == "components" else None) for name in names}


def _mark(one: Issue) -> dict[str, Any]:
    return {"clave": one.clave, "campos": hashes(one)}


def _tarea(found: Mapping[str, Any]) -> Tarea:
    status = found["fields"].get("status") or {}
    cerrada = (status.get("statusCategory") or {}).get("key") == "done"
    campos = _property(found).get("campos") or {}
    return Tarea(str(found["key"]), str(status.get("name", "")), cerrada, campos)


def _property(found: Mapping[str, Any]) -> Mapping[str, Any]:
    ours = (found.get("properties") or {}).get(PROPERTY)
    return ours if isinstance(ours, dict) else {}  # another program's


def _told(journal: Path) -> tuple[dict[str, str], dict[str, datetime]]:
    """What earlier runs wrote: the keys, and since when nobody knows what became of a clave."""
    keys: dict[str, str] = {}
    doubts: dict[str, datetime] = {}
    for line in read_lines(journal):
        with suppress(KeyError, TypeError, ValueError):  # of another shape: damaged, as if torn
            at = datetime.fromisoformat(line["at"]).astimezone(UTC)
            doubts |= dict.fromkeys(line.get("intento", ()), at)
            keys |= line.get("hecho", {})
            for clave in (*line.get("hecho", ()), *line.get("rechazado", ())):
                doubts.pop(clave, None)
    return keys, doubts


@dataclass(slots=True)
class _Job:
    wanted: Mapping[str, Issue]
    grupo: str
    jira: Jira
    run: Run
    journal: Path
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    done: Synced = field(default_factory=Synced)
    silent: int = 0  # requests in a row that had no answer

    async def find(self, told: Mapping[str, str], *, settle_s: float) -> None:
        """Every issue of the lot, and those of ``wanted`` that the search does not show yet."""
        tareas = self.done.tareas
        keys, doubts = _told(self.journal)
        await self._search([self.grupo])
        for clave, key in ({**told, **keys}).items():
            if clave in self.wanted and clave not in tareas:
                try:
                    found = await self.run(READ, self.jira.get, key, _FIELDS)
                except NotThere:
                    self.done.gone |= {clave: key} if clave in keys else {}
                else:
                    if clave in keys or _property(found).get("clave") == clave:
                        tareas[clave] = _tarea(found)
        await self._each(clave for clave in self.wanted if clave not in self.done.gone)
        doubts = {clave: at for clave, at in doubts.items() if clave in self.wanted}
        if doubts and settle_s:
            since = (self.now() - max(doubts.values())).total_seconds()
            await self._look_for(list(doubts), settle_s - max(0.0, since))

    async def _look_for(self, doubts: Sequence[str], left_s: float) -> None:
        """Look for what may have been created, until it would have been seen; note what was."""
        tareas = self.done.tareas
        while left := [clave for clave in doubts if clave not in tareas]:
            await self._each(left)
            if left_s <= 0:
                break
            await self.sleep(step := min(_LOOK_S, left_s))
            left_s -= step
        self._note(hecho={clave: tareas[clave].key for clave in doubts if clave in tareas})

    async def _each(self, claves: Iterable[str]) -> None:
        """Look by its own label for each that is not known: its issue may be of another lot."""
        labels = [label(clave) for clave in claves if clave not in self.done.tareas]
        for i in range(0, len(labels), _LABELS):
            await self._search(labels[i : i + _LABELS])

    async def _search(self, labels: Sequence[str]) -> None:
        """Take in each issue with one of these labels, the oldest of a clave before its copies.

        A copy that a person makes in Jira has the labels of the first and not its property.
        """
        jql = f"labels in ({', '.join(map(quoted, labels))}) ORDER BY created ASC"
        found = await self.run(SEARCH, self.jira.search, jql, _FIELDS)
        by_label = {label(clave): clave for clave in self.wanted}
        for one in sorted(found, key=lambda one: not _property(one)):
            given = one["fields"].get("labels") or ()
            by_hand = next((by_label[name] for name in given if name in by_label), None)
            clave = _property(one).get("clave") or by_hand
            if clave is None:
                continue
            tarea, twins = _tarea(one), self.done.twins
            if self.done.tareas.setdefault(clave, tarea).key != tarea.key:
                twins[clave] = tuple(dict.fromkeys((*twins.get(clave, ()), tarea.key)))

    async def create(self, batches: Sequence[Sequence[Issue]], pause: Callable[[], float]) -> None:
        """Create in batches; one that fails is named, and the others go on."""
        done, doubts = self.done, list[str]()
        for i, batch in enumerate(batches):
            claves = [one.clave for one in batch]
            if self._given_up(claves):
                continue
            if i:
                await self.sleep(pause())
            new = [NewIssue(one.fields, _mark(one)) for one in batch]
            about_to = partial(self._note, intento=claves)  # each time: a wait lies between two
            try:
                answer = await self.run(CREATE, self.jira.create, new, about_to)
            except FAILURES as err:
                if isinstance(err, (OutcomeUnknown, ApiContractChanged)):
                    doubts += claves
                    self._note(intento=claves)  # a slow answer is no time in which it settles
                else:
                    self._note(rechazado=claves)
                self._failed(claves, err)
            else:
                self.silent = 0
                keys = {claves[n]: key for n, key in answer.keys.items()}
                refused = {claves[n]: said for n, said in answer.failed.items()}
                self._note(hecho=keys, rechazado=list(refused))
                self._created(keys)
                done.failed |= refused
        if doubts:
            await self._look_for(doubts, 0)
            self._created({one: done.tareas[one].key for one in doubts if one in done.tareas})

    async def update(self, changed: Mapping[str, Mapping[str, Any]]) -> None:
        """Write the fields that changed; doing it again does no harm."""
        for clave, fields in changed.items():
            key, mark = self.done.tareas[clave].key, _mark(self.wanted[clave])
            if self._given_up([clave]):
                continue
            try:
                await self.run(UPDATE, self.jira.update, key, fields, mark)
            except FAILURES as err:
                self._failed([clave], err)
            else:
                self.silent = 0
                self.done.updated[clave] = key

    def _created(self, keys: Mapping[str, str]) -> None:
        for clave, key in keys.items():
            self.done.created[clave] = key
            self.done.tareas.setdefault(clave, Tarea(key))
            self.done.failed.pop(clave, None)
        if keys:
            corrida.info("Jira: %s", count(len(keys), "tarea creada", "tareas creadas"))

    def _given_up(self, claves: Sequence[str]) -> bool:
        if self.silent == _IN_A_ROW:
            self.done.failed |= dict.fromkeys(claves, _UNTRIED)
        return self.silent == _IN_A_ROW

    def _failed(self, claves: Sequence[str], err: PipelineError) -> None:
        if locked_out(err):
            raise err
        self.silent = self.silent + 1 if isinstance(err, ApiUnavailable) else 0
        self.done.failed |= dict.fromkeys(claves, str(err))

    def _note(self, **line: Any) -> None:
        if any(line.values()):
            make_folder(self.journal.parent)
            append_line(self.journal, {"at": self.now().astimezone(UTC).isoformat(), **line})
