"""The page in a real Chromium, opened from a file: what people do with it, and what it must not do.

One browser for all tests; each leaves the page as it found it or loads its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from Modules.demo.fotos import foto
from Modules.demo.world import build_world
from Modules.diff.changes import diff_tables
from Modules.night.tables import Tables, build_tables
from Modules.products.cultivos.sown import by_crop, sown, sown_crops, without_crop
from Modules.products.informe.headlines import muestreos
from Modules.products.mapa.product import build_mapa
from Modules.products.source import Fuente
from Modules.store.fotos import Fotos
from Modules.words.domain import BoundingBox, Campania, Record, Recurso
from Modules.words.spanish import hectares, number
from tests.fuentes import campo, fuente_of, lote, night_of
from tests.processes import patience
from tests.products.mapa.test_product import HOSTILE
from tests.stack.browser import Browser, browser

pytestmark = pytest.mark.integration
READY_S = 30
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
TABLET = {"width": 820, "height": 1180, "deviceScaleFactor": 1, "mobile": True}
LAPTOP = {"width": 1366, "height": 768, "deviceScaleFactor": 1, "mobile": False}
WATCH = """
window.faults = [];
addEventListener("error", (event) => faults.push(event.message));
addEventListener("securitypolicyviolation", (event) => faults.push(`policy ${event.blockedURI}`));
console.error = (...said) => faults.push(said.join(" "));
"""


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser on the pages of some nights."""

    page: Browser
    folder: Path

    def open(self, name: str, hash_: str = "", shape: dict[str, Any] = LAPTOP) -> None:
        """Load a page of the folder anew."""
        self.page.command("Emulation.setDeviceMetricsOverride", **shape)
        self.page.command("Page.navigate", url="about:blank")
        self.page.command("Page.navigate", url=(self.folder / name).as_uri() + hash_)
        self.until("document.body?.dataset.ready")

    def ask(self, script: str) -> Any:
        return self.page.evaluate(script)

    def until(self, script: str) -> None:
        deadline = time.monotonic() + patience(READY_S)
        while not self.ask(script):
            assert time.monotonic() < deadline, (script, self.ask("window.faults?.join()"))
            time.sleep(0.05)  # a page that works, bounded by the deadline above

    def text(self, selector: str) -> str:
        return " ".join(str(self.ask(f"document.querySelector({selector!r}).innerText")).split())

    def search(self, words: str) -> list[str]:
        """What is found, line by line."""
        self.ask(f"query = document.querySelector('#query'); query.value = {json.dumps(words)};"
                 "query.oninput()")  # fmt: skip
        found = (
            "JSON.stringify([...document.querySelectorAll('#found button')].map(b => b.innerText))"
        )
        return list(json.loads(self.ask(found)))

    def legend(self) -> dict[str, str]:
        """Amounts by name."""
        rows = "[...document.querySelectorAll('.entry')].map(e => e.innerText.split('\\n'))"
        return {
            " ".join(row[0].split()): " ".join(row[-1].split())
            for row in json.loads(self.ask(f"JSON.stringify({rows})"))
        }

    def faults(self) -> list[str]:
        return list(json.loads(self.ask("JSON.stringify(window.faults)")))


def world(day: int) -> Tables:
    items = build_world("small", day=day)
    records = {r: [Record(item, 1, i) for i, item in enumerate(items.items(r))] for r in Recurso}
    return build_tables(records, campania=Campania(25, 26), encodings={}, bbox=BoundingBox()).tables


@pytest.fixture(scope="module")
def fuente() -> Fuente:
    """The fourth night of the made-up company, with what changed since the first."""
    now = world(3)
    return replace(night_of(now), changes=diff_tables(world(0), now))


@pytest.fixture(scope="module")
def visit(fuente: Fuente, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    folder = tmp_path_factory.mktemp("mapa")
    build_mapa(fuente, folder)
    with browser() as page:
        page.command("Network.enable")
        page.before_each_page(WATCH)
        yield Visit(page, folder)


def test_a_whole_visit_asks_the_network_for_nothing(visit: Visit) -> None:
    visit.page.events.clear()
    visit.open("mapa_25-26.html")
    visit.search("jose")
    visit.ask("document.querySelector('#found button').click()")
    visit.ask("document.querySelector('[value=ambientes]').click()")
    asked = [
        event["params"]["request"]["url"]
        for event in visit.page.events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert {url.split(":")[0] for url in asked} <= {"file", "about"}
    assert len([url for url in asked if url.startswith("file")]) == 1
    assert visit.ask("performance.getEntriesByType('resource').length") == 0
    assert visit.faults() == []


def test_the_legend_has_the_hectares_of_the_tables_and_follows_the_campo(
    visit: Visit, fuente: Fuente
) -> None:
    visit.open("mapa_25-26.html")
    rows = sown(fuente.tables)
    table = by_crop(rows, sown_crops(fuente.tables))
    wanted = {row.cultivo: hectares(row.sembrada_ha) for row in table.itertuples()}
    wanted["Sin cultivo"] = hectares(without_crop(fuente.tables)["superficie_ha"].sum())
    shown = visit.legend()
    assert {name: shown[name] for name in wanted} == wanted
    one = rows[(rows["campo_id"] == "1002") & (rows["cultivo"] == "Soja 2da")]
    visit.ask("location.hash = '#campo=' + encodeURIComponent('san jose (1002)')")
    visit.until("document.querySelector('#campo').selectedOptions[0].text === 'San José (1002)'")
    assert visit.legend()["Soja 2da"] == hectares(one["superficie_ha"].sum())
    visit.ask("document.querySelector('[value=ambientes]').click()")
    own = fuente.tables.ambientes
    own = own[(own["campo_id"] == "1002") & (own["potencial"] == "alto")]
    assert visit.legend()["Potencial alto"] == hectares(own["superficie_ha"].sum())


@pytest.mark.parametrize("words", ["ÑANDU", "la paz ñandú", "nandu paz"])
def test_a_search_knows_neither_accents_nor_order(visit: Visit, words: str) -> None:
    visit.open("mapa_25-26.html")
    assert visit.search(words)[0].split("\n")[0] == "La Paz - Ñandú"
    assert visit.search("esto no está en ningún lado") == []
    assert "Nada con esas palabras" in visit.text("#found")


def test_a_lote_found_is_framed_told_and_linked(visit: Visit, fuente: Fuente) -> None:
    visit.open("mapa_25-26.html")
    changed = next(one for one in fuente.changes.lotes if one.que.startswith("borde"))
    found = visit.search(f"{changed.lote} {changed.campo}")
    at = found.index(f"{changed.lote}\nlote de {changed.campo}")
    visit.ask(f"document.querySelectorAll('#found button')[{at}].click()")
    card = visit.text("#card")
    row = fuente.tables.lotes.set_index("lote_id").loc[changed.lote_id]
    assert hectares(row["superficie_ha"]) in card
    assert row["cultivos"] in card
    assert f"Cambió la noche del 20/11/2025: {changed.que}: {changed.detalle}" in card
    assert visit.ask("document.activeElement.id") == "card"
    link = visit.ask("[...document.querySelectorAll('#card a')].pop().hash")
    visit.open("mapa_25-26.html", link)
    assert visit.text("#card") == card
    visit.ask("document.querySelector('.close').click()")
    assert visit.ask("document.querySelector('#card').hidden")


def test_a_mark_is_where_it_is_and_not_in_the_middle_of_its_lote(
    visit: Visit, fuente: Fuente
) -> None:
    marks = fuente.tables.marcadores
    mark = marks[marks["tipo"] == "muestreo"].iloc[-1]
    visit.open("mapa_25-26.html")
    visit.search(mark["marcador"])
    visit.ask("document.querySelector('#found button').click()")
    x, y = mark.geometry.x, mark.geometry.y
    assert f"{number(y, 5)}; {number(x, 5)} ·".replace("-", "−") in visit.text("#card")
    way = "document.querySelector('#card a').href"
    lat, lon = map(float, visit.ask(way).removeprefix("geo:").split(","))
    assert (lat, lon) == pytest.approx((y, x), abs=2e-7), "a centimetre or two"


def test_a_link_to_a_name_that_two_campos_have_says_which_they_are(visit: Visit) -> None:
    visit.open("mapa_25-26.html", "#campo=San José")
    said = "Hay 2 campos que se llaman San José: San José (1002), San José (1003). Elija uno."
    assert visit.text("#notice") == said
    chosen = "document.querySelector('#campo').selectedOptions[0].text"
    for name, shown in (("1002", "San José (1002)"), ("El Ombú (1001)", "El Ombú"),
                        ("nadie", "Todos los campos")):  # fmt: skip
        visit.open("mapa_25-26.html", f"#campo={name}")
        assert visit.ask(chosen) == shown
    assert visit.text("#notice") == "No hay un campo que se llame nadie."


def test_the_lote_that_is_named_is_found_before_a_campo_with_its_number(visit: Visit) -> None:
    visit.open("mapa_25-26.html")
    assert visit.search("san jose 1")[0] == "1\nlote de San José (1002)"


def test_samples_still_to_be_taken_are_those_of_the_report(visit: Visit, fuente: Fuente) -> None:
    counts = muestreos(fuente.tables).set_index("campo").loc["San José (1002)"]
    many = counts["hechos"] + counts["abiertos"]
    visit.open("mapa_25-26.html", "#campo=San José (1002)")
    assert visit.legend()["Muestreo"] == f"{many} ({counts['abiertos']} por hacer)"
    assert "hacer" not in visit.legend()["Maleza"]


def test_a_tap_tells_what_lies_under_the_finger(visit: Visit, fuente: Fuente) -> None:
    home = fuente.tables.campos.set_index("campo_id").loc["1002", "campo"]
    visit.open("mapa_25-26.html", f"#campo={home}")
    box = "document.querySelector('#map').getBoundingClientRect()"
    x = visit.ask(f"{box}.left + {box}.width / 2")
    y = visit.ask(f"{box}.top + {box}.height / 2")
    for kind in ("mousePressed", "mouseReleased"):
        visit.page.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left",
                           clickCount=1)  # fmt: skip
    visit.until("!document.querySelector('#card').hidden")
    card = visit.text("#card")
    assert home in card
    assert "la noche del 20/11/2025" in card


def test_what_is_switched_off_is_not_drawn(visit: Visit) -> None:
    visit.open("mapa_25-26.html", "#campo=Doña Ángela")
    white = """(() => {
      const canvas = document.querySelector('canvas');
      const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
      let drawn = 0;
      for (let i = 3; i < data.length; i += 4) drawn += data[i] > 0;
      const share = (colour) => {
        let found = 0;
        for (let i = 0; i < data.length; i += 4) {
          found += colour.every((one, at) => Math.abs(data[i + at] - one) < 12);
        }
        return found / drawn;
      };
      return share([255, 255, 255]); })()"""
    before = visit.ask(white)
    visit.ask("document.querySelectorAll('.entry input').forEach((one) => one.click())")
    after = visit.ask(white)
    assert before < 0.1
    assert after > 0.8, "outlines and names alone"


def test_the_changes_lead_to_their_lotes(visit: Visit, fuente: Fuente) -> None:
    visit.open("mapa_25-26.html")
    assert "Cambios de la noche del 20/11/2025" in visit.text("#changes")
    new = next(one for one in fuente.changes.lotes if one.que == "lote nuevo")
    press = "[...document.querySelectorAll('#changes button')].find((one) => one.innerText.includes"
    visit.ask(f"{press}('lote nuevo')).click()")
    assert visit.text("#card h2") == new.lote
    visit.ask(f"{press}('datos del campo')).click()")
    assert visit.ask("document.querySelector('#card').hidden")
    assert visit.text("h1") == f"Mapa 25/26 · {fuente.changes.campos[0].campo}"


def test_a_mark_says_that_it_is_new_and_is_ringed_among_the_changes(
    visit: Visit, fuente: Fuente
) -> None:
    news = [one for one in fuente.changes.marcas if one.que == "nuevo"]
    mark = next(one for one in news if one.detalle == "muestreo")  # their names are one alone
    visit.open("mapa_25-26.html")
    said = f"{mark.campo} · {mark.lote} marcadores: 1 nuevo ({mark.nombre}, muestreo)"
    assert said in visit.text("#changes")
    assert "Marcador nuevo o cambiado" not in visit.text("#legend")
    visit.search(mark.nombre)
    visit.ask("document.querySelector('#found button').click()")
    assert "Novedad Nuevo en el lote la noche del 20/11/2025: muestreo Campo" in visit.text("#card")
    visit.ask("document.querySelector('#card .close').click()")
    rings = """(() => {
      const canvas = document.querySelector('canvas'), context = canvas.getContext('2d');
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      const yellow = (i) => data[i] === 255 && data[i + 1] === 214 && data[i + 2] === 0;
      let found = 0;
      for (let i = 0; i < data.length; i += 4) found += yellow(i);
      return found; })()"""
    assert visit.ask(rings) == 0
    visit.ask("document.querySelector('[value=cambios]').click()")
    assert "Marcador nuevo o cambiado" in visit.text("#legend")
    assert "sin aro" not in visit.text("#legend")
    assert visit.ask(rings) > 40
    changed = {one.id for one in fuente.changes.marcas}
    old = fuente.tables.marcadores
    old = old[~old["marcador_id"].isin(changed) & (old["tipo"] == "muestreo")].iloc[0]
    visit.search(old["marcador"])
    visit.ask("document.querySelector('#found button').click()")
    assert "Novedad" not in visit.text("#card")
    quiet = set(fuente.tables.campos["campo"]) - {one.campo for one in fuente.changes.marcas}
    visit.open("mapa_25-26.html", f"#campo={min(quiet)}")
    visit.ask("document.querySelector('[value=cambios]').click()")
    assert "Sigue igual" in visit.text("#legend")
    assert "Marcador nuevo o cambiado" not in visit.text("#legend"), "there is none in this campo"


def test_a_single_mark_that_is_not_ringed_is_told_of_as_one(
    visit: Visit, fuente: Fuente, tmp_path: Path
) -> None:
    there = set(fuente.tables.marcadores["marcador_id"])
    out = next(one for one in fuente.changes.marcas if one.id in there)
    some = tuple(one for one in fuente.changes.marcas if one is not out)
    build_mapa(replace(fuente, changes=replace(fuente.changes, marcas=some)), tmp_path)
    other = Visit(visit.page, tmp_path)
    other.open("mapa_25-26.html")
    other.ask("document.querySelector('[value=cambios]').click()")
    assert "Además, sin aro en todo el mapa: 1 marcador. La lista" in other.text("#legend")


@pytest.mark.parametrize("open_first", ["", "#open-panel"])
def test_nothing_is_wider_than_a_phone_nor_too_small_to_touch(
    visit: Visit, open_first: str
) -> None:
    visit.open("mapa_25-26.html", "#campo=Doña Ángela", PHONE)
    if open_first:
        visit.ask(f"document.querySelector('{open_first}').click()")
    assert visit.ask("document.documentElement.scrollWidth") == 360
    wide = """JSON.stringify([...document.querySelectorAll('body *:not(canvas, script, bdi)')]
      .filter((one) => one.getClientRects().length && !one.closest('.leaflet-pane, .unseen'))
      .filter((one) => one.getBoundingClientRect().right > 361)
      .map((one) => one.outerHTML.slice(0, 80)))"""
    assert json.loads(visit.ask(wide)) == []
    small = """JSON.stringify([...document.querySelectorAll('button, select, label')]
      .filter((one) => one.getClientRects().length && one.getBoundingClientRect().height < 24)
      .map((one) => one.outerHTML.slice(0, 80)))"""
    assert json.loads(visit.ask(small)) == []


@pytest.mark.parametrize("shape", [PHONE, TABLET, LAPTOP], ids=["phone", "tablet", "laptop"])
def test_the_card_of_a_lote_leaves_it_in_sight(
    visit: Visit, fuente: Fuente, shape: dict[str, Any]
) -> None:
    row = fuente.tables.lotes.set_index("lote_id").loc["10063"]
    visit.open("mapa_25-26.html", f"#campo={row['campo']}&lote=10063", shape)
    free, card = (
        json.loads(visit.ask(f"JSON.stringify(document.querySelector('{one}')"
                             ".getBoundingClientRect())")) for one in ("#map", "#card")
    )  # fmt: skip
    below = card["width"] == free["width"]
    room = {
        "right": free["right"] if below else card["left"],
        "bottom": card["top"] if below else free["bottom"],
    }
    blue = """(() => {
      const canvas = document.querySelector('canvas'), box = canvas.getBoundingClientRect();
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const found = { left: 9e9, top: 9e9, right: -9e9, bottom: -9e9 };
      for (let i = 0; i < data.length; i += 4) {
        if (data[i] !== 13 || data[i + 1] !== 71 || data[i + 2] !== 161) continue;
        const x = box.left + (i / 4 % canvas.width) * box.width / canvas.width;
        const y = box.top + Math.floor(i / 4 / canvas.width) * box.height / canvas.height;
        Object.assign(found, { left: Math.min(found.left, x), top: Math.min(found.top, y) });
        Object.assign(found, { right: Math.max(found.right, x) });
        Object.assign(found, { bottom: Math.max(found.bottom, y) });
      }
      return JSON.stringify(found); })()"""
    lote = json.loads(visit.ask(blue))  # its outline, as it is drawn where it is chosen
    assert lote["left"] >= free["left"]
    assert lote["top"] >= free["top"]
    assert lote["right"] <= room["right"]
    assert lote["bottom"] <= room["bottom"]


def test_no_word_of_the_legend_is_cut_and_no_number_leaves_its_unit(visit: Visit) -> None:
    visit.open("mapa_25-26.html")
    broken = """JSON.stringify([...document.querySelectorAll('.entry bdi')].filter((one) => {
      const words = one.innerText.split(/\\s+/).length;
      return one.getClientRects().length > words; }).map((one) => one.innerText))"""
    assert json.loads(visit.ask(broken)) == []
    parted = "/\\d (ha|%|km|m)\\b/.test(document.querySelector('{}').innerText)"
    for part in ("#legend", "#changes"):
        assert not visit.ask(parted.format(part)), part
    visit.open("mapa_25-26.html", "#lote=10063")
    assert "13,02 ha" in visit.text("#card")
    assert not visit.ask(parted.format("#card"))
    assert "Plaga:\u00a02" in visit.ask("document.querySelector('#card').innerText")


def test_the_degrees_of_the_grid_are_whole_and_over_no_other_text(visit: Visit) -> None:
    visit.open("mapa_25-26.html", "#campo=Doña Ángela")
    written = """(() => {
      const found = [], proto = CanvasRenderingContext2D.prototype, write = proto.fillText;
      proto.fillText = function (text, x, y) {
        const wide = this.measureText(text).width, box = this.canvas.getBoundingClientRect();
        const left = box.left + x - (this.textAlign === 'center' ? wide / 2 : 0);
        found.push([text, left, left + wide, box.top + y]);
        write.call(this, text, x, y);
      };
      document.querySelector('[value=cambios]').click();
      proto.fillText = write;
      const free = document.querySelector('#map').getBoundingClientRect();
      return JSON.stringify([free, found]); })()"""
    free, texts = json.loads(visit.ask(written))
    degrees = [one for one in texts if one[0].endswith("°")]
    assert len(degrees) > 4
    for text, left, right, base in degrees:
        assert free["left"] <= left, text
        assert right <= free["right"], text
        assert free["top"] <= base - 9, text
        others = [one for one in texts if one[0] != text and abs(one[3] - base) < 9]
        assert not [one for one in others if one[1] < right and one[2] > left], text


@pytest.mark.parametrize("hash_", ["", "#campo=Doña Ángela"], ids=["far", "near"])
def test_the_scale_says_its_length_within_its_bar(visit: Visit, hash_: str) -> None:
    visit.open("mapa_25-26.html", hash_, PHONE)
    room = """(() => { const bar = document.querySelector('.leaflet-control-scale-line');
      return bar.clientWidth - bar.scrollWidth; })()"""
    assert visit.ask(room) == 0


@pytest.mark.parametrize("shape", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_axe_finds_nothing_serious(visit: Visit, shape: dict[str, Any]) -> None:
    axe = files("axe_core_python").joinpath("axe.min.js").read_text("utf-8")
    visit.open("mapa_25-26.html", "#campo=Doña Ángela", shape)
    visit.search("ángela")
    visit.ask("document.querySelector('#open-panel').click()")
    visit.ask(axe)
    visit.ask("axe.run().then((found) => { window.said = found.violations; })")
    visit.until("Boolean(window.said)")
    serious = json.loads(visit.ask(
        "JSON.stringify(said.map((one) => [one.impact, one.id,"
        " one.nodes.map((node) => node.html.slice(0, 120) + node.failureSummary)]))"
    ))  # fmt: skip
    assert serious == []


def test_no_name_of_a_user_runs_or_breaks_the_page(visit: Visit) -> None:
    names = [*HOSTILE, "x" * 200]
    fuente = fuente_of(
        {
            Recurso.CAMPOS: [campo(at, name) for at, name in enumerate(names)],
            Recurso.LOTES: [
                lote(at, name, campo_at=at, cultivos=[name]) for at, name in enumerate(names)
            ],
        }
    )
    build_mapa(fuente, visit.folder / "odd")
    visit.open("odd/mapa_25-26.html", shape=PHONE)
    for name in names:
        found = visit.search(name[:60])
        assert found, name
        visit.ask("document.querySelectorAll('#found button')[1].click()")
        assert visit.ask("document.querySelector('#card h2').textContent") == name
        assert visit.ask("document.documentElement.scrollWidth") == 360, name
    assert visit.ask("document.title") == "Mapa 25/26"
    assert visit.ask("document.querySelectorAll('#card img, #found img, #card script').length") == 0
    assert visit.faults() == []


def test_keys_alone_find_a_lote_and_bring_it_near(visit: Visit) -> None:
    visit.open("mapa_25-26.html")
    for key, code, text in (("Tab", 9, ""), *((one, 0, one) for one in "triangulo"),
                            ("Enter", 13, "\r")):  # fmt: skip
        visit.page.command("Input.dispatchKeyEvent", type="keyDown", key=key, text=text,
                           windowsVirtualKeyCode=code)  # fmt: skip
        visit.page.command("Input.dispatchKeyEvent", type="keyUp", key=key)
    assert visit.ask("document.activeElement.id") == "card"
    assert "Triángulo" in visit.text("#card h2")
    visit.ask("document.querySelector('.close').click()")
    assert visit.ask("document.activeElement.id") == "map"
    visit.ask("document.querySelector('#legend .small').focus(); document.activeElement.click()")
    assert visit.ask("document.activeElement.ariaLabel") == "Todos: Cultivos", "it is made again"
    visit.ask("""[...document.querySelectorAll('#changes button')]
      .find((one) => one.innerText.includes('datos del campo')).focus();
      document.activeElement.click()""")
    assert visit.ask("document.activeElement.id") == "map"
    scale = visit.text(".leaflet-control-scale-line")
    visit.page.command("Input.dispatchKeyEvent", type="keyDown", key="-", text="-",
                       windowsVirtualKeyCode=189)  # fmt: skip
    visit.until(f"document.querySelector('.leaflet-control-scale-line').innerText !== '{scale}'")


def test_a_browser_that_refuses_the_place_says_so_in_words(visit: Visit) -> None:
    visit.page.command(
        "Browser.setPermission", permission={"name": "geolocation"}, setting="denied"
    )
    visit.open("mapa_25-26.html")
    visit.ask("document.querySelector('#locate').click()")
    visit.until("document.querySelector('#notice').innerText.includes('no dio permiso')")
    assert visit.ask("document.querySelector('#locate').getAttribute('aria-pressed')") == "false"
    visit.page.command(
        "Browser.setPermission", permission={"name": "geolocation"}, setting="granted"
    )


@pytest.mark.parametrize("named", ["4", "Lote 5"])
def test_the_place_is_told_by_its_lote(visit: Visit, fuente: Fuente, named: str) -> None:
    row = fuente.tables.lotes[fuente.tables.lotes["lote"] == named].iloc[0]
    spot = row["geometry"].representative_point()
    visit.page.command(
        "Browser.setPermission", permission={"name": "geolocation"}, setting="granted"
    )
    visit.page.command(
        "Emulation.setGeolocationOverride", latitude=spot.y, longitude=spot.x, accuracy=8
    )
    visit.open("mapa_25-26.html")
    visit.ask("document.querySelector('#locate').click()")
    visit.until("document.querySelector('#notice').innerText.includes('Está en el ')")
    said = f"Está en el {'' if named[0] == 'L' else 'lote '}{named} de {row['campo']} (± 8 m)"
    assert said in visit.text("#notice"), "of which campo, for many have a lote 4"


def test_paper_has_the_map_the_legend_and_no_buttons(visit: Visit) -> None:
    visit.open("mapa_25-26.html", "#campo=Doña Ángela")
    visit.ask("window.print = () => 0; document.querySelector('#print').click()")
    assert visit.ask("document.querySelector('#query').getClientRects().length") == 0
    assert visit.ask("document.querySelector('nav').getClientRects().length") == 0
    assert abs(visit.ask("document.querySelector('#map').clientWidth") - 186 / 25.4 * 96) < 4
    assert "Doña Ángela" in visit.text("h1")
    assert "Soja" in visit.text("#legend")
    visit.ask("window.dispatchEvent(new Event('afterprint'))")
    assert visit.ask("document.querySelector('nav').getClientRects().length") == 1


def test_a_file_that_is_cut_says_so(visit: Visit) -> None:
    whole = (visit.folder / "mapa_25-26.html").read_text("utf-8")
    at = whole.index('id="data">') + 10
    cut = whole[: at + 4_000] + whole[whole.index("</script>", at) :]
    (visit.folder / "cut.html").write_text(cut, encoding="utf-8")
    visit.page.command("Page.navigate", url=(visit.folder / "cut.html").as_uri())
    visit.until("document.querySelector('#notice')?.innerText.includes('no se pudo abrir')")


def test_a_mark_shows_its_photos_from_inside_or_from_beside_or_says_where_they_are(
    visit: Visit, fuente: Fuente, tmp_path: Path
) -> None:
    kept = Fotos(tmp_path)
    kept.keep("1", foto(3))
    own = kept.get("1")
    assert own
    images = "[...document.querySelectorAll('.photos img')]"
    for heavy, beside, wanted in ((3_000_000, False, [240]), (1, True, [900]), (1, False, [])):
        folder = tmp_path / f"{heavy}-{beside}"
        built = build_mapa(fuente, folder, {"m-10067-025": (own,)}, heavy_bytes=heavy)
        large = folder / "25-26" / "fotos" / own.nombre
        if beside:
            large.parent.mkdir(parents=True)
            large.write_bytes(built.carpetas["mapa"][f"25-26/fotos/{own.nombre}"].read_bytes())
        there = replace(visit, folder=folder)
        there.open("mapa_25-26.html", shape=PHONE)
        there.ask("location.hash = '#campo=1005&lote=10067'")
        there.until("document.querySelector('.photos') !== null")
        there.until(f"{images}.every((one) => one.complete)")
        widths = there.ask(f"JSON.stringify({images}.map((one) => one.naturalWidth))")
        assert json.loads(widths) == wanted
        assert ("está en la carpeta" in there.text("#card")) == (not wanted)
        assert there.ask("document.documentElement.scrollWidth") <= PHONE["width"]
        assert there.faults() == []
