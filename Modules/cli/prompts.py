"""``lindero prompts``: prompts as files, checked, run, tested and deployed, and what they cost.

Needs the group ``prompts``.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

from Modules.cli.options import Json, complain, say, say_json, say_table
from Modules.prompts.ready import checked, line_of, needed, refuse, sound_bundle
from Modules.settings import Settings, load_settings
from Modules.words.errors import PromptFailed, PromptInvalid, SettingsError
from Modules.words.spanish import count, moment, number, why

if TYPE_CHECKING:
    from decimal import Decimal

    from Modules.prompts.calls.asking import CallRecord
    from Modules.prompts.calls.engine import Journal
    from Modules.prompts.files.bundle import Bundle
    from Modules.prompts.store import PromptStore
    from Modules.prompts.store.versions import Deployed

prompts = App(name="prompts", help="Los prompts, escritos como archivos: se controlan y se corren.")

_COSTS_DAYS = 30
Env = Literal["dev", "prod"]
Why = Annotated[str, Parameter("--why", help="Por qué; queda en el historial.")]


@prompts.command(name="validate")
def prompts_validate(*, json_: Json = False) -> int:
    """Controla los archivos, sin preguntar nada a ningún modelo. Sale con 2 si hay un error."""
    library, findings = checked(load_settings().lindero_prompts_dir)
    wrong = any(one.is_error for one in findings)
    if json_:
        say_json([asdict(one) | {"severity": one.severity.name} for one in findings])
    else:
        for one in findings:
            say(line_of(one))
        there = (
            count(len(library.tasks), "tarea", "tareas"),
            count(len(library.flows), "flujo", "flujos"),
            count(len(library.evals), "archivo de casos", "archivos de casos"),
        )
        say(f"{', '.join(there)}: {'con errores' if wrong else 'bien'}.")
    return 2 if wrong else 0


@prompts.command(name="schema")
def prompts_schema(kind: Literal["task", "flow", "eval", "models"]) -> int:
    """El formato de un archivo como JSON Schema, para el editor.

    Args:
        kind: task, flow, eval o models.
    """
    needed()
    from Modules.prompts.files.models import schema_of

    say_json(schema_of(kind))
    return 0


@prompts.command(name="run")
def prompts_run(
    name: str,
    *,
    input_: Annotated[Path, Parameter("--input")],
    env: Literal["dev", "prod"] = "dev",
    json_: Json = False,
) -> int:
    """Corre un prompt una vez, ahora, y dice lo que contestó y lo que costó.

    Args:
        name: Una tarea o un flujo.
        input_: Archivo JSON con la entrada.
        env: Qué modelo toma de models.yaml: el de dev o el de prod.
    """
    settings = load_settings()
    bundle, given = sound_bundle(settings.lindero_prompts_dir, name), _given(input_)
    import asyncio

    from Modules.prompts.calls.engine import MemoryJournal, run_bundle
    from Modules.prompts.calls.model_caller import ModelCaller
    from Modules.prompts.calls.tools import NightTools

    store, tools = _store(settings), NightTools(settings)(bundle)

    async def go(journal: MemoryJournal) -> Any:
        async with ModelCaller() as caller:
            return await run_bundle(
                bundle, given, env=env, caller=caller, journal=journal, tools=tools
            )

    failed: PromptFailed | None = None
    try:
        with store.here(bundle, env, given, client="(run)") as here:
            journal = MemoryJournal(here.journal)
            here.output = asyncio.run(go(journal))
    except PromptFailed as err:
        failed = err
    if json_:
        calls = [asdict(one) | {"started_at": one.started_at.isoformat()} for one in journal.calls]
        facts = {"output": here.output, "calls": [_with_cost(one) for one in calls]}
        if failed is not None:
            wrong = {"cause": failed.cause, "step": failed.step, "detail": str(failed)}
            facts["error"] = {**wrong, "raw": failed.raw}
        say_json(facts)
    else:
        _say_calls(journal.calls)
        if failed is None:
            say(json.dumps(here.output, ensure_ascii=False, indent=2))
        else:
            complain(str(failed))
            if failed.raw:
                complain(f"Lo último que escribió el modelo:\n{failed.raw}")
    return 0 if failed is None else failed.exit_code


@prompts.command(name="test")
def prompts_test(name: str | None = None, *, json_: Json = False) -> int:
    """Corre los casos con las respuestas grabadas, sin red. Sale con 1 si alguno no da.

    Args:
        name: Un archivo de casos, o el prompt del que son; sin nada, todos.
    """
    library, findings = checked(load_settings().lindero_prompts_dir)
    refuse(findings)
    from Modules.prompts.judging.cases import judge_all

    judged = judge_all(library, name)
    if json_:
        say_json([asdict(one) for one in judged])
    else:
        rows = [
            (one.eval, one.case, "bien" if not one.wrong else "MAL", one.wrong) for one in judged
        ]
        say_table(("casos", "caso", "", "qué pasó"), rows)
    return 1 if any(one.wrong for one in judged) else 0


@prompts.command(name="evaluate")
def prompts_evaluate(
    name: str,
    *,
    against: str,
    repeat: Annotated[int, Parameter(validator=Number(gte=1, lte=200))] = 10,
    min_gain: Annotated[float, Parameter(validator=Number(gte=0, lte=1))] = 0.0,
    env: Literal["dev", "prod"] = "prod",
    at_once: Annotated[int, Parameter(validator=Number(gte=1, lte=32))] = 4,
    json_: Json = False,
) -> int:
    """Compara un prompt con otra versión, caso por caso. Sale con 1 si no sirve para reemplazarla.

    Args:
        name: Una tarea o un flujo que tiene casos.
        against: La otra versión: prod o dev, la que corre ahí; o la carpeta de prompts donde está.
        repeat: Cuántas veces corre cada caso con cada versión.
        min_gain: Cuánto tienen que subir los aciertos, de 0 a 1; 0 pide sólo que no bajen.
        env: Con qué modelo de models.yaml: el de dev o el de prod.
        at_once: Cuántas corridas a la vez.
    """
    settings = load_settings()
    folder = settings.lindero_prompts_dir
    candidate, other = sound_bundle(folder, name), _other(settings, name, against)
    import asyncio

    from Modules.prompts.calls.model_caller import ModelCaller
    from Modules.prompts.calls.tools import NightTools
    from Modules.prompts.judging.cases import evals_of
    from Modules.prompts.judging.compare import noticed
    from Modules.prompts.judging.evaluate import Evaluation, evaluate, facts_of, rows_of

    evals = [one for one in evals_of(checked(folder)[0], name) if one.of == name]
    tools = NightTools(settings)(candidate) or NightTools(settings)(other)

    async def go(*books: Journal) -> Evaluation:
        async with ModelCaller() as caller:
            return await evaluate(
                candidate, other, evals, lambda _: caller, env=env, repeat=repeat, tools=tools,
                at_once=at_once, books=(books[0], books[1]),
            )  # fmt: skip

    store, told = _store(settings), {"evaluate": [one.name for one in evals], "repeat": repeat}
    with (
        store.here(candidate, env, told, client="(evaluate)") as here,
        store.here(other, env, told, client="(evaluate)") as there,
    ):
        found = asyncio.run(go(here.journal, there.journal))
        here.output = there.output = facts_of(found)["total"]
    refused = found.comparison.refused(min_gain)
    seen = noticed(repeat, len(found.sides))
    if json_:
        asked = {"name": name, "against": against, "env": env, "repeat": repeat}
        say_json({**asked, "min_gain": min_gain, **facts_of(found), "refused": refused})
    else:
        columns = ("costo (USD)", "segundos", "azar", "veredicto")
        say_table(("caso", "ésta", "la otra", *columns), rows_of(found))
        if seen is None:
            say(f"Con {repeat} vueltas ningún caso solo se puede dar por peor: repetir más.")
        if found.dropped:
            said = count(found.dropped, "par de corridas sin respuesta", "pares sin respuesta")
            say(f"{said}: no se cuentan.")
        say("\n".join(f"No: {one}." for one in refused) or "Sí: no empeora y llega a lo pedido.")
    return 1 if refused else 0


def _other(settings: Settings, name: str, against: str) -> Bundle:
    """The version that an environment runs, or the one of another folder."""
    if against not in ("dev", "prod"):
        return sound_bundle(Path(against), name)
    if (found := _store(settings).current(name, against)) is None:
        raise PromptInvalid(f"no hay ninguna versión de {name} puesta en {against}")
    return found.bundle


@prompts.command(name="deploy")
def prompts_deploy(name: str, *, env: Env, why_: Why = "", json_: Json = False) -> int:
    """Pone en un entorno lo que dicen los archivos; si ya era lo que corría, no cambia nada.

    Args:
        name: Una tarea o un flujo.
        env: En qué entorno.
    """
    settings = load_settings()
    bundle = sound_bundle(settings.lindero_prompts_dir, name)
    told = {"who": _who(settings), "why": why_}
    done = _store(settings).deploy(bundle, env, **told, now=datetime.now(UTC))
    return _said(done, env, json_=json_)


@prompts.command(name="rollback")
def prompts_rollback(name: str, *, env: Env, to: int, why_: Why = "", json_: Json = False) -> int:
    """Vuelve en un entorno a una versión que ya corrió; lo que está corriendo termina con la suya.

    Args:
        name: Una tarea o un flujo.
        env: En qué entorno.
        to: El número de la versión, como lo dice history.
    """
    settings = load_settings()
    told = {"who": _who(settings), "why": why_}
    done = _store(settings).rollback(name, env, to, **told, now=datetime.now(UTC))
    return _said(done, env, json_=json_)


@prompts.command(name="history")
def prompts_history(name: str | None = None, *, env: Env | None = None, json_: Json = False) -> int:
    """Qué versión pasó a correr en cada entorno, cuándo, quién la puso y por qué.

    Args:
        name: Una tarea o un flujo; sin nada, todos.
        env: En qué entorno; sin nada, los dos.
    """
    settings = load_settings()
    moves = _store(settings).history(name, env)
    if json_:
        rows = [asdict(one) for one in moves]
        say_json([{"from" if key == "from_" else key: row[key] for key in row} for row in rows])
        return 0
    done = {"deploy": "despliegue", "rollback": "vuelta atrás"}
    header = ("cuándo", "prompt", "entorno", "de", "a", "qué", "quién", "por qué")
    table = [
        (
            *(moment(one.at, settings.zone), one.name, one.env, one.from_, one.to),
            *(done[one.action], one.who, one.why),
        )
        for one in moves
    ]
    say_table(header, table)
    return 0


@prompts.command(name="costs")
def prompts_costs(
    *,
    since: str | None = None,
    by: Literal["flow", "model", "env", "client", "day"] = "flow",
    json_: Json = False,
) -> int:
    """Lo que costaron los prompts; lo que no se sabe se cuenta aparte, y nunca es 0.

    Args:
        since: Desde qué día (UTC), por ejemplo 2026-11-01; sin nada, los últimos 30.
        by: Una fila por flujo, modelo, entorno, cliente o día.
    """
    try:
        day = datetime.now(UTC).date() - timedelta(days=_COSTS_DAYS)
        day = day if since is None else date.fromisoformat(since)
    except ValueError as err:
        raise SettingsError(f"--since: {since!r} no es un día como 2026-11-01") from err
    begun = datetime(day.year, day.month, day.day, tzinfo=UTC)
    rows = _store(load_settings()).costs(begun, by=by)
    if json_:
        say_json([_with_cost(asdict(one)) for one in rows])
        return 0
    what = {"flow": "flujo", "model": "modelo", "env": "entorno", "client": "cliente", "day": "día"}
    header = (what[by], "ejecuciones", "pedidos", "fallas", "tokens", "costo (USD)", "sin costo")
    table = [
        (
            *(one.key, number(one.executions), number(one.calls)),
            "; ".join(f"{cause}: {many}" for cause, many in sorted(one.failures.items())),
            f"{number(one.prompt_tokens)} + {number(one.completion_tokens)}",
            *(_usd(one.cost_usd, one.unknown_costs), one.unknown_costs or None),
            *("" if s is None else number(s, 2) for s in (one.latency_p50_s, one.latency_p95_s)),
        )
        for one in rows
    ]
    say_table((*header, "p50 (s)", "p95 (s)"), table)
    if rows:
        known = [one.cost_usd for one in rows if one.cost_usd is not None]
        cost = sum(known[1:], known[0]) if known else None
        say(f"En total: {_usd(cost, sum(one.unknown_costs for one in rows))} USD.")
    return 0


@prompts.command(name="serve")
def prompts_serve(
    *,
    host: str = "127.0.0.1",
    port: Annotated[int | None, Parameter(validator=Number(gte=0, lte=65535))] = None,
) -> int:
    """Atiende la API de prompts, hasta que se la corte.

    Args:
        host: Dirección en la que escucha; fuera de esta máquina, detrás de un proxy con TLS.
        port: Puerto; 0 toma uno libre. Sin nada, LINDERO_PROMPTS_PORT.
    """
    settings = load_settings()
    store = _store(settings)
    from Modules.orchestration.prompts_run import dispatching, starter
    from Modules.prompts.serve.app import listening, make_app, serve

    line = listening(host, settings.lindero_prompts_port if port is None else port)
    say(f"La API de prompts contesta en http://{host}:{line.getsockname()[1]}/docs")
    sys.stdout.flush()
    wake = dispatching(lambda: store.waiting(datetime.now(UTC)), starter(settings))
    serve(make_app(store, per_minute=settings.lindero_prompts_rate, accepted=wake), line)
    return 0


@prompts.command(name="clients")
def prompts_clients(
    what: Literal["list", "create", "revoke"] = "list",
    name: str | None = None,
    *,
    json_: Json = False,
) -> int:
    """Los programas que pueden usar la API, y desde cuándo y hasta cuándo valen sus tokens.

    Args:
        what: list los muestra; create hace uno y muestra su token, esta única vez, porque se guarda
            sólo su hash; revoke le quita el token, y desde ya no puede pedir nada.
        name: Cómo se llama el programa, por ejemplo tablero.
    """
    settings, now = load_settings(), datetime.now(UTC)
    known, zone = _store(settings).clients, settings.zone
    if (name is None) != (what == "list"):
        raise SettingsError("se escribe list, o clients create NOMBRE, o clients revoke NOMBRE")
    if name is not None and what == "create":
        say(known.create(name, now=now))
    elif name is not None:
        known.revoke(name, now=now)
        say(f"{name}: su token ya no vale.")
    elif json_:
        say_json([asdict(one) for one in known.all()])
    else:
        there = [(one.name, one.created_at, one.revoked_at) for one in known.all()]
        rows = [(name, *(at and moment(at, zone) for at in when)) for name, *when in there]
        say_table(("cliente", "desde", "hasta"), rows)
    return 0


def _usd(cost: Decimal | None, unknown: int) -> str:
    if cost is None:
        return "desconocido"
    return f"{number(cost, 6)}{' y lo que no se sabe' if unknown else ''}"


def _said(done: Deployed, env: str, *, json_: bool) -> int:
    if json_:
        say_json(asdict(done) | {"env": env})
    elif done.moved:
        what = ", nueva" if done.new else ""
        say(f"{done.name}: en {env} pasa a correr la versión {done.version}{what}.")
    else:
        say(f"{done.name}: en {env} ya corría la versión {done.version}; no cambió nada.")
    return 0


def _who(settings: Settings) -> str:
    import getpass

    try:
        return settings.lindero_prompts_who or getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return "desconocido (LINDERO_PROMPTS_WHO)"


def _store(settings: Settings) -> PromptStore:
    needed()
    from Modules.prompts.store import open_store

    return open_store(settings)


def _given(path: Path) -> Any:
    from Modules.words.strict_json import JsonRefused, parse_json

    try:
        found = parse_json(path.read_bytes())
    except OSError as err:
        raise SettingsError(f"{path} no se puede leer: {why(err)}") from err
    except JsonRefused as err:
        raise PromptInvalid(f"{path}: {err}") from err
    if not isinstance(found, dict):
        raise PromptInvalid(f"{path}: se espera un objeto JSON")
    return found


def _with_cost(facts: dict[str, Any]) -> dict[str, Any]:
    cost = facts["cost_usd"]
    return facts | {"cost_usd": None if cost is None else f"{cost:f}"}


def _say_calls(calls: list[CallRecord]) -> None:
    header = ("paso", "modelo", "tokens", "costo (USD)", "segundos", "resultado")
    rows = [
        (
            one.step,
            one.model,
            " + ".join(
                "?" if many is None else number(many)
                for many in (one.prompt_tokens, one.completion_tokens)
            ),
            "desconocido" if one.cost_usd is None else number(one.cost_usd, 6),
            number(one.latency_s, 2),
            one.outcome,
        )
        for one in calls
    ]
    say_table(header, rows)
