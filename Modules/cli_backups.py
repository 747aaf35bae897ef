"""``lindero backups``: what a person needs on the day something went wrong."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime

from cyclopts import App

from Modules.cli_common import Campania, Json, OfTrials, say, say_json, say_table
from Modules.domain import Modo
from Modules.settings import load_settings

backups = App(name="backups", help="Los backups guardados.")


@backups.command(name="list")
def backups_list(*, campania: Campania = None, test: OfTrials = False, json_: Json = False) -> int:
    """Los backups de una campaña, del más viejo al más nuevo, también los de la cuarentena."""
    from Modules import backup

    settings = load_settings()
    rows = backup.list_snapshots(
        settings, campania or str(settings.lindero_campania), modo=Modo.TEST if test else Modo.PROD
    )
    if json_:
        say_json(rows)
    elif rows:
        say_table(("id", "estado", "lotes", "ha", "igual a"), rows)
    else:
        say("No hay backups de esa campaña.")
    return 0


@backups.command(name="accept")
def backups_accept(snapshot: str, *, reason: str, test: OfTrials = False) -> int:
    """Acepta un backup en cuarentena, una sola vez, y lo publica.

    Parameters
    ----------
    snapshot
        El id, como lo muestra `lindero backups list`.
    reason
        Por qué los datos están bien; queda registrado.
    """
    from Modules import backup

    accepted = backup.accept_snapshot(
        load_settings(),
        snapshot,
        reason=reason,
        who=getpass.getuser(),
        now=datetime.now(UTC),
        modo=Modo.TEST if test else Modo.PROD,
    )
    again = "lindero run productos --test" if test else "lindero run productos"
    say(f"{accepted.id}: aceptado y publicado. Para rehacer los productos: {again}")
    return 0
