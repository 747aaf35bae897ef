"""One day of farming after another: what changes in the portal from night to night.

A day touches less than two in a hundred of anything: some lotes are resown, some borders move
to a neighbour, a lagoon dries up a little, marks are set and taken away; on odd days a lote gets
another name, on each fifth day (the first included) a campo gets a new lote.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import shapely
from shapely.geometry import Polygon

from Modules.demo import shapes
from Modules.demo.plan import FIRST_NEW_LOTE, CompanyPlan, LotePlan, rotation, seeded
from Modules.demo.shapes import Area, Block

BORDER_M = 22.0  # how far a border moves
THIN_M = 0.6  # half of the width below which a spur of a joined lote is nobody's
NEAR_M = 25.0  # a lote nearer than this is the neighbour that gains


def on_day(plan: CompanyPlan, day: int) -> CompanyPlan:
    """The plan after ``day`` days, each one applied to the one before."""
    for today in range(1, day + 1):
        rng = plan.rng("day", today)
        some = max(1, len(plan.lotes) // 400)
        for _ in range(some):
            plan = _resown(plan, rng, today)
            plan = _border_moved(plan, rng, today)
        plan = _lagoon_dried(plan, rng, today)
        for _ in range(3 * some):
            lote = rng.choice(plan.lotes)
            marks = (*lote.new_marks, (today, rng.randint(1, 2)))
            plan = plan.with_lotes([replace(lote, new_marks=marks)])
        if today % 2 == 1:
            lote = rng.choice(plan.lotes)
            nombre = f"Potrero {today} (ex {lote.first_nombre})"
            plan = plan.with_lotes([replace(lote, nombre=nombre, changed_day=today)])
        if today % 3 == 0:
            plan = _mark_dropped(plan, rng)
        if today % 5 == 1:
            plan = _new_lote(plan, rng, today)
    return plan


def _pick(rng: Random, lotes: Sequence[LotePlan]) -> LotePlan | None:
    return rng.choice(lotes) if lotes else None


def _resown(plan: CompanyPlan, rng: Random, day: int) -> CompanyPlan:
    lote = _pick(rng, [lote for lote in plan.lotes if lote.cultivos])
    if lote is None:
        return plan
    crops = lote.cultivos
    while crops == lote.cultivos or not crops:
        crops = rotation(rng)
    return plan.with_lotes([replace(lote, cultivos=crops, sown_day=day, changed_day=day)])


def _reshaped(plan: CompanyPlan, lote: LotePlan, area: Area, day: int) -> LotePlan | None:
    """The lote with another outline, its ambientes cut anew along the same lines.

    None where the new outline has something so thin that it would not outlive the rounding.
    """
    rng = seeded(plan.seed, "ambientes", lote.lote_id)
    whole, pieces = shapes.ambientes(rng, area, len(lote.first_ambientes))
    if not shapely.is_valid(lote.campo.frame.to_degrees([whole, *pieces])).all():
        return None
    return replace(
        lote,
        area=whole,
        ambientes=tuple(pieces),
        changed_day=day,
        shape_version=lote.shape_version + 1,
    )


def _border_moved(plan: CompanyPlan, rng: Random, day: int) -> CompanyPlan:
    """A strip goes from one lote to its neighbour; where there is none, to the road."""
    simple = [
        lote
        for lote in plan.lotes
        if isinstance(lote.area, Polygon) and lote.area.area > 2e5 and lote.area.is_valid
    ]
    lote = _pick(rng, simple)
    if lote is None:
        return plan
    strip = shapes.side_strip(lote.area, BORDER_M)
    area = shapes.take_off(lote.area, strip)
    given = shapes.take_off(lote.area, area) if area is not None else None
    if area is None or given is None:
        return plan
    smaller = _reshaped(plan, lote, area, day)
    if smaller is None:
        return plan
    gaining = _neighbour(plan, lote, given)
    grown = None if gaining is None else _joined(gaining.area, given, area)
    if gaining is None or grown is None:
        return plan.with_lotes([smaller])
    larger = _reshaped(plan, gaining, grown, day)
    return plan.with_lotes([smaller] if larger is None else [smaller, larger])


def _neighbour(plan: CompanyPlan, lote: LotePlan, strip: Area) -> LotePlan | None:
    """The lote of the same campo that lies along most of the strip."""
    reach = strip.buffer(NEAR_M, cap_style="square", join_style="mitre")
    min_x, min_y, max_x, max_y = strip.bounds
    best, most = None, 0.25 * NEAR_M * max(max_x - min_x, max_y - min_y)
    for other in plan.lotes:
        if other.campo is lote.campo and other is not lote and other.area.is_valid:
            shared = shapely.area(shapely.intersection(reach, other.area))
            if shared > most:
                best, most = other, shared
    return best


def _joined(area: Area, strip: Area, leave: Area) -> Area | None:
    """``area`` with the strip beside it, the gap between them closed, clear of ``leave``."""
    near = area.buffer(NEAR_M, cap_style="square", join_style="mitre")
    strip = shapely.intersection(strip, near)  # what lies farther along goes to the road
    reach = strip.buffer(NEAR_M, cap_style="square", join_style="mitre")
    bridge = shapely.intersection(reach, near).buffer(0.01)
    between = shapely.intersection(bridge, shapely.convex_hull(shapely.union(strip, area)))
    joined = shapely.union_all([area, strip, between])
    opened = joined.buffer(-THIN_M, join_style="mitre").buffer(THIN_M, join_style="mitre")
    return shapes.take_off(opened, leave)


def _lagoon_dried(plan: CompanyPlan, rng: Random, day: int) -> CompanyPlan:
    lote = _pick(rng, [lote for lote in plan.lotes if shapes.dry_lagoon(lote.area) is not None])
    area = None if lote is None else shapes.dry_lagoon(lote.area)
    drier = None if lote is None or area is None else _reshaped(plan, lote, area, day)
    return plan if drier is None else plan.with_lotes([drier])


def _mark_dropped(plan: CompanyPlan, rng: Random) -> CompanyPlan:
    marked = [lote for lote in plan.lotes if lote.marcas > len(lote.dropped_marks) + 1]
    lote = _pick(rng, marked)
    if lote is None:
        return plan
    left = [mark for mark in range(lote.marcas) if mark not in lote.dropped_marks]
    dropped = lote.dropped_marks | {rng.choice(left)}
    return plan.with_lotes([replace(lote, dropped_marks=dropped)])


def _new_lote(plan: CompanyPlan, rng: Random, day: int) -> CompanyPlan:
    """A lote rented beside the largest campo: it changes that campo by little."""
    counts = Counter(lote.campo.campo_id for lote in plan.lotes)
    campo = max(plan.campos, key=lambda one: (counts[one.campo_id], one.campo_id))
    index = day // 5
    side = 420.0
    x0 = campo.block.x1 + 30 + (index // 6) * (side + 20)
    y0 = campo.block.y0 + (index % 6) * (side + 20)
    drawn = shapes.digitised(rng, Block(x0, y0, x0 + side, y0 + side))
    lote_id = str(FIRST_NEW_LOTE + day)
    area, pieces = shapes.ambientes(seeded(plan.seed, "ambientes", lote_id), drawn, 2)
    nombre = f"Anexo {index + 1}"
    lote = LotePlan.drawn(lote_id, campo, nombre, area, pieces, ("SOJ1",), 2, day)
    return plan.with_lotes([lote])
