"""Maps made some at a time, by whoever runs the pieces of a product: see ``products.runner``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from Modules.formats.kmz import KmzWriter, Mapa, write_below
from Modules.products.runner import Runner

Made: TypeAlias = dict[str, tuple[dict[str, Path], list[str]]]  # by folder files and warnings


class Tramo(NamedTuple):
    """Some maps, as whoever makes them is given them."""

    maps: Callable[[], Mapping[str, Iterable[Mapa]]]  # by folder
    beside: Mapping[str, Sequence[str]]  # of folders that others have maps in, the paths of all
    limits: tuple[int, int]  # of a file: placemarks, bytes


def dibujar(chunk: Tramo) -> dict[str, tuple[list[tuple[str, bytes]], list[str]]]:
    """By folder the files, path and bytes, and the warnings."""
    made = {}
    for folder, maps in chunk.maps().items():
        writer = KmzWriter(*chunk.limits)
        made[folder] = [*writer.packed([*maps], chunk.beside.get(folder, ()))], writer.avisos
    return made


def written(run: Runner, pieces: Iterable[Tramo], work: Path) -> Made:
    """What the pieces came to, below ``work``."""
    made: Made = {}
    for drawn in run(dibujar, pieces):
        for folder, (files, avisos) in drawn.items():
            built, said = made.setdefault(folder, ({}, []))
            built |= write_below(work / folder, files)
            said += avisos
    return made
