"""``lindero google``: let Lindero into Google Drive and Sheets."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from Modules.cli.options import complain, say
from Modules.settings import load_settings

google = App(name="google", help="El ingreso a Google Drive y Sheets.")


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
