"""The way round: short, complete, the same whatever the order of the rows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.geo.routes import short_route, visiting_order

places = st.lists(
    st.tuples(st.integers(-6200, -6000), st.integers(-3600, -3400)), min_size=1, max_size=30
).map(lambda rows: np.array(rows, dtype=float) / 100)


def length(lonlat: np.ndarray, order: list[int]) -> float:
    return float(np.linalg.norm(np.diff(lonlat[order], axis=0), axis=1).sum())


@given(lonlat=places, seed=st.integers(0, 1000))
def test_every_point_once_and_the_order_of_rows_does_not_matter(
    lonlat: np.ndarray, seed: int
) -> None:
    route = short_route(lonlat)
    assert sorted(route) == list(range(len(lonlat)))
    shuffle = np.random.default_rng(seed).permutation(len(lonlat))
    again = short_route(lonlat[shuffle])
    assert lonlat[shuffle][again].tolist() == lonlat[route].tolist()


def test_the_route_is_much_shorter_than_the_rows_as_they_come() -> None:
    rng = np.random.default_rng(1)
    lonlat = rng.uniform((-61, -35), (-60.9, -34.9), (80, 2))
    assert length(lonlat, short_route(lonlat)) < 0.4 * length(lonlat, list(range(80)))


def test_the_start_is_the_nearest_to_where_one_stands_or_the_westernmost() -> None:
    lonlat = np.array([(-60.0, -34.0), (-61.0, -34.0), (-60.5, -34.0)])
    assert short_route(lonlat) == [1, 2, 0]
    assert short_route(lonlat, start=(-59.9, -34.0)) == [0, 2, 1]
    assert short_route(np.empty((0, 2))) == []


def test_near_is_judged_on_the_ground_not_in_degrees() -> None:
    """At 50° south 0.012° east is 860 m, 0.010° north is 1110 m."""
    lonlat = np.array([(-70.0, -50.0), (-69.988, -50.0), (-70.0, -49.990)])
    assert short_route(lonlat) == [0, 1, 2]


def test_lote_after_lote_and_in_each_the_ranked_ones_first() -> None:
    lonlat = np.array([(0.00, 0), (0.01, 0), (0.02, 0), (1.00, 0), (1.01, 0), (1.02, 0)])
    groups = ["west"] * 3 + ["east"] * 3
    ranks = [None, 7, 3, None, None, 1]
    assert visiting_order(lonlat, groups, ranks).tolist() == [3, 2, 1, 6, 5, 4]


@given(lonlat=places, data=st.data())
def test_places_count_from_one_and_keep_lotes_and_ranks_together(
    lonlat: np.ndarray, data: st.DataObject
) -> None:
    n = len(lonlat)
    groups = data.draw(st.lists(st.sampled_from("abc"), min_size=n, max_size=n))
    ranks = data.draw(st.lists(st.none() | st.integers(0, 9), min_size=n, max_size=n))
    order = visiting_order(lonlat, groups, ranks)
    assert sorted(order) == list(range(1, n + 1))
    walked = [(groups[i], ranks[i]) for i in np.argsort(order)]
    changes = sum(a[0] != b[0] for a, b in pairwise(walked))
    assert changes == len(set(groups)) - 1
    for group in set(groups):
        seen = [rank for name, rank in walked if name == group]
        ranked = [rank for rank in seen if rank is not None]
        assert seen[: len(ranked)] == sorted(ranked)


def test_nothing_to_visit() -> None:
    assert visiting_order(np.empty((0, 2)), [], []).tolist() == []


@pytest.mark.parametrize("rank", [0, 1])
def test_rank_nought_is_a_rank(rank: int) -> None:
    lonlat = np.array([(0.0, 0.0), (0.1, 0.0)])
    assert visiting_order(lonlat, ["a", "a"], [None, rank]).tolist() == [2, 1]
