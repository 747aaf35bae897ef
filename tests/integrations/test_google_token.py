"""Three ways into Google, in their order; tokens renewed, saved and never shown."""

from __future__ import annotations

import json
import logging
import os
import stat
import threading
import traceback
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from Modules.cli.main import main
from Modules.demo.google_office import ACCOUNT, DEMO_GOOGLE_CLIENT, DEMO_GOOGLE_REFRESH_TOKEN
from Modules.integrations.access import GoogleAccess
from Modules.integrations.google import Google
from Modules.integrations.google_token import SCOPES, log_in
from Modules.settings import load_settings
from Modules.words.errors import ApiAuth, ApiContractChanged, PipelineError, SettingsError
from Modules.words.secret import Secret
from tests.faults.neighbours import Strike
from tests.integrations.conftest import RunningGoogle

EMAIL = "lindero@proyecto.iam.gserviceaccount.example"
CANARY = "canary-5e1f"


@pytest.fixture(scope="module")
def keys() -> tuple[str, str]:
    """A private key and its public one, as PEM."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = made.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


def grants(google: RunningGoogle) -> int:
    return len(google.statuses("/token"))


def service_account(keys: tuple[str, str]) -> dict[str, str]:
    return {
        "type": "service_account",
        "client_email": EMAIL,
        "private_key": keys[0],
        "private_key_id": "1",
        "token_uri": "https://oauth2.googleapis.com/token",
    }


def saved(path: Path, *, token: str = "old", ends: timedelta = timedelta(hours=-1)) -> Path:
    told = {
        "token": token,
        "refresh_token": DEMO_GOOGLE_REFRESH_TOKEN,
        "client_id": DEMO_GOOGLE_CLIENT[0],
        "client_secret": DEMO_GOOGLE_CLIENT[1],
        "scopes": ["something", "else"],
        "expiry": (datetime.now(UTC) + ends).isoformat().replace("+00:00", "Z"),
    }
    path.write_text(json.dumps(told))
    return path


OF_ENVIRONMENT = {"refresh_token": Secret(DEMO_GOOGLE_REFRESH_TOKEN)}


def test_a_service_account_goes_first_from_its_file_or_its_text(
    google: RunningGoogle, keys: tuple[str, str], tmp_path: Path
) -> None:
    google.office.accounts[EMAIL] = keys[1]
    google.office.refresh_tokens.clear()  # the other ways would be refused
    text = json.dumps(service_account(keys))
    (tmp_path / "key.json").write_text(text)
    token = saved(tmp_path / "token.json")
    for source in (tmp_path / "key.json", Secret(text)):
        access = google.access(service_account=source, token=token, **OF_ENVIRONMENT)
        assert Google(access).test_connection() == {"status": "ok", "account": ACCOUNT}
        assert keys[0].splitlines()[1] not in repr(access)


def test_a_service_account_of_another_key_is_refused_and_named(
    google: RunningGoogle, keys: tuple[str, str]
) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    google.office.accounts[EMAIL] = other.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()
    access = google.access(service_account=Secret(json.dumps(service_account(keys))))
    with pytest.raises(ApiAuth, match=rf"{EMAIL}\) \(invalid_grant\); bajar otra clave"):
        Google(access).search_files("Plan")
    assert grants(google) == 1


def test_a_saved_token_goes_before_the_environment_and_is_renewed_and_saved_when_over(
    google: RunningGoogle, tmp_path: Path
) -> None:
    path = saved(tmp_path / "token.json")
    path.chmod(0o644)
    access = google.access(token=path, refresh_token=Secret("no good"))
    assert Google(access).search_files("Plan") == ()
    assert grants(google) == 1
    told = json.loads(path.read_text())
    assert google.office.tokens.keys() == {told["token"]}
    assert datetime.fromisoformat(told["expiry"]) > datetime.now(UTC)
    assert told["refresh_token"] == DEMO_GOOGLE_REFRESH_TOKEN
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["token.json"]
    Google(access).search_files("Plan")
    assert grants(google) == 1  # the saved one is still good


def test_a_saved_token_that_is_good_asks_for_none(google: RunningGoogle, tmp_path: Path) -> None:
    google.office.tokens["good"] = float("inf")
    path = saved(tmp_path / "token.json", token="good", ends=timedelta(hours=1))
    Google(google.access(token=path)).search_files("Plan")
    assert grants(google) == 0


def test_a_token_that_cannot_be_saved_is_good_all_the_same(
    google: RunningGoogle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = saved(tmp_path / "token.json")
    monkeypatch.setattr(os, "fsync", full)
    assert Google(google.access(token=path)).search_files("Plan") == ()
    assert "el token renovado de Google no se guardó" in caplog.text
    assert json.loads(path.read_text())["token"] == "old"


def test_the_environment_comes_last(google: RunningGoogle, tmp_path: Path) -> None:
    access = google.access(token=tmp_path / "nobody-logged-in.json", **OF_ENVIRONMENT)
    assert Google(access).test_connection()["status"] == "ok"


def test_a_refresh_token_that_google_withdrew_says_what_to_do(
    google: RunningGoogle, tmp_path: Path
) -> None:
    google.office.refresh_tokens.clear()
    for access in (
        google.access(token=saved(tmp_path / "token.json")),
        google.access(**OF_ENVIRONMENT),
    ):
        with pytest.raises(ApiAuth, match=r"\(invalid_grant\); entrar otra vez: lindero google"):
            Google(access).search_files("Plan")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "LINDERO_GOOGLE_SERVICE_ACCOUNT o LINDERO_GOOGLE_REFRESH_TOKEN, o correr lindero"),
        ({"refresh_token": Secret("x")}, "CLIENT_ID y LINDERO_GOOGLE_CLIENT_SECRET"),
        ({"refresh_token": Secret("x"), "client_id": "x"}, "falta LINDERO_GOOGLE_CLIENT_SECRET;"),
        ({"service_account": Path("/nada.json")}, "LINDERO_GOOGLE_SERVICE_ACCOUNT no se puede"),
        ({"service_account": Secret(f"{{{CANARY}")}, "SERVICE_ACCOUNT no se puede leer como JSON"),
        ({"service_account": Secret(f'{{"private_key": "{CANARY}"}}')}, "no sirve para entrar"),
        ({"service_account": Secret("[1]")}, "no se puede leer como JSON"),
    ],
)
def test_what_is_missing_or_wrong_is_named_without_a_word_of_it(
    given: dict[str, Any], said: str
) -> None:
    client = Google(GoogleAccess(endpoint="http://127.0.0.1:9", **given))
    with pytest.raises(SettingsError, match=said) as caught:
        client.search_files("Plan")
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_the_settings_make_an_access_and_secrets_go_nowhere_in_the_open(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("CLIENT_SECRET", "REFRESH_TOKEN"):
        monkeypatch.setenv(f"LINDERO_GOOGLE_{name}", CANARY)
    monkeypatch.setenv("LINDERO_STATE_DIR", str(tmp_path))
    access = GoogleAccess.of(load_settings(tmp_path / "none"))
    assert access.token == tmp_path / "google_token.json"
    assert access.refresh_token == Secret(CANARY)
    assert CANARY not in f"{access!r} {access}"
    monkeypatch.setenv("LINDERO_GOOGLE_ENDPOINT", "http://google.example")
    with pytest.raises(SettingsError, match="LINDERO_GOOGLE_ENDPOINT tiene que ser https"):
        GoogleAccess.of(load_settings(tmp_path / "none"))


def test_no_secret_is_in_a_log_an_error_or_a_repr(
    google: RunningGoogle, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the client, of a token and of what an address of tokens may answer with."""
    caplog.set_level(logging.DEBUG)
    office, shown = google.office, list[str]()
    monkeypatch.setattr("Modules.demo.google_office.DEMO_GOOGLE_CLIENT", ("id", f"{CANARY}-secret"))
    office.refresh_tokens = {f"{CANARY}-refresh"}
    access = google.access(
        client_id="id",
        client_secret=Secret(f"{CANARY}-secret"),
        refresh_token=Secret(f"{CANARY}-refresh"),
    )
    client = Google(access, sleep=lambda _: None)
    made = office.token

    def echoing(form: Any) -> dict[str, Any]:
        return {**made(form), "access_token": f"{CANARY}-access", "id_token": f"{CANARY}-id"}

    def ends(expected: type[PipelineError]) -> None:
        with pytest.raises(expected) as caught:
            client.search_files("Plan")
        shown.extend(traceback.format_exception(caught.value))

    monkeypatch.setattr(office, "token", echoing)
    ends(ApiAuth)  # no such access token
    for answer in (
        {"id_token": CANARY},
        {"error": CANARY, "error_description": CANARY},
        [CANARY],
        {"access_token": CANARY, "expires_in": CANARY},
    ):
        monkeypatch.setattr(office, "token", lambda _, told=answer: told)
        client = Google(access, sleep=lambda _: None)
        ends(PipelineError)
    shown += [repr(client), repr(access), repr(vars(client)), caplog.text]
    assert CANARY not in "\n".join(shown)
    assert "/drive/v3/files" in caplog.text  # there was something to be seen


def test_what_is_no_token_is_said_to_be_none(
    google: RunningGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(google.office, "token", lambda _: ["x"])
    with pytest.raises(ApiContractChanged, match="algo que no es un token"):
        Google(google.access(**OF_ENVIRONMENT)).search_files("Plan")
    google.server.strike(Strike("neighbour_204", "/token"))
    with pytest.raises(ApiAuth, match="Google no da un token"):
        Google(google.access(**OF_ENVIRONMENT)).search_files("Plan")


# -- a person's login -------------------------------------------------------------------------


class Browser:
    """Opens an address as somebody would who agrees, or does not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened: list[str] = []
        self.answers = dict[str, str]()  # in place of what the page of consent sends back
        monkeypatch.setattr("webbrowser.get", lambda *_: self)
        monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # the made-up Google has no https

    def open(self, url: str, **_: object) -> bool:
        self.opened.append(url)
        threading.Thread(target=self._look, args=[url], daemon=True).start()
        return True

    def _look(self, url: str) -> None:
        back = requests.get(url, allow_redirects=False, timeout=10).headers["Location"]
        if self.answers:
            asked = {name: texts[0] for name, texts in parse_qs(urlsplit(back).query).items()}
            told = "&".join(f"{k}={v}" for k, v in {**asked, **self.answers}.items() if v)
            back = f"{back.partition('?')[0]}?{told}"
        requests.get(back, timeout=10)


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    return Browser(monkeypatch)


def test_a_person_logs_in_once_and_the_token_is_for_this_user_alone(
    google: RunningGoogle,
    browser: Browser,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LINDERO_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("LINDERO_GOOGLE_ENDPOINT", google.url)
    monkeypatch.setenv("LINDERO_GOOGLE_CLIENT_ID", DEMO_GOOGLE_CLIENT[0])
    monkeypatch.setenv("LINDERO_GOOGLE_CLIENT_SECRET", DEMO_GOOGLE_CLIENT[1])
    before = len(google.server.asked)
    with pytest.raises(SystemExit) as ended:
        main(["google", "login"])
    printed = capsys.readouterr()
    assert ended.value.code == 0, printed.err
    path = tmp_path / "state" / "google_token.json"
    assert f"El token está en {path}" in printed.out
    assert ACCOUNT in printed.out
    assert browser.opened[0] in printed.out
    asked = parse_qs(urlsplit(browser.opened[0]).query)
    assert asked["scope"] == [" ".join(SCOPES)]
    assert asked["access_type"] == ["offline"]
    assert asked["redirect_uri"][0].startswith("http://localhost:")
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    basic = b64encode(":".join(DEMO_GOOGLE_CLIENT).encode()).decode()
    (asked_for,) = [one for one in google.server.asked[before:] if one.path == "/token"]
    assert asked_for.headers["authorization"] == f"Basic {basic}"
    told = json.loads(path.read_text())
    assert told["refresh_token"] in google.office.refresh_tokens - {DEMO_GOOGLE_REFRESH_TOKEN}
    for secret in (told["token"], told["refresh_token"], DEMO_GOOGLE_CLIENT[1]):
        assert secret not in printed.out + printed.err


@pytest.mark.parametrize(
    ("answers", "error", "said"),
    [
        ({"error": "access_denied", "code": ""}, ApiAuth, "access_denied"),
        ({"code": "another"}, ApiAuth, "invalid_grant"),
        ({"state": "another"}, ApiAuth, "mismatching_state"),
    ],
)
def test_who_does_not_agree_is_told_so_and_nothing_is_saved(
    google: RunningGoogle,
    browser: Browser,
    tmp_path: Path,
    answers: dict[str, str],
    error: type[PipelineError],
    said: str,
) -> None:
    browser.answers = answers
    access = google.access(token=tmp_path / "token.json", **OF_ENVIRONMENT)
    with pytest.raises(error, match=said) as caught:
        log_in(access)
    assert DEMO_GOOGLE_CLIENT[1] not in "".join(traceback.format_exception(caught.value))
    assert list(tmp_path.iterdir()) == []


def test_who_ticks_less_than_is_needed_is_told_so(
    google: RunningGoogle, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = google.office.token
    monkeypatch.setattr(google.office, "token", lambda form: {**made(form), "scope": SCOPES[0]})
    access = google.access(token=tmp_path / "token.json", **OF_ENVIRONMENT)
    with pytest.raises(ApiAuth, match=r"faltan permisos.*tildar") as caught:
        log_in(access)
    assert not any(
        token in "".join(traceback.format_exception(caught.value)) for token in google.office.tokens
    )


def test_a_login_that_nobody_ends_or_that_has_no_client_says_so(
    google: RunningGoogle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def none(*_: object) -> None:
        import webbrowser

        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setattr("webbrowser.get", none)  # the address is printed all the same
    access = google.access(token=tmp_path / "token.json", **OF_ENVIRONMENT)
    with pytest.raises(SettingsError, match="nadie aceptó a tiempo"):
        log_in(access, patience_s=0.1)
    with pytest.raises(SettingsError, match="falta LINDERO_GOOGLE_CLIENT_ID"):
        log_in(GoogleAccess(token=tmp_path / "token.json"))
