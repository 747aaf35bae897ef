"""``lindero google``, ``jira`` and ``avisos``: those who stand beside us, asked from a terminal."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from Modules.cli.options import Json, complain, say, say_json
from Modules.settings import load_settings
from Modules.words.errors import SettingsError

google = App(name="google", help="El ingreso a Google Drive y Sheets.")
jira = App(name="jira", help="El Jira donde van las tareas de campo.")
avisos = App(name="avisos", help="A quién se le avisa de una noche mala.")


@google.command(name="login")
def google_login(*, port: Annotated[int, Parameter(validator=Number(gte=0, lte=65535))] = 0) -> int:
    """Deja entrar a Lindero: alguien acepta en el navegador, y el token queda guardado.

    Args:
        port: Puerto de esta máquina donde se espera al navegador; 0 es uno cualquiera.
    """
    from Modules.integrations.access import GoogleAccess
    from Modules.integrations.google import Google
    from Modules.integrations.google_token import log_in

    access = GoogleAccess.of(load_settings())
    say(f"El token está en {log_in(access, port=port)}")
    told = Google(GoogleAccess(token=access.token, endpoint=access.endpoint)).test_connection()
    if told["status"] == "error":
        complain(told["message"])
        return 1
    say(f"Google deja entrar a {told['account']}")
    return 0


@jira.command(name="check")
def jira_check(*, json_: Json = False) -> int:
    """Compara integrations.toml con lo que hay en Jira, y da el renglón que lo arregla."""
    from Modules.integrations.access import JiraAccess
    from Modules.integrations.config import read_integrations
    from Modules.integrations.jira import Jira
    from Modules.integrations.jira_check import check_jira

    settings = load_settings()
    config, text = read_integrations(settings)
    site = Jira(JiraAccess.of(settings))
    report = check_jira(site, config, text, settings.lindero_integrations.name)
    if json_:
        say_json([asdict(one) | {"severity": one.severity.name} for one in report.findings])
    else:
        for one in report.findings:
            say(one.line if one.fine else f"{one.where}: {one.line}\n  → {one.todo}")
    return report.exit_code


@avisos.command(name="probar")
def avisos_probar() -> int:
    """Manda un aviso de prueba por cada camino configurado; termina con 1 si alguno no llega.

    A la vigilancia de afuera (LINDERO_WATCH_URL) no la toca: creería que hubo una noche buena.
    """
    from Modules.watch.notice import Notice, tell

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
