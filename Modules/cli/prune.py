"""``lindero backups prune``: take out old backups, as the retention settings say."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from Modules.cli.backups import backups
from Modules.cli.options import Json, OfTrials, say, say_json
from Modules.disk.run_lock import run_lock
from Modules.settings import load_settings
from Modules.words.domain import Modo

DryRun = Annotated[
    bool, Parameter("--dry-run", negative="", help="Dice qué quitaría y no quita nada.")
]


@backups.command(name="prune")
def backups_prune(*, dry_run: DryRun = False, test: OfTrials = False, json_: Json = False) -> int:
    """Quita los backups viejos que ya no ocupan ningún lugar diario, semanal, mensual o anual.

    Como mucho 3 por vez, y nunca más de 1 de cada 10. El último sano de cada campaña no se quita
    nunca. Termina en 1 si el reloj, o un backup dañado, pide que lo mire una persona.
    """
    settings = load_settings()
    modo = Modo.TEST if test else Modo.PROD
    with nullcontext() if dry_run else run_lock(settings.lindero_state_dir, modo):
        from Modules.jobs import weekly as verificacion

        encargo = verificacion.prepare(settings, modo, datetime.now(UTC))
        if dry_run:
            poda, _ = verificacion.plan_prune(encargo)
        else:
            poda = verificacion.do_prune(encargo)
    if json_:
        say_json({"dry_run": dry_run, **verificacion.poda_data(poda)})
    else:
        say(verificacion.poda_texto(poda))
        if dry_run:
            say("Fue un ensayo: no se quitó nada.")
    return 1 if poda.plan.negado or poda.danados else 0
