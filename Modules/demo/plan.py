"""The made-up company as a plan: campos with frames, lotes with shapes, what stands on them.

A plan is what ``days`` moves on and ``items`` writes down. Shapes are metres in the frame of their
campo. All chance comes from ``Random`` seeded with text, so a plan depends on its arguments only.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from shapely.geometry import Polygon

from Modules.demo import shapes, words
from Modules.demo.shapes import Area, Block, Frame
from Modules.geo.arrays import M2_PER_HA

SLOT_DEG = 0.12  # one campo per slot of this many degrees: they never touch
FIRST_CAMPO, FIRST_LOTE, FIRST_NEW_LOTE = 1_000, 10_000, 60_000


@dataclass(frozen=True, slots=True)
class Size:
    campos: int
    lotes: int
    ambientes: int
    marcadores: int


SIZES = {
    "mini": Size(3, 12, 36, 60),
    "small": Size(12, 150, 450, 2_400),
    "company": Size(150, 2_500, 7_500, 40_000),
    "stress": Size(1_500, 25_000, 75_000, 400_000),
}


@dataclass(frozen=True, slots=True)
class CampoPlan:
    campo_id: str
    nombre: str
    codigo: str
    lugar: words.Lugar
    frame: Frame
    block: Block


@dataclass(frozen=True, slots=True)
class LotePlan:
    """A lote as it is on a day.

    ``first`` and ``first_ambientes`` are as first drawn: marks are placed on them, so that a
    border that moves does not move the marks.
    """

    lote_id: str
    campo: CampoPlan
    nombre: str
    first: Area
    area: Area
    first_ambientes: tuple[Area, ...]
    ambientes: tuple[Area, ...]
    cultivos: tuple[str, ...]  # codes; words.DESCONOCIDO for one that no catalogue knows
    marcas: int
    first_nombre: str  # marks are labelled with it, and keep their labels
    sown_day: int = 0
    changed_day: int = 0
    shape_version: int = 1
    new_marks: tuple[tuple[int, int], ...] = ()  # (day, how many)
    dropped_marks: frozenset[int] = frozenset()

    @classmethod
    def drawn(
        cls, lote_id: str, campo: CampoPlan, nombre: str, whole: Area, pieces: Sequence[Area],
        cultivos: tuple[str, ...], marcas: int, day: int = 0,
    ) -> LotePlan:  # fmt: skip
        """A lote as it is on the day on which it is first drawn."""
        cut = tuple(pieces)
        return cls(
            lote_id, campo, nombre, whole, whole, cut, cut, cultivos, marcas, nombre, day, day
        )


@dataclass(frozen=True, slots=True)
class CompanyPlan:
    seed: int
    campania: str
    lotes: tuple[LotePlan, ...] = field(repr=False)
    campos: tuple[CampoPlan, ...] = field(repr=False)

    def rng(self, *what: object) -> Random:
        """Chance for one thing of this plan: the same thing has the same luck every time."""
        return seeded(self.seed, *what)

    def with_lotes(self, changed: Sequence[LotePlan]) -> CompanyPlan:
        """The plan with these lotes in place of those of the same id; new ones at the end."""
        by_id = {lote.lote_id: lote for lote in changed}
        kept = [by_id.pop(lote.lote_id, lote) for lote in self.lotes]
        return replace(self, lotes=(*kept, *by_id.values()))


def seeded(seed: int, *what: object) -> Random:
    """A source of chance that depends on nothing but its arguments."""
    return Random(":".join([str(seed), *(str(part) for part in what)]))  # noqa: S311 - no secret


def first_plan(size: Size, seed: int, campania: str) -> CompanyPlan:
    counts = _lotes_per_campo(size, seed)
    campos = tuple(_campos(seed, counts))
    drawn = [
        (campo, nombre, area)
        for campo, count in zip(campos, counts, strict=True)
        for nombre, area in _layout(seeded(seed, "layout", campo.campo_id), campo.block, count)
    ]
    lotes = list(_lotes(size, seed, drawn))
    for start in range(0, len(lotes), 400):  # one as from a hand that slipped: not valid, mendable
        for index in range(start, min(start + 400, len(lotes))):
            lote = lotes[index]
            if not lote.ambientes and isinstance(lote.area, Polygon) and lote.area.area > 2e5:
                lotes[index] = replace(lote, area=shapes.bow_tie(lote.area))
                break
    return CompanyPlan(seed, campania, tuple(lotes), campos)


def _campos(seed: int, counts: Sequence[int]) -> Iterator[CampoPlan]:
    taken: set[tuple[int, int]] = set()
    codes: set[str] = set()
    for index, count in enumerate(counts):
        rng = seeded(seed, "campo", index)
        lugar = words.LUGARES[index % len(words.LUGARES)]
        column, row = _free_slot(
            taken,
            round((lugar.lon + rng.uniform(-0.25, 0.25)) / SLOT_DEG),
            round((lugar.lat + rng.uniform(-0.25, 0.25)) / SLOT_DEG),
        )
        nombre = campo_name(index)
        area, aspect = count * rng.uniform(38, 68) * M2_PER_HA, rng.uniform(1.0, 1.7)
        width, height = (area * aspect) ** 0.5, (area / aspect) ** 0.5
        yield CampoPlan(
            campo_id=str(FIRST_CAMPO + index),
            nombre=nombre,
            codigo=_code(nombre, codes),
            lugar=lugar,
            frame=Frame(column * SLOT_DEG, row * SLOT_DEG, rng.uniform(-0.6, 0.6)),
            block=Block(-width / 2, -height / 2, width / 2, height / 2),
        )


def campo_name(index: int) -> str:
    """Name of the campo at an index: the list first, then the list with a direction behind it."""
    turn, place = divmod(index, len(words.CAMPOS))
    if turn == 0:
        return words.CAMPOS[place]
    again, rumbo = divmod(turn - 1, len(words.RUMBOS))
    number = f" {again + 1}" if again else ""
    return f"{words.CAMPOS[place]} {words.RUMBOS[rumbo]}{number}"


def _code(nombre: str, taken: set[str]) -> str:
    letters = [letter for letter in nombre.upper() if "A" <= letter <= "Z"]
    code = "".join(letters[:1] + [x for x in letters[1:] if x not in "AEIOU"])[:3].ljust(3, "X")
    number = 1
    while (unique := code if number == 1 else f"{code}{number}") in taken:
        number += 1
    taken.add(unique)
    return unique


def _free_slot(taken: set[tuple[int, int]], column: int, row: int) -> tuple[int, int]:
    near = (
        (column + dx, row + dy)
        for reach in itertools.count()
        for dx, dy in itertools.product(range(-reach, reach + 1), repeat=2)
        if max(abs(dx), abs(dy)) == reach
    )
    slot = next(one for one in near if one not in taken)
    taken.add(slot)
    return slot


def _lotes_per_campo(size: Size, seed: int) -> list[int]:
    rng = seeded(seed, "lotes per campo")
    least = 4
    weights = [0.15 + rng.random() ** 2 for _ in range(size.campos)]
    spare = size.lotes - least * size.campos
    shares = [weight * spare / sum(weights) for weight in weights]
    counts = [least + int(share) for share in shares]
    by_rest = sorted(range(size.campos), key=lambda index: int(shares[index]) - shares[index])
    for index in by_rest[: size.lotes - sum(counts)]:
        counts[index] += 1
    return counts


def _layout(rng: Random, block: Block, count: int) -> list[tuple[str, Area]]:
    strips = 1 if count >= 8 and rng.random() < 0.3 else 0
    pivots = rng.choice((1, 1, 2)) if count >= 10 and rng.random() < 0.45 else 0
    cells = shapes.split_blocks(rng, block, count - strips - pivots)
    round_ones = sorted(range(len(cells)), key=lambda index: -cells[index].short_side)[:pivots]
    names = _lote_names(rng)
    lotes: list[tuple[str, Area]] = []
    for index, cell in enumerate(cells):
        if index in round_ones:
            lotes += _pivot(cell, 1 + round_ones.index(index))
        else:
            lotes.append((next(names), _field(rng, cell)))
    if strips:
        edge = Block(block.x0, block.y1 + shapes.ROAD_M, block.x1, block.y1 + shapes.ROAD_M + 34)
        lotes.append(("Franja vía", shapes.digitised(rng, edge)))
    lines = []  # what crosses the campo; of the lotes stays what it leaves
    if len(lotes) >= 6 and rng.random() < 0.4:
        lines.append(shapes.river_bank(rng, block))
    if len(lotes) >= 6 and rng.random() < 0.2:
        lines.append(shapes.stream(rng, block))
    if rng.random() < 0.25:
        lines.append(shapes.railway(rng, block))
    for line in lines:
        lotes = [(name, shapes.take_off(area, line) or area) for name, area in lotes]
    return lotes


def _field(rng: Random, cell: Block) -> Area:
    area: Area = shapes.digitised(rng, cell)
    if cell.short_side > 350 and rng.random() < 0.14:
        area = shapes.with_lagoon(rng, area)
        if rng.random() < 0.25:
            area = shapes.with_lagoon(rng, area)
    return shapes.without_corner(rng, area) if rng.random() < 0.1 else area


def _pivot(cell: Block, number: int) -> list[tuple[str, Area]]:
    x, y = (cell.x0 + cell.x1) / 2, (cell.y0 + cell.y1) / 2
    radius = cell.short_side / 2 - 2
    watered = shapes.circle(x, y, radius)
    whole = Polygon(cell.corners)
    corners = shapes.take_off(whole, shapes.circle(x, y, radius + 6)) or whole
    return [(f"Pívot {number}", watered), (f"Esquinas pívot {number}", corners)]


def _lote_names(rng: Random) -> Iterator[str]:
    odd = list(words.LOTES_RAROS)
    rng.shuffle(odd)
    number = 0
    while True:
        chance = rng.random()
        if chance < 0.12 and odd:
            yield odd.pop()
            continue
        number += 1
        if chance < 0.3:
            yield f"{number}A"
            yield f"{number}B"
        elif chance < 0.4:
            yield f"Lote {number}"
        else:
            yield str(number)


def _lotes(
    size: Size, seed: int, drawn: Sequence[tuple[CampoPlan, str, Area]]
) -> Iterator[LotePlan]:
    ambientes_left, marks_left = size.ambientes, size.marcadores
    for index, (campo, nombre, area) in enumerate(drawn):
        lote_id = str(FIRST_LOTE + index)
        rng = seeded(seed, "lote", lote_id)
        lotes_left = len(drawn) - index
        wanted: int = rng.choices((0, 1, 2, 3, 4, 5), (8, 5, 20, 32, 25, 10))[0]
        wanted += rng.random() < ambientes_left / lotes_left - 2.9
        count = _steered(wanted, ambientes_left, lotes_left, most=5)
        whole, pieces = shapes.ambientes(seeded(seed, "ambientes", lote_id), area, count)
        ambientes_left -= len(pieces)
        marks = round(marks_left / lotes_left * rng.uniform(0.3, 1.7))
        marks = _steered(marks, marks_left, lotes_left, most=60)
        marks_left -= marks
        cultivos = (words.DESCONOCIDO,) if index % 400 == 37 else rotation(rng)
        yield LotePlan.drawn(lote_id, campo, nombre, whole, pieces, cultivos, marks)


def _steered(wanted: int, left: int, lotes_left: int, *, most: int) -> int:
    """As wanted, but such that the rest still adds up over the lotes that follow."""
    return min(max(wanted, left - (most - 1) * (lotes_left - 1), 0), most, left)


def rotation(rng: Random) -> tuple[str, ...]:
    """What stands on a lote in a campaña, in order of sowing; at times nothing."""
    kinds = [crops for crops, _ in words.ROTACIONES]
    chosen: tuple[str, ...] = rng.choices(kinds, [share for _, share in words.ROTACIONES])[0]
    return chosen
