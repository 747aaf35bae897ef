"""EUDR features: four properties, six decimals, areas that add up, files that fit."""

from __future__ import annotations

import json
import re

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from Modules.geo.geometry import geodesic_area_ha
from Modules.products.eudr.check import check_eudr
from Modules.products.eudr.declare import PROPERTIES, Declared, Plot, collections, declare

LON, LAT = -61.5, -34.25  # as JSON prints them, one and two decimals


def _plot(shape: shapely.Geometry, lote_id: str = "1", producer: str = "Agro Ñandú") -> Plot:
    return Plot(lote_id, producer, "AR", f"El Ombú - {lote_id}", shape)


def _features(declared: list[Declared]) -> list[dict[str, object]]:
    return [json.loads(text) for one in declared for text in one.features]


def _square(side: float, lon: float = LON, lat: float = LAT) -> shapely.Polygon:
    return shapely.box(lon, lat, lon + side, lat + side)


def test_coordinates_have_six_decimals_also_where_they_are_zeros() -> None:
    (one,) = declare([_plot(_square(0.01))])
    numbers = re.findall(r"-?\d+\.\d+", one.features[0].split("coordinates")[1])
    assert len(numbers) == 10
    assert all(re.fullmatch(r"-?\d+\.\d{6}", number) for number in numbers)
    assert "-61.500000" in numbers


def test_zero_has_no_sign() -> None:
    (one,) = declare([_plot(_square(0.01, -1e-9, -1e-9))])
    assert "[0.000000,0.000000]" in one.features[0]
    assert "-0.000000" not in one.features[0]


def test_the_properties_are_the_four_and_no_others() -> None:
    (feature,) = _features(declare([_plot(_square(0.01))]))
    assert tuple(feature["properties"]) == PROPERTIES  # type: ignore[arg-type]
    assert set(feature) == {"type", "properties", "geometry"}


def test_a_lote_with_a_hole_in_parts_keeps_its_area() -> None:
    ring = _square(0.01).difference(_square(0.002, LON + 0.004, LAT + 0.004))
    shape = shapely.MultiPolygon([ring, _square(0.003, LON + 0.02)])
    declared = declare([_plot(shape)])
    features = _features(declared)
    assert len(features) == 3
    assert {feature["geometry"]["type"] for feature in features} == {"Polygon"}  # type: ignore[index]
    total = sum(feature["properties"]["Area"] for feature in features)  # type: ignore[index]
    assert total == pytest.approx(float(geodesic_area_ha([shape])[0]), abs=2e-3)
    assert declared[0].grid.holes_cut == 1


def test_a_point_stands_for_a_small_plot_only_when_asked_for() -> None:
    plots = [_plot(_square(0.0019), "small"), _plot(_square(0.0023, LON + 1), "large")]
    kinds = {
        points: [
            feature["geometry"]["type"] for feature in _features(declare(plots, points=points))
        ]  # type: ignore[index]
        for points in (False, True)
    }
    assert kinds == {False: ["Polygon", "Polygon"], True: ["Point", "Polygon"]}
    small = declare(plots, points=True)[0]
    position = json.loads(small.features[0])["geometry"]["coordinates"]
    assert plots[0].geometry.contains(shapely.Point(position))
    assert small.as_point


def test_what_collapses_gives_no_feature_and_is_said() -> None:
    dust = shapely.box(LON, LAT, LON + 2e-7, LAT + 2e-7)
    (one,) = declare([_plot(dust)])
    assert one.features == ()
    assert one.grid.parts_lost == 1
    assert one.before_ha > 0
    assert one.declared_ha == 0


def test_no_plots_give_an_empty_collection() -> None:
    ((data, owners),) = collections(declare([]))
    assert json.loads(data) == {"type": "FeatureCollection", "features": []}
    assert owners == []


@given(st.integers(400, 4000), st.integers(0, 12))
def test_files_stay_below_the_limit_and_lose_nothing(limit: int, count: int) -> None:
    plots = [_plot(_square(0.01, LON + 0.02 * i), str(i)) for i in range(count)]
    declared = declare(plots)
    files = collections(declared, limit)
    assert all(len(data) <= limit for data, _ in files)
    owners = [owner for _, owners in files for owner in owners]
    assert owners == [str(i) for i in range(count)]
    together = [feature for data, _ in files for feature in json.loads(data)["features"]]
    assert together == _features(declared)
    assert all(owners for _, owners in files) or count == 0


def test_pieces_of_a_lote_stay_in_one_file() -> None:
    ring = _square(0.01).difference(_square(0.002, LON + 0.004, LAT + 0.004))
    plots = [_plot(_square(0.01, LON - 1), "before"), _plot(ring, "ring")]
    declared = declare(plots)
    ring_size = sum(len(text) + 2 for text in declared[1].features)
    files = collections(declared, ring_size + 60)  # 60: the frame of a file
    assert [owners for _, owners in files] == [["before"], ["ring", "ring"]]


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_name_gives_valid_json_without_control_characters(producer: str, place: str) -> None:
    plot = Plot("1", producer, "AR", place, _square(0.01))
    ((data, _),) = collections(declare([plot]))
    report = check_eudr(data, "x")
    assert report.passed
    properties = json.loads(data)["features"][0]["properties"]
    assert not re.search(
        r"[\x00-\x1f\x7f]", properties["ProducerName"] + properties["ProductionPlace"]
    )
