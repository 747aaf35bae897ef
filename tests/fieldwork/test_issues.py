"""What an issue says, and that Jira takes it."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.demo.jira_site import PROJECT, USERS, JiraSite
from Modules.fieldwork.fechas import Mes
from Modules.fieldwork.issues import (
    MAX_DESCRIPTION,
    MAX_SUMMARY,
    Issue,
    description,
    issues_of,
    label,
    summary,
)
from Modules.fieldwork.join import Trabajo
from Modules.fieldwork.rows import Fila
from Modules.integrations.config import JiraNames
from Modules.words.domain import Campania
from Modules.words.finding import Finding
from tests.fieldwork.adf import check_document, table_of, texts

MES, SEASON = Mes(2026, 11), Campania(26, 27)
FILA = Fila(
    12, "La Paz", "7", "", date(2026, 11, 5), "0-20", "Ana", "Suelo", "alta", "por la tranquera"
)
ROW = Trabajo("L1", "C1", "La Paz", "7", 104.5, "Soja", "plan/26/27/2026-11/L1/0-20",
              "Plan de muestreo - La Paz - Noviembre 2026, hoja Plan", FILA)  # fmt: skip
NAMES = JiraNames(
    proyecto="MUE",
    tipo="Tarea",
    tipos={"SUELO": "Muestreo"},
    componentes={"la paz": "Norte"},
    responsables={"ana": "5b10-ana"},
    campos={"inicio": "customfield_10015", "superficie_ha": "customfield_10102"},
    opciones={"profundidad": "customfield_10103"},
    dias_inicio=7,
    dias_vencimiento=1,
)
URL = "https://example.org/plan_muestreo/La%20Paz.kmz"
words = st.text(max_size=40) | st.text(min_size=1, max_size=4).map(lambda said: said * 2_000)


def made(*rows: Trabajo, names: JiraNames = NAMES) -> tuple[tuple[Issue, ...], tuple[Finding, ...]]:
    return issues_of(rows, MES, SEASON, names, enlaces={"C1": URL})


def fields_of(row: Trabajo = ROW, **names: Any) -> dict[str, Any]:
    (issue,), _ = made(row, names=NAMES.model_copy(update=names))
    return dict(issue.fields)


def with_fila(**changes: Any) -> Trabajo:
    return replace(ROW, fila=replace(FILA, **changes))


def test_an_issue_says_where_what_and_when() -> None:
    (issue,), findings = made(ROW)
    fields = dict(issue.fields)
    assert findings == ()
    assert (issue.clave, issue.origen, issue.grupo) == (
        ROW.clave,
        "fila 12",
        "lindero-plan-2026-11",
    )
    document = fields.pop("description")
    check_document(document)
    assert table_of(document) == {
        "Campo": "La Paz", "Lote": "7", "Superficie": "104,50 ha", "Cultivo": "Soja",
        "Campaña": "26/27", "Fecha": "05/11/2026", "Profundidad (cm)": "0-20", "Tipo": "Suelo",
        "Responsable": "Ana", "Prioridad": "alta", "Observación": "por la tranquera",
    }  # fmt: skip
    assert document["content"][-1]["content"][0]["marks"][0]["attrs"]["href"] == URL
    assert fields == {
        "project": {"key": "MUE"},
        "issuetype": {"name": "Muestreo"},
        "summary": "Muestreo: La Paz, lote 7 (Suelo, 0-20)",
        "labels": ["lindero-plan-2026-11", label(ROW.clave)],
        "components": [{"name": "Norte"}],
        "assignee": {"accountId": "5b10-ana"},
        "duedate": "2026-11-04",
        "customfield_10015": "2026-10-29",
        "customfield_10102": 104.5,
        "customfield_10103": {"value": "0-20"},
    }


@pytest.mark.parametrize(
    ("tipo", "lote", "said"),
    [
        ("Muestreo de suelo", "7", "Muestreo de suelo: La Paz, lote 7 (0-20)"),
        ("muestreo", "Lote 5", "muestreo: La Paz, Lote 5 (0-20)"),
        ("", "Lotecito", "Muestreo: La Paz, lote Lotecito (0-20)"),
    ],
)
def test_a_summary_says_nothing_twice(tipo: str, lote: str, said: str) -> None:
    one = replace(with_fila(tipo=tipo), lote=lote)
    assert fields_of(one)["summary"] == said


def test_a_map_has_the_address_of_its_folder_in_the_web() -> None:
    names = NAMES.model_copy(update={"mapas": "https://empresa.example/campo/"})
    assert names.enlace("plan_muestreo/La Ñ.kmz") == (
        "https://empresa.example/campo/plan_muestreo/La%20%C3%91.kmz"
    )
    assert NAMES.enlace("plan_muestreo/x.kmz") == "plan_muestreo/x.kmz"


def test_a_map_without_an_address_is_named_as_text_and_nothing_is_said_twice() -> None:
    (issue,), _ = issues_of([ROW], MES, SEASON, NAMES, enlaces={"C1": "plan_muestreo/x.kmz"})
    said = texts(issue.fields["description"])
    assert said[-1] == "Mapa para el teléfono (KMZ): plan_muestreo/x.kmz"
    (bare,), _ = issues_of([ROW], MES, SEASON, NAMES, enlaces={})
    assert not any("KMZ" in one for one in texts(bare.fields["description"]))


def test_what_jira_has_not_been_told_of_is_one_finding_a_name_and_a_fallback() -> None:
    other = replace(ROW, campo="El Ombú", campo_id="C2")
    rows = (
        with_fila(responsable="Luis"),
        with_fila(responsable="Luis", numero=13),
        with_fila(numero=14, tipo="?"),
        other,
    )
    issues, (person, kind, place) = made(*rows)
    assert [one.is_error for one in (person, kind, place)] == [True, False, False]
    assert "«?» no está en [jira.tipos]: la tarea se hace con el tipo general" in kind.what
    assert "«Luis» no está en [jira.responsables]: la tarea no se hace" in person.what
    assert person.item == "fila 12; fila 13, columna Responsable"
    assert '"Luis" = ' in person.todo
    assert person.where == ROW.donde
    assert person.figures == {"filas": 2}
    assert "«El Ombú» no está en [jira.componentes]" in place.what
    assert [one.origen for one in issues] == ["fila 14", "fila 12"]
    assert issues[0].fields["issuetype"] == {"name": "Tarea"}
    assert "components" not in issues[1].fields
    assert issues[1].fields["assignee"] == {"accountId": "5b10-ana"}


def test_where_no_responsable_is_in_use_an_issue_is_nobodys_and_it_is_said() -> None:
    names = NAMES.model_copy(update={"responsables": {}})
    (issue,), (person,) = made(with_fila(responsable="Luis"), names=names)
    assert person.is_warning
    assert "la tarea se hace sin responsable" in person.what
    assert "assignee" not in issue.fields


def test_nobody_named_and_no_components_in_use_are_no_warning() -> None:
    names = NAMES.model_copy(update={"componentes": {}})
    (issue,), findings = made(with_fila(responsable=""), names=names)
    assert findings == ()
    assert not {"assignee", "components"} & set(issue.fields)


@pytest.mark.parametrize(
    ("when", "before", "due"),
    [(date(2026, 3, 31), 31, "2026-02-28"), (date(2026, 3, 1), 1, "2026-02-28"),
     (date(2028, 3, 1), 1, "2028-02-29"), (date(2027, 1, 1), 1, "2026-12-31"),
     (date(2026, 11, 8), 0, "2026-11-08")],
)  # fmt: skip
def test_days_before_are_days_of_the_calendar(when: date, before: int, due: str) -> None:
    assert fields_of(with_fila(fecha=when), dias_vencimiento=before)["duedate"] == due


def test_a_row_without_a_day_is_due_never() -> None:
    fields = fields_of(with_fila(fecha=None))
    assert not {"duedate", "customfield_10015"} & set(fields)
    assert "Fecha" not in table_of(fields["description"])


def test_the_made_up_site_takes_every_issue() -> None:
    site = JiraSite(components=["Norte"])
    names = NAMES.model_copy(
        update={"proyecto": PROJECT, "responsables": {"Ana": next(iter(USERS))}}
    )
    rows = (ROW, with_fila(fecha=None, profundidad="", responsable=""), replace(ROW, campo="Otro"))
    issues, _ = made(*rows, names=names)
    updates = [{"fields": dict(issue.fields)} for issue in issues]
    login = base64.b64encode(":".join(site.account).encode()).decode()
    body = json.dumps({"issueUpdates": updates}).encode()
    status, said = site.answer("POST", "/rest/api/3/issue/bulk", {}, f"Basic {login}", body)
    assert (status, said["errors"]) == (201, [])
    assert len(said["issues"]) == 3


@given(words, words, words)
def test_any_text_makes_an_issue_that_jira_takes(one: str, two: str, three: str) -> None:
    row = replace(ROW, campo=one, lote=two, fila=replace(FILA, observacion=three, tipo=two))
    custom = {"observacion": "customfield_10104", "campo": "customfield_10105"}
    fields = fields_of(row, campos=custom)
    check_document(fields["description"])
    assert sum(map(len, texts(fields["description"]))) <= MAX_DESCRIPTION
    for said in (fields["summary"], *(fields.get(key, "x") for key in custom.values())):
        assert 0 < len(said) <= MAX_SUMMARY
        assert not re.search(r"[\x00-\x1f\x7f]", said)
    json.dumps(fields, ensure_ascii=False).encode()


@given(
    st.lists(st.tuples(words, words), max_size=12), st.lists(st.tuples(words, words), max_size=3)
)
def test_a_document_is_valid_whatever_it_is_given(
    facts: list[tuple[str, str]], links: list[tuple[str, str]]
) -> None:
    for intro in ("", "Maleza en La Paz"):
        document = description(intro, facts, [*links, ("Mapa", "http://x.y/z")])
        check_document(document)
        assert sum(map(len, texts(document))) <= MAX_DESCRIPTION


def test_markup_stays_text() -> None:
    said = '<b>x</b> [a|http://evil] {code} *n* "q" \\'
    assert said in texts(description(said, [("Observación", said)], []))


@given(st.text())
def test_a_label_is_one_word_and_that_of_its_key(clave: str) -> None:
    try:
        assert re.fullmatch(r"lindero-[0-9a-f]{16}", label(clave))
    except UnicodeEncodeError:
        assert any(0xD800 <= ord(one) <= 0xDFFF for one in clave)


def test_a_summary_is_cut_with_a_sign() -> None:
    assert summary("a" * 255) == "a" * 255
    assert summary("a\nb\x00" + "c" * 300) == "a b" + "c" * 251 + "…"
