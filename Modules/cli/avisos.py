"""``lindero avisos``: who is told of a bad night."""

from __future__ import annotations

from datetime import UTC, datetime

from cyclopts import App

from Modules.cli.options import say
from Modules.settings import load_settings
from Modules.words.errors import SettingsError

avisos = App(name="avisos", help="A quién se le avisa de una noche mala.")


@avisos.command(name="probar")
def avisos_probar() -> int:
    """Manda un aviso de prueba por cada camino configurado; termina con 1 si alguno no llega.

    A la vigilancia de afuera (LINDERO_WATCH_URL) no la toca: creería que hubo una noche buena.
    """
    from Modules.watch.channels import tell
    from Modules.watch.notice import Notice

    what = "Prueba de los avisos: no pasó nada"
    lines = ("Si esto llegó, los avisos de una noche mala llegan también.",)
    notice = Notice("prueba", what, lines, "Nada.", None, datetime.now(UTC))
    if not (told := tell(load_settings(), notice)):
        raise SettingsError(
            "no hay avisos configurados: poner en .env LINDERO_ALERT_WEBHOOK_URL, o "
            "LINDERO_ALERT_EMAIL y LINDERO_ALERT_SMTP_URL"
        )
    say(f"Lo tomaron {' y '.join(told)}. Mirar si llegó.")
    return 0
