"""Map, page of a campo and report in a real Firefox, from files: what people do with them."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pypdfium2 import PdfDocument

from Modules.diff.changes import diff_tables
from Modules.products.informe.product import build_informe
from Modules.products.mapa.product import build_mapa
from tests.fuentes import night_of
from tests.processes import patience
from tests.products.mapa import test_fondo_browser as fondo
from tests.products.mapa.fondos import HERE, places
from tests.products.mapa.test_browser import READY_S, WATCH, world
from tests.stack.firefox import Firefox, firefox

pytestmark = [pytest.mark.integration, pytest.mark.slow]  # what Chromium proves, once more
LAPTOP, PHONE = (1200, 800), (360, 740)
FRAMED = """(() => {
  const map = document.querySelector('#map').getBoundingClientRect();
  const card = document.querySelector('#card').getBoundingClientRect();
  const below = map.width - card.width < 200;
  const wide = below ? map.width : map.width - card.width;
  const high = below ? map.height - card.height : map.height;
  return JSON.stringify([map.left + wide / 2, map.top + high / 2]); })()"""
READY = "document.body.dataset.ready !== undefined"


@dataclass(frozen=True, slots=True)
class Visit:
    page: Firefox
    folder: Path

    def open(self, name: str, hash_: str = "", size: tuple[int, int] = LAPTOP) -> None:
        self.page.open((self.folder / name).as_uri() + hash_, *size)

    def ask(self, script: str) -> Any:
        return self.page.evaluate(script)

    def until(self, script: str) -> None:
        deadline = time.monotonic() + patience(READY_S)
        while not self.ask(script):
            assert time.monotonic() < deadline, (script, self.ask("faults.join()"))
            time.sleep(0.05)  # a page that works, bounded by the deadline above

    def text(self, selector: str) -> str:
        return " ".join(str(self.ask(f"document.querySelector({selector!r}).innerText")).split())

    def sound(self, width: int) -> None:
        """Nothing went wrong, nothing was asked for, nothing is wider than the window."""
        assert json.loads(self.ask("JSON.stringify(faults)")) == []
        assert self.ask("performance.getEntriesByType('resource').length") == 0
        assert self.ask("document.documentElement.scrollWidth") <= width


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    folder = tmp_path_factory.mktemp("firefox")
    with firefox() as page:  # before what is built for it: it may not be there
        before, now = world(0), world(3)
        changes = diff_tables(before, now)
        night = replace(night_of(now), changes=changes, antes=lambda: before.lotes)
        build_mapa(night, folder, heavy_bytes=0)
        build_informe(night, folder / "informe")
        page.before_each_page(WATCH)
        yield Visit(page, folder)


@pytest.mark.parametrize(
    ("name", "size"),
    [("mapa_25-26.html", LAPTOP), ("mapa_25-26 - Doña Ángela.html", PHONE)],
    ids=["laptop", "phone"],
)
def test_search_tap_filter_and_link_do_in_firefox_what_they_do_elsewhere(
    visit: Visit, name: str, size: tuple[int, int]
) -> None:
    visit.open(name, "#campo=Doña Ángela", size)
    visit.until(READY)
    visit.ask("box = document.querySelector('#query'); box.value = 'ANGELA lote 5'; box.oninput()")
    assert visit.text("#found button") == "Lote 5 lote de Doña Ángela"
    visit.ask("document.querySelector('#found button').click()")
    card = visit.text("#card")
    assert "Girasol" in card
    link = visit.ask("[...document.querySelectorAll('#card a')].pop().hash")
    visit.open(name, link, size)
    visit.until(READY)
    assert visit.text("#card") == card
    where = json.loads(visit.ask(FRAMED))
    visit.ask("document.querySelector('.close').click()")
    visit.page.tap(*map(round, where))
    visit.until("!document.querySelector('#card').hidden")
    told = visit.text("#card")
    assert told == card or "Campo Doña Ángela Lote Lote 5 " in told, "the lote, or a mark in it"
    canvas = "document.querySelector('.leaflet-overlay-pane canvas').toDataURL()"
    drawn = visit.ask(canvas)
    visit.ask("document.querySelector('.entry input').click()")
    assert visit.ask(canvas) != drawn
    visit.sound(size[0])


def test_paper_has_map_and_legend_on_a_page(visit: Visit) -> None:
    visit.open("mapa_25-26 - Doña Ángela.html")
    visit.until(READY)
    with closing(PdfDocument(visit.page.paper())) as paper:
        text = " ".join(paper[0].get_textpage().get_text_bounded().split())
        assert len(paper) == 1
    assert "10 lotes · 431,38 ha" in text, "of the company of the demo"
    assert "Buscar" not in text
    assert "Imprimir" not in text
    visit.until("!document.body.classList.contains('paper')")


def test_the_picture_below_the_lotes_is_drawn(visit: Visit, tmp_path: Path) -> None:
    here = replace(visit, folder=fondo.mapa(tmp_path / "mapa", range(10, 14), leaf_size=3))
    here.open("mapa_25-26.html")
    here.until(fondo.SHOWN)
    here.until(fondo.DRAWN)
    with Image.open(io.BytesIO(here.page.picture())) as image:
        pixels = image.convert("RGB").crop((345, 20, 1190, 700)).getcolors(1 << 20)
    colors = {fondo.color(*place) for place in places(HERE, range(13, 14))}
    assert pixels
    shown = sum(count for count, color in pixels if color in colors)
    assert shown > 0.6 * 845 * 680
    assert json.loads(here.ask("JSON.stringify(faults)")) == []


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_the_report_is_read_and_says_how_old_it_is(visit: Visit, size: tuple[int, int]) -> None:
    visit.open("informe/informe_25-26.html", size=size)
    visit.until("document.querySelector('h1 + p.aviso') !== null")
    assert "25/26" in visit.text("h1")
    visit.sound(size[0])
