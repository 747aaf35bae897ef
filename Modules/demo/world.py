"""The demo world: a made-up farm company of the pampas, as a portal would list it.

Pure and seeded: the same arguments give the same bytes. ``day`` moves it on; ``campania`` only
changes the year in which it all happens.
"""

from __future__ import annotations

from dataclasses import asdict

from Modules.demo import words
from Modules.demo.contract import World, by_id, campania_items, day_time, make_rows
from Modules.demo.days import on_day
from Modules.demo.items import Writer, deleted_rows
from Modules.demo.plan import SIZES, Size, first_plan
from Modules.words.domain import Recurso
from Modules.words.errors import SettingsError

DEFAULT_SEED = 20_251_120


def build_world(
    size: str = "small", seed: int = DEFAULT_SEED, day: int = 0, campania: str = "25/26"
) -> World:
    """The whole company on a day, serialised and ready to serve.

    Args:
        size: ``mini`` (3 campos, 12 lotes), ``small`` (12 and 150), ``company`` (150 and 2,500)
            or ``stress`` (ten times as much).
        seed: another seed, another company.
        day: nights since the first one, from 0.
        campania: the season, "25/26".

    Raises:
        SettingsError: no such size, a negative day, or not a campaña.
    """
    if size not in SIZES:
        raise SettingsError(
            f"no hay un mundo de demostración de tamaño {size!r}; hay {', '.join(SIZES)}"
        )
    if day < 0:
        raise SettingsError(
            f"el día {day} es anterior a la primera noche; los días se cuentan desde 0"
        )
    return world_of(f"demo:{size}", SIZES[size], seed=seed, day=day, campania=campania)


def world_of(name: str, size: Size, *, seed: int, day: int, campania: str) -> World:
    """A world of any size; see ``build_world``."""
    now = day_time(campania, day)
    written = Writer(on_day(first_plan(size, seed, campania), day), day).rows
    places = ((Recurso.CAMPOS, 9, 1), (Recurso.LOTES, 70, 2), (Recurso.MARCADORES, 500, 5))
    for recurso, every, most in places:
        written[recurso] += deleted_rows(written[recurso], now, every, most)
    rows = {recurso: by_id(found) for recurso, found in written.items()}
    rows[Recurso.CAMPANIAS] = make_rows(campania_items(campania))
    rows[Recurso.CULTIVOS] = make_rows(catalogue())
    return World(name, campania, now.isoformat(), rows)


def catalogue() -> list[dict[str, object]]:
    return [
        {"id": f"{number:02d}", **asdict(cultivo)}
        for number, cultivo in enumerate(words.CULTIVOS, start=1)
    ]
