"""A geometry that takes too long to repair is refused in time, and nothing else is."""

from __future__ import annotations

import time

import numpy as np
import pytest
import shapely

from Modules.geo.geometry import Repaired, Unreadable, geodesic_area_ha, make_valid, usable
from Modules.night.repair import BoundedRepair
from Modules.words.domain import BoundingBox, Motivo

POLYGONS = ("Polygon", "MultiPolygon")


def star(points: int, seed: int = 0) -> shapely.Polygon:
    """A random walk from point to point within a degree: nearly every edge crosses every other."""
    return shapely.Polygon(np.random.default_rng(seed).uniform((-63, -35), (-62, -34), (points, 2)))


def bow_tie() -> shapely.Polygon:
    return shapely.Polygon([(-62, -34), (-61.99, -33.99), (-61.99, -34), (-62, -33.99)])


def test_the_star_is_refused_within_its_limit_and_its_neighbour_is_repaired() -> None:
    begin = time.monotonic()
    refused, mended = usable(
        [star(30_000), bow_tie()],
        types=POLYGONS,
        bbox=BoundingBox(),
        mend=BoundedRepair(limit_s=2.0),
    )
    assert time.monotonic() - begin < 30  # unbounded, it takes many minutes
    assert isinstance(refused, Unreadable)
    assert refused.motivo is Motivo.GEOMETRIA_IRREPARABLE
    assert "demasiado tiempo" in refused.detalle
    assert isinstance(mended, Repaired)
    assert mended.changed


@pytest.mark.parametrize("points", [5, 60])
def test_the_child_repairs_as_this_process_does(points: int) -> None:
    shape = star(points)
    there = BoundedRepair(small=0)(shape)
    assert there is not None
    assert shapely.to_wkb(there) == shapely.to_wkb(make_valid(shape))


def test_a_night_full_of_stars_ends_when_its_budget_is_spent() -> None:
    mend = BoundedRepair(limit_s=1.0, budget_s=2.0)
    begin = time.monotonic()
    assert [mend(star(30_000, seed)) for seed in range(50)] == [None] * 50
    assert time.monotonic() - begin < 30


def test_a_polygon_as_large_as_a_country_is_refused_and_a_large_lote_is_not() -> None:
    country, estancia = shapely.box(-70, -50, -55, -25), shapely.box(-62.2, -34.2, -62, -34)
    area = float(geodesic_area_ha([estancia])[0])
    large, fine = usable(
        [country, estancia], types=POLYGONS, bbox=BoundingBox(), max_area_ha=area + 1
    )
    assert isinstance(large, Unreadable)
    assert large.motivo is Motivo.SUPERFICIE_IMPOSIBLE
    assert isinstance(fine, Repaired)
    (refused,) = usable([estancia], types=POLYGONS, bbox=BoundingBox(), max_area_ha=area - 1)
    assert isinstance(refused, Unreadable)


@pytest.mark.parametrize("place", [(-63.0, 1e9), (0.0, 0.0)])
def test_a_hole_far_outside_is_not_hidden_by_its_shell(place: tuple[float, float]) -> None:
    x, y = place
    hole = [(x, y), (x + 0.1, y), (x + 0.1, y + 0.1), (x, y)]
    shape = shapely.Polygon(shapely.box(-62.01, -34.01, -62, -34).exterior, [hole])
    (refused,) = usable([shape], types=POLYGONS, bbox=BoundingBox())
    assert isinstance(refused, Unreadable)
    assert refused.motivo in (Motivo.COORDENADA_INVALIDA, Motivo.FUERA_DEL_AREA)
