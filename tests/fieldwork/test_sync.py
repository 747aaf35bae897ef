"""One issue a clave, ever: second runs, edits, people's hands, kills at every request, lag, faults.

The site here is a few dictionaries behind the methods of ``Jira``; its search lags, its clock is
the test's. The same stories over real sockets, against the made-up site: ``test_story.py``.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from Modules.disk.json_files import append_line, read_lines
from Modules.fieldwork.issues import Issue, label
from Modules.fieldwork.sync import Synced, sync
from Modules.integrations.jira import Created, Jira, NewIssue
from Modules.portal.answers import NotThere
from Modules.words.errors import (
    ApiAuth,
    ApiContractChanged,
    ApiRejected,
    ApiUnavailable,
    OutcomeUnknown,
    PublishError,
)

GRUPO = "lindero-plan-2026-11"


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Site:
    """What a site holds, what was asked of it, and what goes wrong at which write."""

    lag_s: float = 0.0
    clock: datetime = datetime(2026, 11, 3, 12, tzinfo=UTC)
    issues: dict[str, dict[str, Any]] = field(default_factory=dict)
    creates: list[int] = field(default_factory=list)  # issues of each request
    updates: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    wrong: dict[int, tuple[bool, BaseException]] = field(
        default_factory=dict
    )  # create n: done, error
    refused: Mapping[int, str] = field(default_factory=dict)
    requests: int = 0
    kill: tuple[int, bool] = (0, False)  # at which request, and whether what it asks is done

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock += timedelta(seconds=seconds)

    async def run(self, _operation: object, work: Callable[..., Any], *args: Any) -> Any:
        self.requests += 1
        at, done = self.kill
        self.clock += timedelta(seconds=0.2)
        if self.requests != at:
            return work(*args)
        if done:
            work(*args)
        raise Killed

    def search(self, jql: str, fields: Sequence[str]) -> list[dict[str, Any]]:
        return [
            self.shown(key)
            for key, one in self.issues.items()
            if any(f'"{name}"' in jql for name in one["fields"]["labels"])
            and self.clock - one["at"] >= timedelta(seconds=self.lag_s)
        ]

    def shown(self, key: str) -> dict[str, Any]:
        one = self.issues[key]
        properties = {} if one["lindero"] is None else {"lindero": one["lindero"]}
        return {"key": key, "fields": one["fields"], "properties": properties}

    def get(self, key: str, fields: Sequence[str]) -> dict[str, Any]:
        if key not in self.issues:
            raise NotThere(f"{key}: HTTP 404")
        return self.shown(key)

    def create(self, issues: Sequence[NewIssue], before: Callable[[], None]) -> Created:
        before()
        self.creates.append(len(issues))
        done, error = self.wrong.get(len(self.creates), (True, None))
        keys = {}
        for n, one in enumerate(issues if done else ()):
            if n not in self.refused:
                keys[n] = self.add({**one.fields}, one.lindero)
        if error is not None:
            raise error
        return Created(keys, dict(self.refused))

    def add(self, fields: Mapping[str, Any], lindero: Mapping[str, Any] | None) -> str:
        key = f"LIN-{len(self.issues) + 1}"
        status = {"name": "Por hacer", "statusCategory": {"key": "new"}}
        self.issues[key] = {
            "fields": {**fields, "status": status},
            "lindero": lindero,
            "at": self.clock,
        }
        return key

    def update(self, key: str, fields: Mapping[str, Any], lindero: Mapping[str, Any]) -> None:
        self.updates.append((key, tuple(fields)))
        self.issues[key]["fields"] |= fields
        self.issues[key]["lindero"] = lindero

    def close(self, key: str) -> None:
        status = {"name": "Listo", "statusCategory": {"key": "done"}}
        self.issues[key]["fields"]["status"] = status

    def once_each(self) -> bool:
        claves = [one["lindero"]["clave"] for one in self.issues.values()]
        return len(claves) == len(set(claves))


def wanted(number: int, **more: Any) -> list[Issue]:
    claves = [f"plan/26/27/2026-11/l-{n}/0-20" for n in range(number)]
    return [
        Issue(
            clave,
            f"fila {n + 2}",
            GRUPO,
            {"summary": f"Lote {n}", "labels": [GRUPO, label(clave)], **more},
        )
        for n, clave in enumerate(claves)
    ]


def synced(site: Site, issues: Sequence[Issue], folder: Path, **more: Any) -> Synced:
    given: dict[str, Any] = {
        **{"grupo": GRUPO, "jira": cast(Jira, site), "run": site.run, "solo_validar": False},
        **{"journal": folder / "jira" / f"{GRUPO}.jsonl", "now": lambda: site.clock},
        **{"sleep": site.sleep, "pause": lambda: 1.5},
    }
    return asyncio.run(sync(issues, **{**given, **more}))


def test_a_hundred_go_in_batches_of_45_with_a_pause_between_and_a_second_run_makes_none(
    tmp_path: Path,
) -> None:
    site, issues = Site(), wanted(100)
    first = synced(site, issues, tmp_path)
    assert site.creates == [45, 45, 10]
    assert site.slept == [1.5, 1.5]
    assert list(first.created) == [one.clave for one in issues]
    assert first.keys == first.created
    second = synced(site, issues, tmp_path)
    assert (second.created, second.updated, second.failed, len(second.unchanged)) == (
        {},
        {},
        {},
        100,
    )
    assert site.creates == [45, 45, 10]
    assert second.keys == first.keys


def test_only_the_fields_that_changed_are_written_and_a_persons_own_stay(tmp_path: Path) -> None:
    site, issues = Site(), wanted(5, assignee={"accountId": "a"}, duedate="2026-11-10")
    synced(site, issues, tmp_path)
    site.issues["LIN-2"]["fields"]["assignee"] = {"accountId": "of a person"}
    site.issues["LIN-2"]["fields"]["labels"].append("urgente")
    edited = [*issues]
    edited[0] = replace(edited[0], fields={**edited[0].fields, "duedate": "2026-11-12"})
    edited[1] = replace(edited[1], fields={**edited[1].fields, "summary": "Lote 1, loma"})
    without = {name: value for name, value in edited[2].fields.items() if name != "duedate"}
    edited[2] = replace(edited[2], fields=without)
    done = synced(site, edited, tmp_path)
    assert site.updates == [
        ("LIN-1", ("duedate",)),
        ("LIN-2", ("summary",)),
        ("LIN-3", ("duedate",)),
    ]
    assert list(done.updated.values()) == ["LIN-1", "LIN-2", "LIN-3"]
    assert site.issues["LIN-2"]["fields"]["assignee"] == {"accountId": "of a person"}
    assert "urgente" in site.issues["LIN-2"]["fields"]["labels"]
    assert site.issues["LIN-3"]["fields"]["duedate"] is None
    again = synced(site, edited, tmp_path)
    assert (len(again.unchanged), len(site.updates)) == (5, 3)


def test_what_a_person_closed_stays_closed_and_what_a_person_deleted_is_not_made_again(
    tmp_path: Path,
) -> None:
    site = Site()
    synced(site, wanted(3), tmp_path)
    site.close("LIN-1")
    del site.issues["LIN-2"]
    done = synced(site, wanted(3, duedate="2026-11-30"), tmp_path)
    claves = [one.clave for one in wanted(3)]
    assert done.closed == {claves[0]: "LIN-1"}
    assert done.tareas[claves[0]].estado == "Listo"
    assert done.gone == {claves[1]: "LIN-2"}
    assert done.updated == {claves[2]: "LIN-3"}
    assert (site.creates, done.created) == ([3], {})


def test_an_issue_whose_row_is_gone_is_left_and_named(tmp_path: Path) -> None:
    site, issues = Site(), wanted(3)
    synced(site, issues, tmp_path)
    done = synced(site, issues[1:], tmp_path)
    assert done.left == {issues[0].clave: "LIN-1"}
    assert len(site.issues) == 3


def test_a_copy_that_a_person_made_and_labels_that_a_person_took_off(tmp_path: Path) -> None:
    """The copy has the labels and no property; the one without labels is known to the journal."""
    site, issues = Site(), wanted(2)
    synced(site, issues, tmp_path)
    site.add(site.issues["LIN-1"]["fields"], None)
    site.issues["LIN-2"]["fields"]["labels"] = []
    done = synced(site, issues, tmp_path)
    assert done.unchanged == {issues[0].clave: "LIN-1", issues[1].clave: "LIN-2"}
    assert done.twins == {issues[0].clave: ("LIN-3",)}


def test_an_issue_of_another_lot_is_that_of_its_clave(tmp_path: Path) -> None:
    """As of a mark that a portal gives in every campaña, and no machine's journal knows."""
    site, issues = Site(), wanted(2)
    synced(site, issues, tmp_path)
    for one in site.issues.values():
        one["fields"]["labels"].remove(GRUPO)
    done = synced(site, issues, tmp_path / "other", grupo="lindero-plan-2026-12")
    assert (len(done.unchanged), len(site.issues)) == (2, 2)


@pytest.mark.parametrize("other", [None, "of another program"])
def test_an_issue_without_our_property_is_found_by_its_label_and_given_it(
    tmp_path: Path, other: Any
) -> None:
    site, issues = Site(), wanted(1)
    site.add(issues[0].fields, other)
    assert synced(site, issues, tmp_path).updated == {issues[0].clave: "LIN-1"}
    assert synced(site, issues, tmp_path).unchanged == {issues[0].clave: "LIN-1"}


def test_only_validating_writes_nothing_and_says_what_would_be(tmp_path: Path) -> None:
    site, issues = Site(), wanted(60)
    done = synced(site, issues, tmp_path, solo_validar=True)
    assert done.created == dict.fromkeys((one.clave for one in issues), "")
    assert (site.creates, site.updates, site.requests) == ([], [], 2)  # by lot, by clave
    assert not list(tmp_path.iterdir())
    synced(site, issues[:10], tmp_path)
    done = synced(site, wanted(12, duedate="2026-11-30"), tmp_path, solo_validar=True)
    assert (len(done.created), len(done.updated)) == (2, 10)
    assert (site.creates, site.updates) == ([10], [])


def test_what_is_beyond_the_most_waits_by_name_and_the_next_run_goes_on_from_there(
    tmp_path: Path,
) -> None:
    site, issues = Site(), wanted(5)
    first = synced(site, issues, tmp_path, most=2)
    assert first.waiting == tuple(one.clave for one in issues[2:])
    second = synced(site, issues, tmp_path, most=2)
    assert (len(second.unchanged), len(second.created), len(second.waiting)) == (2, 2, 1)
    third = synced(site, issues, tmp_path, most=2)
    assert (len(third.unchanged), len(third.created), third.waiting) == (4, 1, ())


@pytest.mark.parametrize("lag_s", [0.0, 25.0])
@pytest.mark.parametrize("done", [False, True], ids=["before it is done", "after it is done"])
def test_killed_at_any_request_of_a_run_there_is_one_issue_a_clave_and_the_next_run_ends_well(
    tmp_path: Path, done: bool, lag_s: float
) -> None:
    """A run that creates 12 in 4 batches and updates 3, killed at each request and twice over."""
    old, at, reached = wanted(3), 0, True
    issues = [*wanted(3, duedate="2026-11-30"), *wanted(15)[3:]]
    while reached:
        at += 1
        site, folder = Site(lag_s=lag_s), tmp_path / str(at)
        synced(site, old, folder)
        site.clock += timedelta(minutes=5)
        for first, kill in ((True, at), (False, random.Random(at).randint(1, 9))):
            site.requests, site.kill = 0, (kill, done)
            try:
                synced(site, issues, folder, batch=3)
                reached = reached and not first
            except Killed:
                pass
        site.kill = (0, False)
        last = synced(site, issues, folder, batch=3)
        assert site.once_each(), at
        assert last.failed == {}, at
        assert set(last.keys) == {one.clave for one in issues}
        assert len(site.issues) == 15
    assert at >= 8


def test_a_write_that_may_have_been_done_is_looked_for_until_the_search_would_show_it(
    tmp_path: Path,
) -> None:
    """Killed as its answer was under way, and the next run begins at once: 30 s of lag."""
    site, issues = Site(lag_s=30.0), wanted(4)
    site.kill = (3, True)
    with pytest.raises(Killed):
        synced(site, issues, tmp_path)
    done = synced(site, issues, tmp_path)
    assert (site.creates, done.created, len(done.unchanged)) == ([4], {}, 4)
    assert 25 < sum(site.slept) <= 35
    site.slept.clear()
    synced(site, issues, tmp_path)
    assert site.slept == []  # the journal knows by now


def test_a_write_that_was_not_done_is_created_again_once_the_settle_time_has_passed(
    tmp_path: Path,
) -> None:
    site, issues = Site(), wanted(4)
    site.wrong = {1: (False, Killed())}
    with pytest.raises(Killed):
        synced(site, issues, tmp_path)
    site.clock += timedelta(seconds=40)
    done = synced(site, issues, tmp_path, settle_s=60)
    assert (site.creates, len(done.created)) == ([4, 4], 4)
    assert 15 < sum(site.slept) < 25
    site.clock -= timedelta(days=30)  # a clock that was set back waits no month
    assert synced(site, issues, tmp_path).created == {}


@pytest.mark.parametrize("done", [False, True], ids=["not done", "done"])
def test_a_batch_without_an_answer_leaves_the_others_done_and_is_named_or_found(
    tmp_path: Path, done: bool
) -> None:
    site, issues = Site(), wanted(12)
    site.wrong = {2: (done, OutcomeUnknown("Jira, crear 4 tareas: HTTP 502"))}
    first = synced(site, issues, tmp_path, batch=4)
    assert site.creates == [4, 4, 4]
    if done:
        assert (len(first.created), first.failed) == (12, {})
    else:
        assert set(first.failed) == {one.clave for one in issues[4:8]}
        assert "HTTP 502" in first.failed[issues[4].clave]
        assert len(first.created) == 8
    second = synced(site, issues, tmp_path, batch=4)
    assert site.creates == [4, 4, 4] + ([] if done else [4])
    assert (len(second.keys), second.failed, site.once_each()) == (12, {}, True)


def test_an_answer_that_was_waited_for_in_vain_leaves_the_whole_time_to_settle(
    tmp_path: Path,
) -> None:
    """Sixty seconds for an answer, and the search sees what was done only thirty later."""
    site, issues = Site(lag_s=30.0), wanted(2)

    def slow(new: Sequence[NewIssue], before: Callable[[], None]) -> Created:
        Site.create(site, new, before)
        site.clock += timedelta(seconds=60)
        for one in site.issues.values():
            one["at"] = site.clock
        raise OutcomeUnknown("no contestó")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "create", slow)
        assert len(synced(site, issues, tmp_path).failed) == 2
    assert len(synced(site, issues, tmp_path).unchanged) == 2
    assert site.once_each()


def test_a_component_that_is_not_wanted_any_more_is_taken_off_by_an_empty_list(
    tmp_path: Path,
) -> None:
    site = Site()
    synced(site, wanted(1, components=[{"name": "Norte"}], duedate="2026-11-10"), tmp_path)
    synced(site, wanted(1), tmp_path)
    assert site.issues["LIN-1"]["fields"]["components"] == []
    assert site.issues["LIN-1"]["fields"]["duedate"] is None


def test_a_batch_that_was_surely_not_done_is_sent_again_without_a_wait(tmp_path: Path) -> None:
    site, issues = Site(), wanted(8)
    site.wrong = {1: (False, ApiUnavailable("HTTP 429")), 2: (False, ApiRejected("HTTP 400"))}
    first = synced(site, issues, tmp_path, batch=4)
    assert [first.failed[one.clave] for one in issues] == ["HTTP 429"] * 4 + ["HTTP 400"] * 4
    site.slept.clear()
    assert len(synced(site, issues, tmp_path, batch=4).created) == 8
    assert site.slept == [1.5]


def test_a_row_that_jira_refuses_is_named_and_the_rest_of_its_batch_is_done(tmp_path: Path) -> None:
    site, issues = Site(), wanted(4)
    site.refused = {1: "duedate: no es una fecha"}
    done = synced(site, issues, tmp_path)
    assert done.failed == {issues[1].clave: "duedate: no es una fecha"}
    assert len(done.created) == 3
    site.refused = {}
    assert list(synced(site, issues, tmp_path).created) == [issues[1].clave]


def test_a_site_that_stops_answering_is_not_asked_for_ever(tmp_path: Path) -> None:
    site, issues = Site(), wanted(20)
    site.wrong = {n: (False, ApiUnavailable("sin conexión")) for n in range(2, 30)}
    done = synced(site, issues, tmp_path, batch=2)
    assert site.creates == [2] * 4
    assert (len(done.created), len(done.failed)) == (2, 18)
    assert "queda para la próxima corrida" in done.failed[issues[-1].clave]


@pytest.mark.parametrize("error", [ApiAuth("401"), ApiContractChanged("otra forma")])
def test_refused_credentials_end_a_run_and_an_answer_of_another_shape_is_a_doubt(
    tmp_path: Path, error: Exception
) -> None:
    site, issues = Site(), wanted(4)
    site.wrong = {1: (False, error)}
    if isinstance(error, ApiAuth):
        with pytest.raises(ApiAuth):
            synced(site, issues, tmp_path, batch=2)
        assert site.creates == [2]
    else:
        assert len(synced(site, issues, tmp_path, batch=2).failed) == 2
    assert len(synced(site, issues, tmp_path, batch=2).keys) == 4
    assert site.once_each()


def test_a_full_disk_at_the_journal_stops_before_the_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first line fits, the second, of what was created, does not: the next run finds them."""
    lines = 0

    def full(journal: Path, entry: Mapping[str, Any]) -> None:
        nonlocal lines
        lines += 1
        if lines == stop:
            raise PublishError("no queda lugar en el disco")
        append_line(journal, entry)

    monkeypatch.setattr("Modules.fieldwork.sync.append_line", full)
    for stop, creates in ((1, []), (2, [4])):
        lines, site = 0, Site()
        with pytest.raises(PublishError):
            synced(site, wanted(4), tmp_path / str(stop))
        assert site.creates == creates
        lines = 9
        done = synced(site, wanted(4), tmp_path / str(stop))
        assert (len(done.keys), len(site.issues)) == (4, 4)


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        '{"at": "ayer", "intento": ["x"]}',
        '{"at": "2026-11-03T12:00:00", "intento": 7}',
        '{"at": "2026-11-03T12:00:00", "hecho": ["x"]}',
        '{"at": "2026-11-03T12:00:00", "intento": ["plan/26/27/2026-11/l-2/0-20"]}',
        "\0\0\0",
    ],
)
def test_a_damaged_line_of_the_journal_stops_no_run(tmp_path: Path, line: str) -> None:
    site = Site()
    synced(site, wanted(2), tmp_path)
    journal = tmp_path / "jira" / f"{GRUPO}.jsonl"
    with journal.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    assert len(synced(site, wanted(3), tmp_path).created) == 1
    assert site.once_each()


def test_a_torn_line_of_the_journal_is_no_line(tmp_path: Path) -> None:
    site, issues = Site(), wanted(2)
    synced(site, issues, tmp_path)
    journal = tmp_path / "jira" / f"{GRUPO}.jsonl"
    with journal.open("ab") as file:
        file.write(b'{"at": "2026-11-03T12:00:00+00:00", "inten')
    assert len(synced(site, wanted(3), tmp_path).keys) == 3
    assert [*read_lines(journal)][-1]["hecho"] == {wanted(3)[2].clave: "LIN-3"}
