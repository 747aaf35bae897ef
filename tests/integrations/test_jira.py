"""The client of Jira against a made-up site over real sockets, and everything it may do wrong."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from Modules.demo.jira_site import (
    DEMO_JIRA_TOKEN,
    DEMO_JIRA_USER,
    FIELDS,
    PROJECT,
    USERS,
    JiraSite,
    create_jira_app,
)
from Modules.demo.running import serving
from Modules.integrations.access import JiraAccess
from Modules.integrations.jira import MOST_AT_ONCE, PROPERTY, Jira, NewIssue, quoted
from Modules.portal.answers import Answer, NotThere
from Modules.settings import load_settings
from Modules.words.errors import (
    ApiAuth,
    ApiContractChanged,
    ApiRejected,
    ApiUnavailable,
    OutcomeUnknown,
    PipelineError,
    SettingsError,
)
from Modules.words.secret import Secret
from tests.faults.base import reply
from tests.faults.neighbours import NEIGHBOURS, RETRY_AFTER_S, NeighbourKind, Strike
from tests.integrations.conftest import RunningJira
from tests.test_settings import NO_FILE

LABEL = "lindero-plan-2026-11"
DOCUMENT = {
    "type": "doc",
    "version": 1,
    "content": [{"type": "paragraph", "content": [{"type": "text", "text": "Lote 4 ñandú"}]}],
}
Operation = Callable[[Jira], object]


def fields(at: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "project": {"key": PROJECT},
        "issuetype": {"name": "Muestreo"},
        "summary": f"Muestreo del lote {at}",
        "description": DOCUMENT,
        "labels": [LABEL, f"lindero-{at:016x}"],
        "components": [{"name": "Norte"}],
        "assignee": {"accountId": next(iter(USERS))},
        "duedate": "2026-11-30",
        "customfield_10102": 41.5,
        "customfield_10103": {"value": "0-20"},
        **more,
    }


def issues(count: int) -> list[NewIssue]:
    return [NewIssue(fields(at), {"clave": f"plan/{at}"}) for at in range(count)]


def bulks(jira: RunningJira) -> int:
    return sum(one.path == "issue/bulk" for one in jira.site.asked)


def of_the_lot(client: Jira, *names: str) -> list[dict[str, Any]]:
    query = f"project = {quoted(PROJECT)} AND labels = {quoted(LABEL)} ORDER BY key"
    return client.search(query, names)


def test_issues_are_created_found_and_changed(jira: RunningJira) -> None:
    client = jira.client()
    created = client.create(issues(3))
    assert created.keys == {0: "CAMPO-1", 1: "CAMPO-2", 2: "CAMPO-3"}
    assert created.failed == {}
    client.update("CAMPO-2", {"duedate": "2026-12-05"}, {"clave": "plan/1", "hash": "ab"})
    client.update("CAMPO-3", {}, {"clave": "plan/2", "hash": "cd"})
    jira.site.move("CAMPO-3")
    found = of_the_lot(client, "duedate", "status", "description")
    assert [one["key"] for one in found] == ["CAMPO-1", "CAMPO-2", "CAMPO-3"]
    assert [one["fields"]["duedate"][5:] for one in found] == ["11-30", "12-05", "11-30"]
    assert found[2]["fields"]["status"]["statusCategory"]["key"] == "done"
    assert [one["properties"][PROPERTY].get("hash") for one in found] == [None, "ab", "cd"]
    assert client.get("CAMPO-1", ["description"])["fields"] == {"description": DOCUMENT}
    changed = next(one for one in jira.site.asked if one.method == "PUT")
    assert changed.query == {"notifyUsers": "false"}


def test_a_row_that_is_refused_is_named_and_the_others_are_created(jira: RunningJira) -> None:
    batch = [
        NewIssue(fields(0), {}),
        NewIssue(fields(1, description="plain text", customfield_99999="x"), {}),
        NewIssue(fields(2), {}),
        NewIssue(fields(3, duedate="2026-02-31", assignee={"accountId": "nobody"}), {}),
    ]
    created = jira.client().create(batch)
    assert created.keys == {0: "CAMPO-1", 2: "CAMPO-2"}
    assert set(created.failed) == {1, 3}
    assert "description: Operation value must be an Atlassian Document" in created.failed[1]
    assert "customfield_99999: Field 'customfield_99999' cannot be set" in created.failed[1]
    assert {word.split(":")[0] for word in created.failed[3].split("; ")} == {"duedate", "assignee"}
    all_wrong = jira.client().create([NewIssue(fields(summary="a\nb"), {})])  # 400, not 201
    assert all_wrong.keys == {}
    assert all_wrong.failed[0].startswith("summary: ")


def test_a_request_holds_45_issues_at_most_and_jira_refuses_more_than_50(
    jira: RunningJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=f"from 1 to {MOST_AT_ONCE}"):
        jira.client().create(issues(MOST_AT_ONCE + 1))
    with pytest.raises(ValueError, match="not 0"):
        jira.client().create([])
    assert bulks(jira) == 0
    monkeypatch.setattr("Modules.integrations.jira.MOST_AT_ONCE", 60)
    with pytest.raises(ApiRejected, match="From 1 to 50"):
        jira.client().create(issues(51))
    assert jira.site.issues == {}


def test_all_pages_of_a_search_are_read_once(jira: RunningJira) -> None:
    client = jira.client()
    for start in range(0, 225, 45):
        client.create([NewIssue(fields(at), {}) for at in range(start, start + 45)])
    jira.site.asked.clear()
    jira.site.told.clear()
    found = of_the_lot(client, "summary")
    assert [one["fields"]["summary"].split()[-1] for one in found] == [str(n) for n in range(225)]
    assert len(jira.site.asked) == 3


def test_a_token_that_repeats_ends_the_search_by_name(jira: RunningJira) -> None:
    client = jira.client()
    client.create(issues(2))
    jira.server.strike(Strike("jira_token_repeats", "search/jql", times=None))
    with pytest.raises(ApiContractChanged, match="otra vez la misma página"):
        of_the_lot(client)
    assert sum(one.path == "search/jql" for one in jira.site.asked) == 2


@pytest.mark.parametrize("issue", [{"key": "CAMPO-1"}, {"fields": {}}])
def test_an_issue_of_another_shape_is_named(
    jira: RunningJira, monkeypatch: pytest.MonkeyPatch, issue: dict[str, Any]
) -> None:
    answer = json.dumps({"issues": [issue], "isLast": True, **issue}).encode()
    client = jira.client()
    sent = Answer("Jira", 200, {}, answer, framed=True)
    monkeypatch.setattr(client._transport, "send", lambda *_: sent)
    for ask in (partial(of_the_lot, client), partial(client.get, "CAMPO-1", ["status"])):
        with pytest.raises(ApiContractChanged, match="una tarea sin su clave o sus campos"):
            ask()


def test_the_index_lags_while_an_issue_itself_is_there_at_once(jira: RunningJira) -> None:
    client = jira.client()
    jira.server.strike(Strike("jira_index_lag"))
    client.create(issues(1))
    assert of_the_lot(client) == []
    assert client.get("CAMPO-1", ["summary"])["fields"]["summary"] == "Muestreo del lote 0"
    jira.site.time_s += 31
    client.update("CAMPO-1", {"duedate": "2026-12-31"})
    assert of_the_lot(client, "duedate")[0]["fields"]["duedate"] == "2026-11-30"
    jira.site.time_s += 31
    assert of_the_lot(client, "duedate")[0]["fields"]["duedate"] == "2026-12-31"


@pytest.mark.parametrize("jql", ["ORDER BY key", 'issue.property[lindero].clave = "x"'])
def test_a_query_without_bounds_or_of_a_property_is_refused(jira: RunningJira, jql: str) -> None:
    with pytest.raises(ApiRejected, match="búsqueda: HTTP 400, Unbounded JQL, or a field"):
        jira.client().search(jql, ["summary"])


def test_metadata_is_read_page_by_page(jira: RunningJira) -> None:
    client = jira.client()
    assert [one["name"] for one in client.issue_types(PROJECT)] == [
        "Tarea",
        "Muestreo",
        "Recorrida",
    ]
    assert [one["fieldId"] for one in client.create_fields(PROJECT, "10002")] == list(FIELDS)
    assert [one["name"] for one in client.project(PROJECT)["components"]] == ["Norte", "Sur"]
    assert {one["accountId"] for one in client.assignable(PROJECT)} == set(USERS)
    assert client.assignable(PROJECT, "nobody") == []
    assert client.test_connection() == {"status": "ok", "server": "Jira de demostración"}
    with pytest.raises(NotThere, match=r"proyecto OTRO/\.\.: HTTP 404"):
        client.project("OTRO/..")


def test_what_jira_removed_answers_410(jira: RunningJira) -> None:
    for path in ("/rest/api/3/search", "/rest/api/2/search"):
        status, said = jira.site.answer("POST", path, {}, "", b"")
        assert status == 410
        assert "search/jql" in said["errorMessages"][0]
    jira.site.asked.clear()
    jira.site.told.clear()


# -- faults -----------------------------------------------------------------------------------

NOT_DONE = ("neighbour_429_wait", "neighbour_429", "neighbour_503_wait")
IN_DOUBT = {
    "neighbour_500": "HTTP 500",
    "neighbour_503": "HTTP 503",
    "neighbour_cut": "cortó la conexión",
    "neighbour_502_done": "HTTP 502",
    "neighbour_cut_done": "cortó la conexión",
    "neighbour_half_done": "se cortó antes del final",
    "neighbour_html_done": "no se entiende cuáles",
    "jira_keys_missing": "no se entiende cuáles",
}


@pytest.mark.parametrize("fault", NOT_DONE)
def test_a_write_that_was_not_done_is_sent_again(jira: RunningJira, fault: str) -> None:
    jira.server.strike(Strike(fault, "issue/bulk", times=2))
    said_before = []
    made = jira.client().create(issues(2), lambda: said_before.append(len(jira.slept)))
    assert made.keys == {0: "CAMPO-1", 1: "CAMPO-2"}
    assert said_before == [0, 1, 2]  # who notes it notes it after each wait too
    assert bulks(jira) == 1
    assert len(jira.slept) == 2
    if fault.endswith("wait"):
        assert jira.slept == [RETRY_AFTER_S, RETRY_AFTER_S]


@pytest.mark.parametrize("fault", IN_DOUBT)
def test_a_creation_that_may_have_been_done_is_sent_once(jira: RunningJira, fault: str) -> None:
    jira.server.strike(Strike(fault, "issue/bulk"))
    with pytest.raises(OutcomeUnknown, match=IN_DOUBT[fault]):
        jira.client().create(issues(2))
    assert jira.slept == []
    assert len(jira.site.issues) == (2 if "done" in fault or fault == "jira_keys_missing" else 0)


def test_a_change_that_may_have_been_done_is_sent_once(jira: RunningJira) -> None:
    client = jira.client()
    client.create(issues(1))
    jira.server.strike(Strike("neighbour_502_done", "^PUT", times=None))
    with pytest.raises(OutcomeUnknown, match="CAMPO-1: HTTP 502"):
        client.update("CAMPO-1", {"duedate": "2026-12-05"})
    assert sum(one.method == "PUT" for one in jira.site.asked) == 1


def test_a_read_is_asked_again_whatever_broke(jira: RunningJira) -> None:
    client = jira.client()
    client.create(issues(1))
    for fault in ("neighbour_500", "neighbour_502_done", "neighbour_cut", "neighbour_half_done"):
        jira.server.strike(Strike(fault, "search/jql"))
        assert len(of_the_lot(client)) == 1, fault
    assert len(jira.slept) == 4
    jira.server.strike(Strike("neighbour_503", times=None))
    with pytest.raises(ApiUnavailable, match="sin éxito después de 4 intentos") as caught:
        of_the_lot(client)
    assert not isinstance(caught.value, OutcomeUnknown)


def test_a_wait_of_an_hour_is_for_another_run(jira: RunningJira) -> None:
    jira.server.strike(Strike("neighbour_429_hour", times=None))
    with pytest.raises(ApiUnavailable, match=r"pide esperar 3\.600 s"):
        jira.client().create(issues(1))
    assert jira.slept == []


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        ("jira_expired", ApiAuth, "revisar LINDERO_JIRA_USER y LINDERO_JIRA_TOKEN"),
        ("neighbour_403", ApiAuth, "no tiene permiso"),
        ("neighbour_302", ApiRejected, "HTTP 302"),
        ("jira_closed_project", None, "project: project is not valid"),
    ],
)
def test_what_no_try_would_mend_is_asked_once(
    jira: RunningJira, fault: str, kind: type[PipelineError] | None, said: str
) -> None:
    jira.server.strike(Strike(fault))
    if kind is None:
        assert jira.client().create(issues(2)).failed[1].startswith(said)
    else:
        with pytest.raises(kind, match=said):
            jira.client().create(issues(2))
    assert (jira.slept, jira.site.issues) == ([], {})
    assert bulks(jira) <= 1


def test_the_fault_of_one_row_in_a_bulk_leaves_the_others(jira: RunningJira) -> None:
    jira.server.strike(Strike("jira_partial_bulk", "issue/bulk"))
    created = jira.client().create(issues(3))
    assert created.keys == {1: "CAMPO-1", 2: "CAMPO-2"}
    assert list(created.failed) == [0]


def test_a_page_for_people_is_no_answer(jira: RunningJira) -> None:
    jira.server.strike(Strike("neighbour_html_done", times=None))
    said = jira.client().test_connection()
    assert said["status"] == "error"
    assert "revisar LINDERO_JIRA_URL" in said["message"]


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (201, b'{"issues": [{"key": "A-1"}, {"key": "A-2"}]}', {0: "A-1", 1: "A-2"}),
        (201, b'{"issues": [{"key": "A-1"}], "errors": [{"failedElementNumber": 7}]}', None),
        (201, b'{"issues": [{"key": "A-1"}], "errors": [{"failedElementNumber": [0]}]}', None),
        (201, b'{"issues": [{"key": "A-1"}], "errors": [{"status": 400}]}', None),
        (201, b"[]", None),
        (201, b"", None),
        (400, b'{"errorMessages": ["no"]}', ApiRejected),
        (400, b'{"errors": [{"failedElementNumber": 0}]}', {}),
        (400, b"<html>", ApiRejected),
    ],
)
def test_what_a_bulk_answers_is_understood_or_in_doubt(
    jira: RunningJira, monkeypatch: pytest.MonkeyPatch, status: int, answer: bytes, expected: Any
) -> None:
    given = NeighbourKind("given", "", answer=lambda _: reply(status, answer))
    monkeypatch.setitem(NEIGHBOURS, "given", given)
    jira.server.strike(Strike("given"))
    if isinstance(expected, dict):
        created = jira.client().create(issues(2))
        assert created.keys == expected
        assert set(created.keys) | set(created.failed) == {0, 1}
    else:
        with pytest.raises(expected or OutcomeUnknown):
            jira.client().create(issues(2))


@pytest.mark.parametrize("fault", ["neighbour_hang_done", "neighbour_drip_done"])
def test_an_answer_that_does_not_come_is_not_waited_for(jira: RunningJira, fault: str) -> None:
    client = jira.client(timeout_s=0.15)
    jira.server.strike(Strike(fault, times=None))
    with pytest.raises(OutcomeUnknown):
        client.create(issues(1))
    assert (len(jira.site.issues), jira.slept) == (1, [])
    with pytest.raises(ApiUnavailable) as caught:
        client.project(PROJECT)
    assert not isinstance(caught.value, OutcomeUnknown)


def test_no_proxy_and_no_netrc_of_the_machine_is_used_for_loopback(
    jira: RunningJira, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login other password canary\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert jira.client().myself()["displayName"] == "Lindero"


def test_nobody_there_is_told_and_nothing_was_sent() -> None:
    access = JiraAccess("http://127.0.0.1:9", "a@b.example", Secret("x"))
    with pytest.raises(ApiUnavailable, match=r"crear 1 tareas: 127\.0\.0\.1:9 rechazó") as caught:
        Jira(access, sleep=lambda _: None).create(issues(1))
    assert not isinstance(caught.value, OutcomeUnknown)


def test_the_demo_serves_it_as_it_is() -> None:
    with serving(create_jira_app(JiraSite())) as url:
        access = JiraAccess(url, DEMO_JIRA_USER, Secret(DEMO_JIRA_TOKEN))
        said = Jira(access, tries=1).test_connection()
    assert said == {"status": "ok", "server": "Jira de demostración"}


# -- access -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "user", "said"),
    [
        ("http://empresa.example", "a@b", "LINDERO_JIRA_URL tiene que ser https"),
        ("https://a:word@empresa.example", "a@b", "LINDERO_JIRA_URL lleva usuario"),
        ("empresa.atlassian.net", "a@b", "LINDERO_JIRA_URL no es una dirección; se escribe como "
         "https://empresa.atlassian.net"),
        ("https://empresa.example", "a:b", "LINDERO_JIRA_USER"),
        ("https://empresa.example", " ", "LINDERO_JIRA_USER"),
    ],
)  # fmt: skip
def test_an_access_that_cannot_be_is_refused_by_name(url: str, user: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        JiraAccess(url, user, Secret("canary"))
    assert "canary" not in str(caught.value)
    assert "word" not in str(caught.value)


@pytest.mark.parametrize("missing", ["URL", "USER", "TOKEN"])
def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    given = {"URL": "https://x.example", "USER": "a@b.example", "TOKEN": "canary"}
    for name, value in given.items():
        if name != missing:
            monkeypatch.setenv(f"LINDERO_JIRA_{name}", value)
    with pytest.raises(SettingsError, match=f"falta LINDERO_JIRA_{missing};"):
        JiraAccess.of(load_settings(NO_FILE))
    monkeypatch.setenv(f"LINDERO_JIRA_{missing}", given[missing])
    assert JiraAccess.of(load_settings(NO_FILE)).token.get_secret_value() == "canary"


def test_no_secret_is_in_a_repr_a_log_or_an_exception(
    jira: RunningJira, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    canary = "canary-1f6e"
    client = jira.client(canary)
    jira.site.account = (jira.site.account[0], canary)
    errors: list[PipelineError] = []
    for fault in ("neighbour_429", "neighbour_502_done", "neighbour_403", "jira_expired"):
        jira.server.strike(Strike(fault, times=None))
        try:
            client.create(issues(1))
        except PipelineError as err:
            errors.append(err)
    access = JiraAccess("https://x.example", "ana@x.example", Secret(canary))
    told = "\n".join(
        [caplog.text, repr(client), repr(vars(client)["_access"]), repr(access), str(access)]
        + ["".join(traceback.format_exception(err)) for err in errors]
        + [repr(jira.site.asked)]
    )
    assert len(errors) == 4
    assert canary not in told
    assert client._basic not in told
    assert "ana@x.example" not in told


def test_a_body_that_echoes_the_credentials_is_blotted_out(jira: RunningJira) -> None:
    client = jira.client("canary-1f6e")
    said = client._said({"errorMessages": [f"bad {client._basic} canary-1f6e"], "errors": {}})
    assert said == "bad *** ***"


@pytest.mark.parametrize("errors", [None, [], {"errorMessages": "x"}, {"errors": ["x"]}])
def test_errors_of_another_shape_say_nothing(errors: Sequence[object] | None) -> None:
    access = JiraAccess("https://x.example", "a@b.example", Secret("canary"))
    assert Jira(access)._said(errors) == ""
