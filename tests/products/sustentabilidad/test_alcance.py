"""What is declared and what is doubted: covered crops under any name, countries by outline."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import shapely

from Modules.night.tables import build_tables
from Modules.products.eudr.alcance import commodity
from Modules.products.eudr.check import check_eudr_file
from Modules.products.eudr.paises import countries_of
from Modules.products.source import Fuente
from Modules.products.sustentabilidad.product import build_sustentabilidad
from Modules.settings import read_settings
from Modules.words.domain import BoundingBox, Recurso
from Modules.words.errors import SettingsError
from tests.field_cases import fetched_of
from tests.fuentes import campo, fuente_of, lote
from tests.sample_tables import SEASON

ALL, CONTROL = "eudr_25-26.geojson", "eudr_control_25-26.csv"


def control(files: dict[str, Path], regla: str) -> dict[str, tuple[str, str, str]]:
    """Level, result and detail of one rule, by lote."""
    with files[CONTROL].open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["Regla"] == regla]
    return {row["Lote"]: (row["Nivel"], row["Resultado"], row["Detalle"]) for row in rows}


def case(path: Path, like: Fuente) -> Fuente:
    """The tables of a world of the field."""
    fetched = {name: one.records for name, one in fetched_of(path).items()}
    built = build_tables(fetched, campania=SEASON, encodings={}, bbox=BoundingBox())
    assert built.tables.rechazados.empty
    return Fuente(built.tables, SEASON, like.snapshot_id, like.changes, like.zone)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("Soja RR", "soja"),
        ("SOJA1RA", "soja"),
        ("So\u200bja 1ª", "soja"),
        ("Poroto de soja", "soja"),
        ("Glycine max (L.)", "soja"),
        ("SOYA", "soja"),
        ("soy beans", "soja"),
        ("Trigo/Soja 2da", "soja"),
        ("Palma africana", "palma aceitera"),
        ("Dendê", "palma aceitera"),
        ("Café", "café"),
        ("Coffea arabica", "café"),
        ("cacau", "cacao"),
        ("Seringueira", "caucho"),
        ("Hevea", "caucho"),
        ("Forestación (pino)", "madera"),
        ("Eucaliptus", "madera"),
        ("Ganadería", "ganado"),
        ("Gado de corte", "ganado"),
        ("Bos taurus", "ganado"),
    ],
)
def test_a_word_of_a_commodity_tells_in_any_language(name: str, what: str) -> None:
    assert commodity(name) == what
    assert commodity(None, name) == what


@pytest.mark.parametrize("name", ["Maíz", "Vicia", "Soyuz 3", "Moha", "Hulera", "Bovril"])
def test_other_names_tell_of_none(name: str) -> None:
    assert commodity(name, "", None) is None


@pytest.mark.shared
def test_soja_under_any_name_is_declared(
    shared_data: Path, demo_fuente: Fuente, tmp_path: Path
) -> None:
    """Case 03: seven lotes, six of them under names that the catalogue does not know."""
    fuente = case(shared_data / "cases" / "03-soja-names.json", demo_fuente)
    files, avisos = build_sustentabilidad(fuente, tmp_path)
    said = control(files, "alcanzado")
    assert {lote: result for lote, (_, result, _) in said.items()} == dict.fromkeys(
        [f"L{i}" for i in range(1, 8)], "cumple"
    )
    assert said["L6"][2] == "se declara con 1 polígono; «Glycine max» se declara por su nombre"
    assert said["L7"][2] == "se declara con 1 polígono"
    assert check_eudr_file(files[ALL]).passed
    (aviso,) = avisos
    assert "grises en el mapa" in aviso
    assert "Glycine max (soja)" in aviso


def test_another_commodity_is_an_error_and_never_no_corresponde(tmp_path: Path) -> None:
    lotes = [
        lote(1, "palmar", campo_at=1, cultivos=["Palma aceitera"]),
        lote(2, "monte", campo_at=1, cultivos=["Soja 1ra", "Forestación"]),
        lote(3, "vicia", campo_at=1, cultivos=["Vicia"]),
    ]
    fuente = fuente_of({Recurso.CAMPOS: [campo(1, "A", empresa="E")], Recurso.LOTES: lotes})
    files, avisos = build_sustentabilidad(fuente, tmp_path)
    other = control(files, "otro_producto")
    assert "vicia" not in other
    assert other == {
        "palmar": ("error", "no cumple", "«Palma aceitera» es palma aceitera"),
        "monte": ("error", "no cumple", "«Forestación» es madera"),
    }
    results = {lote: result for lote, (_, result, _) in control(files, "alcanzado").items()}
    assert results == {"monte": "cumple", "vicia": "no corresponde"}
    assert "de otro producto, sin declarar: 2 lotes" in avisos[0]


# --- countries -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lon", "lat", "near"),
    [
        (-61.98, -34.0, ("AR",)),  # General Villegas
        (-57.9, -33.3, ("UY",)),  # Soriano
        (-55.9, -25.3, ("PY",)),  # Caaguazú
        (-53.0, -27.9, ("BR",)),  # Rio Grande do Sul
        (-62.9, -17.3, ("BO",)),  # Santa Cruz
        (-71.5, -35.0, ("CL",)),  # Maule
        (-68.55, -54.2, ("AR", "CL")),  # Tierra del Fuego
        (-58.15, -32.45, ("AR", "UY")),  # islands of the river Uruguay
        (-56.87, -27.55, ("AR", "PY")),  # Yacyretá
        (-57.99, -31.39, ("AR", "UY")),  # Concordia
        (-45.0, -40.0, ()),  # the sea
    ],
)
def test_a_plot_is_where_an_outline_says_or_it_is_a_doubt(
    lon: float, lat: float, near: tuple[str, ...]
) -> None:
    found = countries_of(shapely.box(lon, lat, lon + 0.01, lat + 0.008))
    assert tuple(sorted(found)) == near


@pytest.mark.shared
def test_lotes_in_uruguay_and_paraguay_are_not_argentine(
    shared_data: Path, demo_fuente: Fuente, tmp_path: Path
) -> None:
    """Case 02: the rectangle of Argentina holds both."""
    fuente = case(shared_data / "cases" / "02-uruguay-paraguay.json", demo_fuente)
    files, avisos = build_sustentabilidad(fuente, tmp_path)
    text = files[ALL].read_text(encoding="utf-8")
    assert '"ProducerCountry":"UY"' in text
    assert '"ProducerCountry":"PY"' in text
    assert {result for _, result, _ in control(files, "pais").values()} == {"cumple"}
    assert any("fuera de AR" in aviso for aviso in avisos)
    written = files[ALL].with_name("ajeno.geojson")
    written.write_text(text.replace('"UY"', '"AR"').replace('"PY"', '"AR"'), encoding="utf-8")
    broken = [one for one in check_eudr_file(written).broken() if one.code == "dentro_del_pais"]
    said = [note.rpartition(" ")[2] for one in broken for note in one.notes]
    plots = [plot["properties"]["ProducerCountry"] for plot in json.loads(text)["features"]]
    assert said == [country for country in plots if country != "AR"]


def test_a_lote_at_the_border_is_a_named_doubt_until_a_person_resolves_it(tmp_path: Path) -> None:
    river = shapely.box(-57.99, -31.39, -57.98, -31.382)
    lotes = [lote(1, "costa", campo_at=7, cultivos=["Soja 1ra"], shape=river)]
    fuente = fuente_of({Recurso.CAMPOS: [campo(7, "A", empresa="E")], Recurso.LOTES: lotes})
    files, avisos = build_sustentabilidad(fuente, tmp_path / "a")
    campo_id = fuente.tables.lotes["campo_id"].iloc[0]
    level, result, detail = control(files, "pais")["costa"]
    assert (level, result) == ("error", "no cumple")
    assert "puede ser UY o AR" in detail
    assert f"LINDERO_EUDR_PAISES={campo_id}=UY" in detail
    assert any("no se sabe en qué país" in aviso and "A - costa" in aviso for aviso in avisos)
    (looked,) = (one for one in check_eudr_file(files[ALL]).rows() if one.code == "dentro_del_pais")
    assert looked.what == "sin evaluar"

    said = read_settings({"lindero_eudr_paises": f" {campo_id}=UY, 9=AR"}).lindero_eudr_paises
    files, avisos = build_sustentabilidad(fuente, tmp_path / "b", paises=dict(said))
    assert control(files, "pais")["costa"] == ("error", "cumple", "UY")
    assert '"ProducerCountry":"UY"' in files[ALL].read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["1=ARG", "AR", "=AR", "1=ar", "1:AR"])
def test_what_names_no_country_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="LINDERO_EUDR_PAISES"):
        read_settings({"lindero_eudr_paises": text})
