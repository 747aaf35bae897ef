"""The map and the report over HTTP: those two, to be read, and nothing else of the folder."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from Modules.stack.pages import make_app

PAGE = "<!doctype html><p>Ñandú"


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    folder = tmp_path / "outputs"
    for name in (
        *(
            "mapa/mapa_25-26 - La Ñandú.html",
            "mapa/.lindero.html",
            "mapa/styles.qml",
            "mapa/.old/mapa.html",
        ),
        *(
            "mapa/25-26/fotos/1.jpg",
            "mapa/below/mapa.html",
            "informe/informe_25-26.pdf",
            "informe/informe_25-26.html",
        ),
        *("cultivos/cultivos.html", "secreto.html"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(PAGE, encoding="utf-8")
    (tmp_path / "afuera.html").write_text("secreto")
    (folder / "mapa" / "enlace.html").symlink_to(tmp_path / "afuera.html")
    (folder / "mapa" / "al_lado.html").symlink_to("../secreto.html")
    (folder / "mapa" / "carpeta").symlink_to(tmp_path, target_is_directory=True)
    return folder


def ask(
    outputs: Path, path: str, method: str = "GET", headers: dict[Any, Any] | None = None
) -> httpx.Response:
    """An answer of the application, whose path is sent as it is written."""

    async def answered() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://paginas") as client:
            return await client.request(method, path, headers=headers)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LINDERO_OUTPUTS_DIR", str(outputs))
        app = make_app()
    return asyncio.run(answered())


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/mapa/mapa_25-26%20-%20La%20%C3%91and%C3%BA.html", "text/html; charset=utf-8"),
        ("/mapa/below/mapa.html", "text/html; charset=utf-8"),
        ("/mapa/25-26/fotos/1.jpg", "image/jpeg"),
        ("/informe/informe_25-26.html", "text/html; charset=utf-8"),
        ("/informe/informe_25-26.pdf", "application/pdf"),
    ],
)
def test_pages_and_papers_are_read_and_kept_by_no_cache(
    outputs: Path, path: str, kind: str
) -> None:
    answer = ask(outputs, path)
    assert (answer.status_code, answer.content.decode()) == (200, PAGE)
    assert answer.headers["Content-Type"] == kind
    assert answer.headers["Cache-Control"] == "private, no-cache"
    again = ask(outputs, path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert ask(outputs, path, "HEAD").content == b""


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/mapa/", "/informe/", "/mapa/below", "/mapa/nada.html"),
        *("/cultivos/cultivos.html", "/mapa/../cultivos/cultivos.html", "/secreto.html"),
        *("/mapa/%2e%2e/secreto.html", "/mapa/..%2fsecreto.html", "/mapa/..%5csecreto.html"),
        *("/mapa/enlace.html", "/mapa/al_lado.html", "/mapa/carpeta/afuera.html"),
        *(
            "/mapa/.lindero.html",
            "/mapa/.old/mapa.html",
            "/mapa/styles.qml",
            "/mapa//etc/passwd",
            "/mapa/a%00.html",
        ),
        *("/mapa/below/../../secreto.html", "/informe/informe_25-26.html/x"),
    ],
)
def test_nothing_else_is_shown_nor_listed(outputs: Path, path: str) -> None:
    answer = ask(outputs, path)
    assert answer.status_code == 404
    assert "secreto" not in answer.text
    assert "Ñandú" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_is_written(outputs: Path, method: str) -> None:
    assert ask(outputs, "/informe/informe_25-26.html", method).status_code == 405
    assert (outputs / "informe" / "informe_25-26.html").read_text(encoding="utf-8") == PAGE


def test_before_the_first_night_there_is_no_page_and_after_it_there_is(tmp_path: Path) -> None:
    assert ask(tmp_path / "outputs", "/mapa/mapa.html").status_code == 404
    (tmp_path / "drive").mkdir()
    (tmp_path / "outputs").mkdir()
    (tmp_path / "drive" / "mapa.html").write_text(PAGE, encoding="utf-8")
    # the folder itself may be a link, as of OneDrive
    (tmp_path / "outputs" / "mapa").symlink_to(tmp_path / "drive", target_is_directory=True)
    assert ask(tmp_path / "outputs", "/mapa/mapa.html").status_code == 200


def test_it_tells_who_was_let_in_and_no_other_header(outputs: Path) -> None:
    told = {"X-authentik-username": "ana", "Cookie": "sesion=1", "Authorization": "Bearer x"}
    raw = {name.encode(): text.encode() for name, text in told.items()}
    answer = ask(outputs, "/quien", headers={**raw, b"X-authentik-name": "Señora".encode()})
    assert answer.text == "x-authentik-name: Señora\nx-authentik-username: ana\n"
