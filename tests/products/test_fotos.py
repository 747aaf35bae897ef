"""Photos of marks in map, KMZ and atlas: shown where they are, and nothing changes without any."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
import pytest
from PIL import Image

from Modules.demo.fotos import foto
from Modules.jobs import products
from Modules.products.atlas.product import build_atlas
from Modules.products.kmz import POR_LOTE
from Modules.products.kmz.layers import MAX_FOTOS
from Modules.products.kmz.product import build_mapas_kmz
from Modules.products.mapa.product import build_mapa
from Modules.products.muestreos.plan import plan_muestreo
from Modules.products.registry import made_by
from Modules.products.source import Fotos, Fuente
from Modules.store import fotos as store
from Modules.words.domain import Modo, Recurso
from tests.fuentes import campo, fuente_of, lote
from tests.kml_reading import KML, data, folders, parse
from tests.productos_hechos import NOW, keep, settings_below
from tests.products.mapa import leido

MARKS = 60
NAMES = ("Ñandú <b> & 'x'", "a" * 200, "علامة")


@pytest.fixture(scope="module")
def night() -> Fuente:
    """A lote with many marks, another with one, a third with none."""
    marks = [
        {
            "id": f"M{at}",
            "lote_id": "L1" if at < MARKS else "L2",
            "campania": "25/26",
            "tipo": "muestreo" if at % 2 else "plaga",
            "nombre": NAMES[at] if at < len(NAMES) else f"Punto {at}",
            "estado": "hecho",
            "fecha": "2025-11-02",
            "geometry": {
                "type": "Point",
                "coordinates": [-65.95 + (at >= MARKS) * 0.05 + 1e-4 * at, -37.995],
            },
        }
        for at in range(MARKS + 1)
    ]
    lotes = [lote(at, f"{at}", campo_at=1, cultivos=["Soja 1ra"]) for at in (1, 2, 3)]
    items = {Recurso.CAMPOS: [campo(1, "La Paz")], Recurso.LOTES: lotes}
    return fuente_of({**items, Recurso.MARCADORES: marks})


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Fotos:
    """Two photos of each mark of the first lote, the same for many; one of the second's."""
    kept = store.Fotos(tmp_path_factory.mktemp("fotos"))
    for at in (1, 2, 3):
        kept.keep(str(at), foto(at))
    one, two, three = (kept.get(str(at)) for at in (1, 2, 3))
    assert one
    assert two
    assert three
    return {f"M{at}": (one, two) for at in range(MARKS)} | {f"M{MARKS}": (three,)}


Built = Mapping[str, Path]


@pytest.fixture(scope="module")
def mapa(night: Fuente, taken: Fotos, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_mapa(night, tmp_path_factory.mktemp("mapa"), taken).carpetas["mapa"]


@pytest.fixture(scope="module")
def kmz(night: Fuente, taken: Fotos, tmp_path_factory: pytest.TempPathFactory) -> Built:
    made = build_mapas_kmz(night, tmp_path_factory.mktemp("kmz"), taken, familias=[POR_LOTE])
    return made.carpetas[POR_LOTE]


@pytest.fixture(scope="module")
def atlas(night: Fuente, taken: Fotos, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_atlas(night, tmp_path_factory.mktemp("atlas"), taken).carpetas["atlas"]


def shown(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="text/plain" id="photos">(.*?)</script>', page)
    assert found
    return dict(json.loads(found[1]))


def test_the_map_has_small_ones_inside_and_large_ones_beside_it(
    mapa: Built, taken: Fotos, tmp_path: Path, night: Fuente
) -> None:
    text = mapa["mapa_25-26.html"].read_text("utf-8")
    names = {one.nombre for own in taken.values() for one in own}
    assert set(mapa) == {"mapa_25-26.html", *(f"25-26/fotos/{name}" for name in names)}
    said = shown(text)
    assert (said["carpeta"], set(said["minis"])) == ("25-26/fotos", names)
    document, _ = leido.night(leido.packed(text))
    assert len(document["fotos"]) == len(taken)
    assert "img-src 'self' file: data:; script-src" in text
    heavy = build_mapa(night, tmp_path / "x", taken, heavy_bytes=1_000).carpetas["mapa"]
    assert shown(heavy["mapa_25-26.html"].read_text("utf-8"))["minis"] == {}
    assert set(heavy) == set(mapa)


def test_a_lote_s_kmz_has_its_first_photos_in_the_balloons(kmz: Built, taken: Fotos) -> None:
    for name, marks, many in (("1", MARKS, 2), ("2", 1, 1), ("3", 0, 0)):
        with zipfile.ZipFile(kmz[f"25-26/La Paz/La Paz - {name}.kmz"]) as archive:
            names, root = archive.namelist(), parse(archive.read("doc.kml"))
            photos = {one for one in names if one.endswith(".jpg")}
            assert all(max(Image.open(archive.open(one)).size) <= 320 for one in photos)
        own = folders(root).get("Marcadores", [])
        assert (len(own), len(photos)) == (marks, many)
        said = [mark.findtext(f"{KML}description") or "" for mark in own]
        sources = re.findall(r'src="(.*?)"', "".join(said))
        assert set(sources) == photos
        assert len(sources) == min(MAX_FOTOS, marks * many)
        if marks > 1:
            assert "2 fotos más, en el mapa" in said[-1]
        balloons = [one.text or "" for one in root.iter(f"{KML}text")]
        assert any("$[description]" in one for one in balloons) == bool(marks)
    assert data(own[0])["marcador_id"] if own else True


def test_a_lote_s_page_has_the_first_ones_with_their_sample_numbers(
    night: Fuente, atlas: Built, taken: Fotos
) -> None:
    with closing(pdfium.PdfDocument(atlas["atlas_25-26 - La Paz.pdf"])) as document:
        texts = [page.get_textpage().get_text_bounded() for page in document]
        pictures = [
            sum(one.type == pdfium.raw.FPDF_PAGEOBJ_IMAGE for one in page.get_objects(max_depth=9))
            for page in document
        ]
    assert sum(pictures) == 6 + 1
    assert sum("Fotos" in text for text in texts) == 2
    whole = " ".join(" ".join(texts).split())  # a caption may be of two lines
    assert f"Y {2 * MARKS - 6} fotos más: en el mapa." in whole
    numbers = plan_muestreo(night, puntos_por_ambiente=3, margen_m=20).puntos.set_index("punto_id")
    assert f"N.º {numbers.loc['M11', 'numero']} · Punto 11 · 02/11/2025" in whole


def test_a_single_photo_more_is_told_as_one(night: Fuente, taken: Fotos, tmp_path: Path) -> None:
    seven = {f"M{at}": taken["M0"][:1] for at in range(7)}
    made = build_atlas(night, tmp_path / "atlas", seven).carpetas["atlas"]
    with closing(pdfium.PdfDocument(made["atlas_25-26 - La Paz.pdf"])) as document:
        texts = [page.get_textpage().get_text_bounded() for page in document]
    assert "Y 1 foto más: en el mapa." in " ".join(" ".join(texts).split())


@pytest.mark.parametrize(
    "build",
    [
        lambda *given: build_mapa(*given).carpetas["mapa"],
        lambda *given: build_mapas_kmz(*given, familias=[POR_LOTE]).carpetas[POR_LOTE],
        lambda *given: build_atlas(*given).carpetas["atlas"],
    ],
    ids=["mapa", "kmz", "atlas"],
)
def test_equal_photos_give_equal_bytes_and_none_those_of_a_night_without(
    night: Fuente, taken: Fotos, tmp_path: Path, build: Callable[..., Built]
) -> None:
    def made(name: str, *fotos: Fotos) -> dict[str, bytes]:
        built = build(night, tmp_path / name, *fotos)
        return {one: path.read_bytes() for one, path in built.items()}

    with_ = made("a", taken)
    assert with_ == made("b", dict(reversed([*taken.items()])))
    without = made("c")
    assert without == made("d", {})
    assert with_ != without
    for one in without.values():
        assert b"img-src" not in one
        assert b"foto" not in one.lower() or one.startswith((b"PK", b"%PDF", b"\x89PNG"))


def test_the_order_gives_photos_to_those_that_show_them_and_they_are_made_again(
    night: Fuente, taken: Fotos, tmp_path: Path
) -> None:
    from dataclasses import replace

    settings = settings_below(tmp_path)
    snapshot = keep(settings, night.tables)
    kept, _ = products.last_accepted(settings, "25/26", Modo.TEST)
    bare = products.order(settings, Modo.TEST, kept, snapshot, NOW)
    order = replace(bare, fotos=taken)
    given = {one.nombre for one in products.PRODUCTOS if "fotos" in order.declared(one)}
    assert given == {"mapa", "atlas"}
    assert all("fotos" in order.declared(one) for one in made_by("kmz"))
    for one in products.PRODUCTOS:
        same = order.made_from(one) == bare.made_from(one)
        assert same == (one.nombre not in given)
    page = next(one for one in products.PRODUCTOS if one.nombre == "mapa")
    for encargo in (order, bare):
        (done,) = products.make(page, encargo)
        assert done.error is None
        lying = {path.relative_to(done.folder).as_posix() for path in done.folder.rglob("*.jpg")}
        names = {one.nombre for own in taken.values() for one in own} if encargo is order else set()
        assert lying == {f"25-26/fotos/{name}" for name in names}


def test_what_is_published_of_a_photo_does_not_say_where_it_was_taken(mapa: Built) -> None:
    assert Image.open(io.BytesIO(foto(1))).getexif().get_ifd(0x8825)
    for name, path in mapa.items():
        if name.endswith(".jpg"):
            assert not Image.open(io.BytesIO(path.read_bytes())).getexif()
