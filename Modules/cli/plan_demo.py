"""``lindero run plan-muestreo --demo``: the whole story on a made-up company, drive and Jira."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from json import dumps
from pathlib import Path

from Modules.cli.options import say, say_table
from Modules.demo.google_office import (
    DEMO_GOOGLE_CLIENT,
    DEMO_GOOGLE_REFRESH_TOKEN,
    Cell,
    GoogleOffice,
    create_google_app,
)
from Modules.demo.jira_site import (
    DEMO_JIRA_TOKEN,
    DEMO_JIRA_USER,
    PROJECT,
    TYPES,
    USERS,
    JiraSite,
    create_jira_app,
)
from Modules.demo.running import serving
from Modules.fieldwork.fechas import Mes, read_mes
from Modules.jobs.products import last_accepted, order
from Modules.night.tables import Tables
from Modules.orchestration.deployments import BACKUP
from Modules.orchestration.stages import run_here
from Modules.settings import load_settings, only
from Modules.words.domain import Modo
from Modules.words.errors import DataError
from Modules.words.spanish import day

SEASON, ROWS, SHOWN = "25/26", 100, 5


@contextmanager
def made_up(mes: str | None) -> Iterator[Callable[[], None]]:
    """Settings of a demo alone, its night, a plan of the month in its drive; what shows them after.

    Raises:
        DataError: the demo night did not work out.
    """
    real = load_settings()
    month = read_mes(mes) if mes else Mes(*datetime.now(real.zone).timetuple()[:2])
    office, site = GoogleOffice(), JiraSite()
    with (
        serving(create_google_app(office)) as google,
        serving(create_jira_app(site)) as jira,
        tempfile.TemporaryDirectory(prefix="lindero-") as folder,
    ):
        texts = {
            "state_dir": str(real.lindero_state_dir / "demo"),
            "test_outputs_dir": str(real.lindero_test_outputs_dir / "demo"),
            **{"integrations": f"{folder}/integrations.toml", "campania": SEASON},
            **{"google_endpoint": google, "google_refresh_token": DEMO_GOOGLE_REFRESH_TOKEN},
            **{"google_client_id": DEMO_GOOGLE_CLIENT[0]},
            **{"google_client_secret": DEMO_GOOGLE_CLIENT[1]},
            **{"jira_url": jira, "jira_user": DEMO_JIRA_USER, "jira_token": DEMO_JIRA_TOKEN},
        }
        with only({f"lindero_{name}": text for name, text in texts.items()}):
            tables = _night()
            site.components = tuple(tables.campos["campo"])
            Path(folder, "integrations.toml").write_text(_config(site), encoding="utf-8")
            title = f"Plan de muestreo - Demostración - {month.texto}"
            book = office.spreadsheet(title, {"Plan": _rows(tables, month)})
            yield lambda: _show(title, office.books[book]["Plan"], site)


def _show(title: str, rows: Sequence[list[Cell]], site: JiraSite) -> None:
    say(f"{title}, como quedó en Drive: las primeras {SHOWN} de {len(rows) - 1} filas")
    say_table([*map(str, rows[0])], rows[1 : SHOWN + 1])
    for key, one in [*site.issues.items()][:SHOWN]:
        say(f"{key} · {one.fields['status']['name']} · {one.fields['summary']}")
    rows[1][4], rows[2][4], rows[3][4] = rows[2][4], rows[1][4], rows[2][4]  # people go on
    site.move("CAMPO-5")
    say("\nDrive y Jira son inventados: sus direcciones no se abren; los mapas, sí.")
    say("Ahora cambia el responsable de tres filas, se cierra CAMPO-5, y se corre de nuevo:")


def _night() -> Tables:
    """The tables of the demo's last accepted night, made where there is none.

    Its Jira is new each time, so what was noted of another one goes.
    """
    settings = load_settings()
    root = settings.store_dir(Modo.TEST)
    shutil.rmtree(root / "jira", ignore_errors=True)
    (root / "tareas.json").unlink(missing_ok=True)
    with suppress(DataError):
        night = last_accepted(settings, SEASON, Modo.TEST)
        return order(settings, Modo.TEST, *night, datetime.now(UTC)).fuente.tables
    failure = run_here(BACKUP, {"campania": SEASON, "test": True})["error"]
    if failure is not None:
        raise DataError(f"la noche de demostración no salió: {failure['detail']}")
    return _night()


def _config(site: JiraSite) -> str:
    tables = {
        "jira": {"proyecto": PROJECT, "tipo": "Tarea"},
        "jira.tipos": {one: one for one in TYPES.values()},
        "jira.componentes": {one: one for one in site.components},
        "jira.responsables": {name: at for at, name in USERS.items()},
        "jira.campos": {"inicio": "customfield_10015", "superficie_ha": "customfield_10102"},
    }
    return "\n".join(
        line
        for name, table in tables.items()
        for line in (f"[{name}]", *(f"{dumps(key)} = {dumps(it)}" for key, it in table.items()))
    )


def _rows(tables: Tables, mes: Mes) -> list[list[Cell]]:
    lotes = tables.lotes.sort_values(["campo", "lote_id"]).head(ROWS)
    crews, days = [*USERS.values()], (mes.plus(1).desde - mes.desde).days
    rows: list[list[Cell]] = [
        [campo, lote, day(mes.desde + timedelta(at % days)), "0-20", crews[at % 2], "Muestreo", ""]
        for at, (campo, lote) in enumerate(zip(lotes["campo"], lotes["lote"], strict=True))
    ]
    return [["Campo", "Lote", "Fecha", "Profundidad", "Responsable", "Tipo", "Tarea"], *rows]
