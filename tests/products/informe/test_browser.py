"""The page in a real Chromium, as it opens from a file: phone, laptop, no request, axe-core."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path

import pytest

from Modules.diff.changes import diff_tables
from Modules.formats.report_page import Seccion, html_of, tabla
from Modules.products.informe.product import build_informe
from tests.fuentes import night_of
from tests.processes import patience
from tests.products.mapa.test_browser import world
from tests.stack.browser import browser

pytestmark = pytest.mark.integration


def test_a_folder_is_a_link_from_a_file_and_a_text_from_a_server(tmp_path: Path) -> None:
    """No server of ours lists a folder; OneDrive's and a file's do."""
    build_informe(night_of(world(0)), tmp_path / "informe", {"atlas": ("atlas_25-26 - A.pdf",)})
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    links = "JSON.stringify([...document.links].map(a => a.getAttribute('href')))"
    with browser() as page, ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        at = "informe/informe_25-26.html"
        page.text_of((tmp_path / at).as_uri(), "Todos los productos")
        from_file = set(json.loads(page.evaluate(links)))
        assert {"../atlas/", "../sustentabilidad/", "../KMZ%20POR%20LOTE/"} <= from_file
        said = page.text_of(
            f"http://127.0.0.1:{server.server_address[1]}/{at}",
            *("(en la carpeta sustentabilidad)", "(en la carpeta KMZ POR LOTE)"),
        )
        assert "(en la carpeta atlas)" not in said  # its files are listed
        served = set(json.loads(page.evaluate(links)))
        assert from_file - served == {one for one in from_file if one.endswith("/")}
        assert "../atlas/atlas_25-26%20-%20A.pdf" in served
        server.shutdown()


def test_a_phone_reads_it_without_a_request_and_axe_finds_nothing(tmp_path: Path) -> None:
    before, now = world(0), world(3)
    night = replace(night_of(now), changes=diff_tables(before, now), antes=lambda: before.lotes)
    build_informe(night, tmp_path)
    axe = (files("axe_core_python") / "axe.min.js").read_text("utf-8")
    with browser() as page:
        page.command("Network.enable")
        for width in (360, 1366):
            page.command(
                "Emulation.setDeviceMetricsOverride",
                width=width, height=740, deviceScaleFactor=1, mobile=width < 500,
            )  # fmt: skip
            page.events.clear()
            page.command("Page.navigate", url=(tmp_path / "informe_25-26.html").as_uri())
            deadline = time.monotonic() + patience(30)
            while not page.evaluate("document.querySelector('h1 + p.aviso') !== null"):
                assert time.monotonic() < deadline, "the page does not say how old it is"
                time.sleep(0.05)  # a page that works, bounded by the deadline above
            asked = [
                event["params"]["request"]["url"]
                for event in page.events
                if event["method"] == "Network.requestWillBeSent"
            ]
            assert [url.split(":")[0] for url in asked] == ["file"]
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.evaluate(f"(0, eval)({json.dumps(axe)}), null")
            page.evaluate("window.found = null, axe.run().then(r => window.found = r), null")
            while not page.evaluate("window.found !== null"):
                assert time.monotonic() < deadline
                time.sleep(0.05)  # bounded by the deadline above
            bad = page.evaluate(
                "JSON.stringify(found.violations.filter(v => ['serious', 'critical']"
                ".includes(v.impact)).map(v => [v.id, v.nodes.map(n => n.html)]))"
            )
            assert json.loads(bad) == []
        # the widest table that a report has, of the campaña's
        head = ("Tipo", "Total", "Anulado", "Hecho", "Planificado")
        rows = [("infraestructura", *(["1.617"] * 4))]
        marks = Seccion("m", "Marcadores", (), tabla("Por tipo", head, rows, 1, 2, 3, 4))
        (tmp_path / "wide.html").write_text(html_of("Informe", [marks]), encoding="utf-8")
        page.command("Emulation.setDeviceMetricsOverride",
                     width=360, height=740, deviceScaleFactor=1, mobile=True)  # fmt: skip
        page.command("Page.navigate", url=(tmp_path / "wide.html").as_uri())
        page.await_words("Por tipo", "1.617")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
