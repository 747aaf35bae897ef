"""The products over HTTP: what was published and is not personal, to be read, and nothing else."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from Modules.disk.publish import publish_files
from Modules.products.registry import product_folders
from Modules.stack.pages import make_app
from Modules.words.folders import PERSONALES, PUERTA, QUE_ABRIR

PAGE = "<!doctype html><p>Ñandú"


PUBLISHED = {
    "mapa": ("mapa_25-26 - La Ñandú.html", "25-26/fotos/1.jpg", "fondo_25-26_0123456789ab.js"),
    "informe": ("informe_25-26.html", "informe_25-26.pdf"),
    "cultivos": ("resumen_25-26.xlsx", "cultivos_25-26.gpkg"),
    "proyecto": ("lindero_25-26.qgz",),
    "KMZ POR LOTE": ("25-26/La Ñandú/La Ñandú - Lote 1.kmz",),
    "sustentabilidad": ("establecimientos_25-26.xlsx",),
    "Backup_Databaler": ("25-26/x/lotes.geojson",),
    "KMZ POR CULTIVO CAMPO": ("25-26/Soja 1ra/Soja 1ra - La Ñandú.kmz",),
}
FOREIGN = (
    *("mapa/fondo.pmtiles", "mapa/otro.js"),
    *("mapa/styles.qml", "mapa/sueldos.html", "cultivos/sueldos.xlsx", "mapa/.old/mapa.html"),
    *("cultivos/cultivos_25-26 (editado 2025-11-20).gpkg", "secreto.html"),
)


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    folder = tmp_path / "outputs"
    (tmp_path / "hecho").write_text(PAGE, encoding="utf-8")
    for carpeta, names in PUBLISHED.items():
        (folder / carpeta).mkdir(parents=True)
        built = dict.fromkeys(names, tmp_path / "hecho")
        publish_files(built, folder / carpeta, snapshot_id="1", now=datetime.now(UTC))
    for name in FOREIGN:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(PAGE, encoding="utf-8")
    (tmp_path / "afuera.html").write_text("secreto")
    (folder / "mapa" / "enlace.html").symlink_to(tmp_path / "afuera.html")
    (folder / "mapa" / "al_lado.html").symlink_to("../secreto.html")
    (folder / "mapa" / "carpeta").symlink_to(tmp_path, target_is_directory=True)
    # one of ours whose place somebody's link took
    (folder / "informe" / "informe_25-26.pdf").unlink()
    (folder / "informe" / "informe_25-26.pdf").symlink_to(tmp_path / "afuera.html")
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


XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.mark.parametrize(
    ("path", "kind", "saved"),
    [
        ("mapa/mapa_25-26 - La Ñandú.html", "text/html; charset=utf-8", False),
        ("mapa/25-26/fotos/1.jpg", "image/jpeg", False),
        ("mapa/fondo_25-26_0123456789ab.js", "text/javascript; charset=utf-8", False),
        ("informe/informe_25-26.html", "text/html; charset=utf-8", False),
        ("cultivos/resumen_25-26.xlsx", XLSX, True),
        ("cultivos/cultivos_25-26.gpkg", "application/geopackage+sqlite3", True),
        ("proyecto/lindero_25-26.qgz", "application/x-qgis-project-container", True),
        (
            "KMZ POR LOTE/25-26/La Ñandú/La Ñandú - Lote 1.kmz",
            "application/vnd.google-earth.kmz",
            True,
        ),
    ],
)
def test_what_was_published_is_read_or_saved_under_its_name_and_kept_by_no_cache(
    outputs: Path, path: str, kind: str, saved: bool
) -> None:
    answer = ask(outputs, f"/{quote(path)}")
    assert (answer.status_code, answer.content.decode()) == (200, PAGE)
    assert answer.headers["Content-Type"] == kind
    said = answer.headers.get("Content-Disposition", "")
    name = quote(path.rpartition("/")[2])
    assert said == (f"attachment; filename*=UTF-8''{name}" if saved else "")
    assert answer.headers["Cache-Control"] == "private, no-cache"
    again = ask(outputs, f"/{quote(path)}", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert ask(outputs, f"/{quote(path)}", "HEAD").content == b""


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/mapa/", "/informe/", "/mapa/25-26", "/mapa/nada.html", "/KMZ%20POR%20LOTE/"),
        *("/secreto.html", "/mapa/../secreto.html", "/informe/informe_25-26.html/x"),
        *("/mapa/%2e%2e/secreto.html", "/mapa/..%2fsecreto.html", "/mapa/..%5csecreto.html"),
        *("/mapa/25-26/../../secreto.html", "/mapa//etc/passwd", "/mapa/a%00.html"),
        *("/mapa/enlace.html", "/mapa/al_lado.html", "/mapa/carpeta/afuera.html"),
        *("/informe/informe_25-26.pdf", "/mapa/.lindero.json", "/cultivos/.lindero.json"),
        *(f"/{quote(name)}" for name in FOREIGN),
        *(
            f"/{quote(f'{carpeta}/{name}')}"
            for carpeta, names in PUBLISHED.items()
            if carpeta not in PUERTA
            for name in names
        ),
        "/mapa/../sustentabilidad/establecimientos_25-26.xlsx",
        "/cultivos/..%2fsustentabilidad%2festablecimientos_25-26.xlsx",
    ],
)
def test_nothing_else_is_shown_nor_listed(outputs: Path, path: str) -> None:
    answer = ask(outputs, path)
    assert answer.status_code == 404
    assert "secreto" not in answer.text
    assert "Ñandú" not in answer.text


def test_what_the_next_night_publishes_is_shown_and_what_it_takes_away_is_not(
    outputs: Path, tmp_path: Path
) -> None:
    first, second = (f"/cultivos/{name}" for name in PUBLISHED["cultivos"])
    now, folder = datetime.now(UTC), outputs / "cultivos"
    assert ask(outputs, first).status_code == ask(outputs, second).status_code == 200
    built = {"cultivos_25-26.parquet": tmp_path / "hecho"}
    publish_files(built, folder, snapshot_id="2", now=now)
    assert ask(outputs, "/cultivos/cultivos_25-26.parquet").status_code == 200
    assert ask(outputs, first).status_code == ask(outputs, second).status_code == 404
    (folder / ".lindero.json").write_text("{")  # who has done what cannot be told
    assert ask(outputs, "/cultivos/cultivos_25-26.parquet").status_code == 404


def test_a_folder_that_the_report_links_to_is_shown_or_said_to_be_personal() -> None:
    assert set(PUERTA) | set(PERSONALES) == {"informe", *QUE_ABRIR}
    assert not set(PUERTA) & set(PERSONALES)
    assert set(PUERTA) <= set(product_folders())


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_is_written(outputs: Path, method: str) -> None:
    assert ask(outputs, "/informe/informe_25-26.html", method).status_code == 405
    assert (outputs / "informe" / "informe_25-26.html").read_text(encoding="utf-8") == PAGE


def test_before_the_first_night_there_is_no_page_and_after_it_there_is(tmp_path: Path) -> None:
    assert ask(tmp_path / "outputs", "/mapa/mapa.html").status_code == 404
    (tmp_path / "drive").mkdir()
    (tmp_path / "outputs").mkdir()
    (tmp_path / "hecho").write_text(PAGE, encoding="utf-8")
    built = {"mapa.html": tmp_path / "hecho"}
    publish_files(built, tmp_path / "drive", snapshot_id="1", now=datetime.now(UTC))
    # the folder itself may be a link, as of OneDrive
    (tmp_path / "outputs" / "mapa").symlink_to(tmp_path / "drive", target_is_directory=True)
    assert ask(tmp_path / "outputs", "/mapa/mapa.html").status_code == 200


def test_it_tells_who_was_let_in_and_no_other_header(outputs: Path) -> None:
    told = {"X-authentik-username": "ana", "Cookie": "sesion=1", "Authorization": "Bearer x"}
    raw = {name.encode(): text.encode() for name, text in told.items()}
    answer = ask(outputs, "/quien", headers={**raw, b"X-authentik-name": "Señora".encode()})
    assert answer.text == "x-authentik-name: Señora\nx-authentik-username: ana\n"
