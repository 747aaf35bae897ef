"""The picture below the lotes in a real Chromium, from a file: where it lies, without network."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from math import asinh, pi, radians, tan
from pathlib import Path
from time import monotonic

import pytest
import shapely
from PIL import Image

from Modules.products.mapa.product import build_mapa
from Modules.products.source import propio_of
from Modules.words.domain import Recurso
from tests.fuentes import campo, fuente_of, lote
from tests.products.mapa import fondos
from tests.products.mapa.test_browser import WATCH, Visit
from tests.stack.browser import browser

pytestmark = pytest.mark.integration
LON, LAT = -65.95, -37.95  # what the window shows is around it, and no lote
ZOOM = 15  # to which the page comes when it is told that we stand there
SHOWN = "Boolean(document.querySelector('#ground-switch'))"
DRAWN = """[...document.querySelectorAll('canvas.leaflet-tile')].length > 1 &&
[...document.querySelectorAll('canvas.leaflet-tile')].every((one) => one.style.opacity === '1')"""
PATIENCE_S = 30
LAYER = "document.querySelectorAll('canvas.leaflet-tile').length"


def color(z: int, x: int, y: int) -> tuple[int, int, int]:
    """Neighbours, and zooms, are far apart."""
    return 60 * (x % 4), 60 * (y % 4), 15 * z


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    with browser() as page:
        page.command("Network.enable")
        page.command("Browser.setPermission", permission={"name": "geolocation"}, setting="granted")
        page.command("Emulation.setGeolocationOverride", latitude=LAT, longitude=LON, accuracy=1)
        page.before_each_page(WATCH)
        yield Visit(page, tmp_path_factory.mktemp("mapa"))


def mapa(folder: Path, zooms: range, kind: str = "PNG", leaf_size: int = 0) -> Path:
    """A map of two lotes in corners of the picture."""
    folder.mkdir()
    corners = shapely.box(-65.999, -38, -65.99, -37.99), shapely.box(-65.91, -37.91, -65.9, -37.9)
    items = {
        Recurso.CAMPOS: [campo(1, "La Paz")],
        Recurso.LOTES: [lote(at, f"{at}", campo_at=1, shape=one) for at, one in enumerate(corners)],
    }
    path = fondos.archive(
        folder / "fondo.pmtiles",
        lambda *place: fondos.plain(color(*place), kind, 64),
        zooms=zooms,
        credit="<b>Vuelo</b> propio",
        leaf_size=leaf_size,
    )
    build_mapa(fuente_of(items), folder, None, propio_of(path))
    return folder


def seen(visit: Visit) -> dict[tuple[int, int], tuple[int, ...]]:
    """The colour of the window at places around its middle, by pixels east and south of it."""
    left, top, wide, high = (
        int(visit.ask(f"document.querySelector('#map').getBoundingClientRect().{side}"))
        for side in ("left", "top", "width", "height")
    )
    with Image.open(io.BytesIO(visit.page.picture())) as image:
        picture = image.convert("RGB")
    around = [(dx, dy) for dx in (-310, -170, -40, 45, 290) for dy in (-230, -70, 60, 200)]
    return {
        (dx, dy): picture.getpixel((left + wide // 2 + dx, top + high // 2 + dy))  # type: ignore[misc]
        for dx, dy in around
    }


def wanted(dx: int, dy: int, z: int) -> tuple[int, int, int] | None:
    """What is there by the rules of the projection alone; None within 3 pixels of another tile."""
    x = (LON / 360 + 0.5) * 256 * 2**ZOOM + dx
    y = (0.5 - asinh(tan(radians(LAT))) / (2 * pi)) * 256 * 2**ZOOM + dy
    side = 256 * 2 ** (ZOOM - z)
    if min(x % side, y % side, side - x % side, side - y % side) < 3:
        return None
    return color(z, int(x // side), int(y // side))


def stand(visit: Visit, zooms: range, most: int = 0) -> int:
    """Have the map around the place, its picture drawn, no colour off by more; its zoom there."""
    visit.until(SHOWN)
    visit.ask("document.querySelector('#locate').click()")
    visit.until("document.querySelector('#notice').innerText.includes('fuera de los lotes')")
    visit.until(DRAWN)
    z, give_up = min(max(ZOOM, zooms.start), zooms.stop - 1), monotonic() + PATIENCE_S
    while other := [
        (at, found, there)
        for at, found in seen(visit).items()
        if (there := wanted(*at, z)) is not None
        and max(abs(a - b) for a, b in zip(found, there, strict=True)) > most
    ]:  # the tiles of the zoom before stand until those of this one are drawn
        assert monotonic() < give_up, other
    return z


@pytest.mark.parametrize(
    ("zooms", "kind", "leaf_size"),
    [
        (range(10, ZOOM + 1), "PNG", 0),
        (range(10, ZOOM + 1), "PNG", 5),
        (range(9, 13), "PNG", 0),
        (range(ZOOM + 1, ZOOM + 3), "WEBP", 3),
        (range(9, 14), "JPEG", 0),
    ],
    ids=["same", "leaves", "beyond its last zoom", "before its first zoom", "jpeg"],
)
def test_each_tile_is_drawn_where_it_lies_and_the_network_is_asked_for_nothing(
    visit: Visit, tmp_path: Path, zooms: range, kind: str, leaf_size: int
) -> None:
    here = replace(visit, folder=mapa(tmp_path / "mapa", zooms, kind, leaf_size))
    visit.page.events.clear()
    here.open("mapa_25-26.html")
    z = stand(here, zooms, 0 if kind == "PNG" else 8)
    assert sum(wanted(*at, z) is not None for at in seen(here)) > 10
    assert here.text(".credit") == "Vuelo propio"
    asked = [
        event["params"]["request"]["url"]
        for event in visit.page.events
        if event["method"] == "Network.requestWillBeSent"
    ]
    files = [url for url in asked if url.startswith("file:")]
    assert len(files) == 2, "the page and the script"
    assert all(url.startswith(("file:", "about:")) for url in asked)
    assert here.faults() == []


def test_it_is_switched_off_left_out_on_paper_and_told_where_it_is_missing(
    visit: Visit, tmp_path: Path
) -> None:
    here = replace(visit, folder=mapa(tmp_path / "mapa", range(10, 14)))
    here.open("mapa_25-26.html")
    stand(here, range(10, 14))
    with_it = seen(here)
    here.ask("document.querySelector('#ground-switch input').click()")
    assert here.ask(LAYER) == 0
    assert here.text(".credit") == ""
    without = seen(here)
    assert sum(without[at] != found for at, found in with_it.items()) > 15
    here.ask("document.querySelector('#ground-switch input').click()")
    here.until(DRAWN)
    assert seen(here) == with_it
    here.ask("window.print = () => 0; document.querySelector('#print').click()")
    hidden = "document.querySelector('.leaflet-tile-pane').getClientRects().length"
    assert here.ask(hidden) == 0
    assert here.ask("document.querySelector('#ground-switch').getClientRects().length") == 0
    here.ask("window.dispatchEvent(new Event('afterprint'))")
    assert here.ask(hidden) == 1
    (script,) = here.folder.glob("fondo_*.js")
    script.unlink()
    here.open("mapa_25-26.html")
    said = f"Sin imagen de fondo: al lado de este mapa falta {script.name}"
    here.until(f"document.querySelector('.credit').textContent === {said!r}")
    assert here.text("#legend").startswith("2 lotes")
    assert here.ask("document.documentElement.scrollWidth <= innerWidth")


def test_another_script_beside_the_page_is_not_let_run_but_by_its_name(
    visit: Visit, tmp_path: Path
) -> None:
    here = replace(visit, folder=mapa(tmp_path / "mapa", range(10, 14)))
    (here.folder / "otro.js").write_text("document.title = 'no'")
    here.open("mapa_25-26.html")
    here.ask("document.body.append(Object.assign(document.createElement('script'),"
             " { src: 'otro.js' }))")  # fmt: skip
    here.until("window.faults.some((one) => one.startsWith('policy'))")
    assert here.ask("document.title") == "Mapa 25/26"


def test_an_old_browser_says_so_and_shows_the_map(visit: Visit, tmp_path: Path) -> None:
    here = replace(visit, folder=mapa(tmp_path / "mapa", range(10, 14)))
    old = here.page.command(
        "Page.addScriptToEvaluateOnNewDocument", source="delete window.DecompressionStream"
    )
    here.open("mapa_25-26.html")
    assert "este navegador es muy viejo" in here.text(".credit")
    assert here.text("#card").strip() == ""
    assert here.faults() == []
    here.page.command("Page.removeScriptToEvaluateOnNewDocument", **old)
