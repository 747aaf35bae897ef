"""The verbs of the one login: against a fake of Authentik's API, and against the real door."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from invoke import Context, Exit

import tasks
from tests.sso.authentik_fake import TOKEN, FakeAuthentik, authentik_fake
from tests.sso.door import backend, door, free_port
from tests.sso.outpost_stub import COOKIE, outpost_stub

MADE = ("proveedor", "política", "aplicación", "vínculo", "outpost")
ORDER = ("providers/proxy", "policies/expression", "core/applications", "policies/bindings")


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    text: str

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


@pytest.fixture(scope="module")
def one_fake() -> Iterator[FakeAuthentik]:
    with authentik_fake() as fake:
        yield fake


@pytest.fixture
def fake(one_fake: FakeAuthentik, monkeypatch: pytest.MonkeyPatch) -> FakeAuthentik:
    one_fake.new()
    for name, text in {
        "AUTHENTIK_URL": f"{one_fake.url}/",
        "AUTHENTIK_TOKEN": TOKEN,
        "LINDERO_SSO_HOST": "lindero.empresa.example",
        "NO_PROXY": "*",
    }.items():
        monkeypatch.setenv(name, text)
    return one_fake


def verb(capsys: pytest.CaptureFixture[str], name: str, *arguments: Any, **more: Any) -> Said:
    """What a verb says, and how it ends; never the token."""
    try:
        getattr(tasks, name).body(Context(), *arguments, **more)
        said = Said(0, capsys.readouterr().out)
    except Exit as end:
        said = Said(end.code, f"{capsys.readouterr().out}{end.message}")
    assert TOKEN not in said.text
    return said


def create(capsys: pytest.CaptureFixture[str], **more: Any) -> Said:
    return verb(capsys, "create_proxy_app", **more)


def test_a_door_is_made_in_a_fake_authentik_and_the_second_time_is_left_as_it_is(
    fake: FakeAuthentik, capsys: pytest.CaptureFixture[str]
) -> None:
    first = create(capsys)
    assert first.code == 0
    assert first.lines == [
        "grupo agronomia: no está en Authentik; cuando esté, sus personas entran",
        *(f"{one}: hecho" for one in MADE),
    ]
    (provider,), (policy,), (application,), (binding,) = (fake.held[kind] for kind in ORDER)
    flows = {one["slug"]: one["pk"] for one in fake.held["flows/instances"]}
    assert provider == {
        "pk": 40,
        "name": "lindero-production",
        "mode": "forward_single",
        "external_host": "https://lindero.empresa.example",
        "authorization_flow": flows["default-provider-authorization-implicit-consent"],
        "invalidation_flow": flows["default-provider-invalidation-flow"],
        "intercept_header_auth": False,
    }
    assert (application["slug"], application["provider"]) == ("lindero-production", 40)
    assert (binding["policy"], binding["target"]) == (policy["pk"], application["pk"])
    assert (binding["negate"], binding["enabled"]) == (False, True)
    other, embedded = fake.held["outposts/instances"]
    assert (other["providers"], embedded["providers"]) == ([3], [7, 40])
    # nobody is let in before the rule is there
    writes = [call for call in fake.calls if not call.startswith("GET")]
    assert writes == [*(f"POST {kind}" for kind in ORDER), "PATCH outposts/instances"]

    before = json.dumps(fake.held)
    fake.calls.clear()
    second = create(capsys)
    assert (second.code, second.lines[1:]) == (0, [f"{one}: ya está" for one in MADE])
    assert json.dumps(fake.held) == before
    assert not [call for call in fake.calls if not call.startswith("GET")]


@pytest.mark.parametrize("there", range(1, 5))
def test_what_a_fake_authentik_has_already_is_skipped_step_by_step(
    fake: FakeAuthentik, capsys: pytest.CaptureFixture[str], there: int
) -> None:
    assert create(capsys).code == 0
    for kind in ORDER[there:]:
        fake.held[kind].clear()
    fake.held["outposts/instances"][1]["providers"] = [7]
    again = create(capsys)
    assert again.code == 0
    told = ["ya está"] * there + ["hecho"] * (5 - there)
    assert again.lines[1:] == [f"{one}: {how}" for one, how in zip(MADE, told, strict=True)]


@pytest.mark.parametrize(
    ("member", "enters"),
    [({"admins"}, True), ({"agronomia", "campo"}, True), ({"ventas"}, False), (set(), False)],
)
def test_the_rule_lets_in_who_is_in_one_of_the_groups(
    fake: FakeAuthentik, capsys: pytest.CaptureFixture[str], member: set[str], enters: bool
) -> None:
    create(capsys)
    ((rule),) = fake.held["policies/expression"]
    scope: dict[str, Any] = {}
    code = rule["expression"]
    exec(f"def asked(request, ak_is_group_member):\n  {code}", scope)

    class Request:
        user = member

    assert scope["asked"](Request, lambda user, name: name in user) is enters


def test_groups_can_be_said_and_staging_is_another_door(
    fake: FakeAuthentik, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    create(capsys)
    monkeypatch.setenv("LINDERO_ENTORNO", "staging")
    refused = create(capsys)
    assert (refused.code, "no es un nombre para staging" in refused.text) == (2, True)
    monkeypatch.setenv("LINDERO_SSO_HOST", "lindero-staging.empresa.example")
    assert create(capsys, groups="admins, O'Higgins").code == 0
    for kind in ORDER:
        assert len(fake.held[kind]) == 2
    assert fake.held["outposts/instances"][1]["providers"] == [7, 40, 41]
    rule = fake.held["policies/expression"][1]["expression"]
    assert """('admins', "O'Higgins")""" in rule.replace("[", "(").replace("]", ")")
    assert create(capsys, groups=" , ").code == 2


@pytest.mark.parametrize(
    ("kind", "change", "says"),
    [
        ("providers/proxy", {"external_host": "https://otra.example"}, "con otro external_host"),
        ("providers/proxy", {"mode": "proxy"}, "proveedor: en Authentik ya hay uno"),
        ("policies/expression", {"expression": "return True"}, "con otro expression"),
        ("policies/bindings", {"enabled": False}, "vínculo: en Authentik ya hay uno"),
        ("core/applications", {"provider": 3}, "con otro provider"),
    ],
)
def test_another_of_the_same_name_is_told_and_left_alone(
    fake: FakeAuthentik,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    change: dict[str, Any],
    says: str,
) -> None:
    create(capsys)
    fake.held[kind][0].update(change)
    fake.held["outposts/instances"][1]["providers"] = [7]
    said = create(capsys)
    assert (said.code, says in said.text) == (1, True)
    assert fake.held[kind][0].items() >= change.items()
    assert fake.held["outposts/instances"][1]["providers"] == [7]  # nobody was let in


@pytest.mark.parametrize(
    ("told", "code", "says"),
    [
        ({"AUTHENTIK_TOKEN": "otro"}, 2, "AUTHENTIK_TOKEN: Authentik no lo acepta"),
        ({"AUTHENTIK_TOKEN": ""}, 2, "falta AUTHENTIK_TOKEN, de quien administra Authentik"),
        ({"AUTHENTIK_URL": ""}, 2, "falta AUTHENTIK_URL"),
        ({"LINDERO_SSO_HOST": ""}, 2, "falta LINDERO_SSO_HOST"),
        ({"AUTHENTIK_URL": "http://127.0.0.1:9"}, 4, "AUTHENTIK_URL: no contesta"),
        ({"AUTHENTIK_URL": "esto no es una dirección"}, 2, "no es la API de un Authentik"),
    ],
)
def test_what_is_missing_or_wrong_has_a_name(
    fake: FakeAuthentik,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    told: dict[str, str],
    code: int,
    says: str,
) -> None:
    for name, text in told.items():
        monkeypatch.setenv(name, text)
    said = create(capsys)
    assert (said.code, says in said.text) == (code, True), said
    assert fake.held["providers/proxy"] == []


@pytest.mark.parametrize(
    ("kind", "status", "code", "says"),
    [
        ("policies/expression", 403, 2, "no lo acepta para policies/expression/"),
        ("core/applications", 503, 4, "contesta 503 por core/applications/"),
        ("providers/proxy", 301, 1, "Authentik no acepta providers/proxy/ (301)"),
        ("flows/instances", 404, 1, "Authentik no acepta flows/instances/ (404): detail"),
        ("flows/instances", 200, 1, "Authentik no acepta flows/instances/ (200): detail"),
    ],
)
def test_a_fake_authentik_that_refuses_is_told_by_what_it_refused(
    fake: FakeAuthentik,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    status: int,
    code: int,
    says: str,
) -> None:
    fake.ill[kind] = status
    said = create(capsys)
    assert (said.code, says in said.text) == (code, True), said
    assert fake.held["outposts/instances"][1]["providers"] == [7]


@pytest.mark.parametrize("missing", ["flows/instances", "outposts/instances"])
def test_an_authentik_without_its_own_flow_or_outpost_is_told(
    fake: FakeAuthentik, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    assert TOKEN not in repr(tasks.Authentik.of_environment())
    fake.held[missing].pop()
    said = create(capsys)
    assert (said.code, said.lines[-1].startswith("en Authentik no está")) == (1, True)


@pytest.mark.integration
def test_a_route_is_looked_at_from_outside_through_the_real_door(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    by_loopback(monkeypatch)
    with (
        outpost_stub() as outpost,
        backend("paginas") as behind,
        door(tmp_path, outpost.url, free_port(), LINDERO_PAGINAS_PORT=behind.port) as there,
    ):
        outpost.issuer = "http://login.localhost:1"
        url = f"{there.origin}/mapa/mapa_25-26.html"
        said = verb(capsys, "check_route", url)
        assert (said.code, said.lines) == (
            0,
            [
                "sin sesión: manda al ingreso, en login.localhost:1",
                "después del ingreso: vuelve a la página pedida",
                "con sesión: no se miró; LINDERO_SSO_COOKIE=nombre=valor, de un navegador",
            ],
        )
        ana = outpost.session("ana", "agronomia")[COOKIE]
        monkeypatch.setenv("LINDERO_SSO_COOKIE", f"{COOKIE}={ana}")
        said = verb(capsys, "check_route", url)
        assert said.lines[2:] == ["con sesión: de quién entró sólo llega lo que dice el outpost"]
        assert ana not in said.text
        monkeypatch.setenv("LINDERO_SSO_COOKIE", f"{COOKIE}=vencida")
        assert verb(capsys, "check_route", url).code == 2
        behind.name = "falsificado"
        monkeypatch.setenv("LINDERO_SSO_COOKIE", f"{COOKIE}={ana}")
        assert "llega adentro" in verb(capsys, "check_route", url).lines[-1]
        # past the door, at the backend itself: there is none before it
        said = verb(capsys, "check_route", f"http://127.0.0.1:{behind.port}/")
        assert (said.code, "contesta 200 sin sesión" in said.text) == (1, True)
    assert verb(capsys, "check_route", url).code == 4
    assert verb(capsys, "check_route", "lindero.empresa.example").code == 2


def test_a_way_back_behind_the_door_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is without the route of the callback: each address leads to the same one again."""
    answer = requests.Response()
    answer.status_code, answer.url = 302, "https://lindero.example/"
    answer.headers["Location"] = "/outpost.goauthentik.io/start?rd=x"
    monkeypatch.setattr(requests, "get", lambda *_, **__: answer)
    said = verb(capsys, "check_route", "https://lindero.example/")
    assert (said.code, "da vueltas sin llegar al ingreso" in said.text) == (1, True)


def test_the_page_asked_for_is_found_plain_and_in_the_state_of_a_login() -> None:
    asked = "https://lindero.example/runs?a=1&b=ñ"
    inside = json.dumps({"redirect": asked}, ensure_ascii=False).replace("&", "\\u0026")
    state = base64.urlsafe_b64encode(inside.encode()).decode().rstrip("=")
    at = "https://login.example/authorize?client_id=x&state="
    assert tasks.remembers(f"{at}e30.{state}.firma", asked)
    assert not tasks.remembers(f"{at}e30.e30.firma", asked)
    plain = requests.Request("GET", "https://x.example/", params={"rd": asked}).prepare().url
    assert plain is not None
    assert tasks.remembers(plain, asked)
    assert not tasks.remembers("https://x.example/?rd=https%3A%2F%2Flindero.example%2F", asked)


def by_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names below localhost are this machine's, as a browser has it."""
    import socket

    known = socket.getaddrinfo

    def found(host: Any, *more: Any, **named: Any) -> Any:
        return known("127.0.0.1" if str(host).endswith(".localhost") else host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", found)
    monkeypatch.setenv("NO_PROXY", "*")
