"""The slow way gives what the fast one does, where both can."""

from __future__ import annotations

import h3
import numpy as np
import pytest
import shapely

from Modules.geo.h3_areas import straight_areas_m2
from Modules.geo.h3_border import cut
from Modules.geo.h3_cells import cell_areas_m2
from Modules.geo.h3_cover import cover_polygon

LOTE = shapely.Polygon(
    [(-61.5, -33.2), (-61.48, -33.202), (-61.488, -33.18), (-61.501, -33.181)],
    [[(-61.497, -33.195), (-61.492, -33.195), (-61.494, -33.199)]],
)


@pytest.mark.parametrize("resolution", [5, 8, 9, 10, 11])
def test_fast_and_slow_agree(resolution: int) -> None:
    side = h3.average_hexagon_edge_length(resolution, unit="m")
    rim, inside = cut(shapely.orient_polygons(LOTE), resolution, side)
    fast = cover_polygon(LOTE, resolution)
    slow = dict(zip(rim.cell.tolist(), (rim.area_m2 / rim.cell_m2).tolist(), strict=True))
    slow = {cell: share for cell, share in slow.items() if share > 1e-9}
    slow |= dict.fromkeys(inside.tolist(), 1.0)
    ours = dict(zip(fast.cell.tolist(), fast.fraccion.tolist(), strict=True))
    assert set(ours) == set(slow)
    for cell, share in ours.items():
        assert share == pytest.approx(slow[cell], abs=1e-8)


def test_its_parts_add_up() -> None:
    rim, inside = cut(shapely.orient_polygons(LOTE), 10, 65.0)
    total = rim.area_m2.sum() + cell_areas_m2(inside, 10).sum()
    assert len(inside) > 50
    assert not set(inside.tolist()) & set(rim.cell.tolist())
    assert total == pytest.approx(straight_areas_m2(np.array([LOTE], dtype=object))[0], rel=1e-8)
