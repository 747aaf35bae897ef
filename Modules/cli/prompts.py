"""``lindero prompts``: prompts as files, checked, run and tested. Needs the group ``prompts``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from Modules.cli.options import Json, complain, say, say_json, say_table
from Modules.prompts.ready import checked, line_of, needed, refuse, sound_bundle
from Modules.settings import Settings, load_settings
from Modules.words.errors import PromptFailed, PromptInvalid, SettingsError
from Modules.words.spanish import count, number, why

if TYPE_CHECKING:
    from Modules.prompts.calls.asking import CallRecord
    from Modules.prompts.files.bundle import Bundle

prompts = App(name="prompts", help="Los prompts, escritos como archivos: se controlan y se corren.")


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
    from Modules.prompts.files.schema_export import schema_of

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

    journal, tools = MemoryJournal(), _tools(settings, bundle)

    async def go() -> Any:
        async with ModelCaller() as caller:
            return await run_bundle(
                bundle, given, env=env, caller=caller, journal=journal, tools=tools
            )

    failed: PromptFailed | None = None
    output: Any = None
    try:
        output = asyncio.run(go()).output
    except PromptFailed as err:
        failed = err
    if json_:
        facts = {"output": output, "calls": [_call(one) for one in journal.calls]}
        if failed is not None:
            wrong = {"cause": failed.cause, "step": failed.step, "detail": str(failed)}
            facts["error"] = {**wrong, "raw": failed.raw}
        say_json(facts)
    else:
        _say_calls(journal.calls)
        if failed is None:
            say(json.dumps(output, ensure_ascii=False, indent=2))
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


def _given(path: Path) -> Any:
    from Modules.disk.json_files import from_json
    from Modules.words.errors import DataError

    try:
        return from_json(path.read_bytes(), source=str(path))
    except OSError as err:
        raise SettingsError(f"{path} no se puede leer: {why(err)}") from err
    except DataError as err:
        raise PromptInvalid(str(err)) from err


def _tools(settings: Settings, bundle: Bundle) -> tuple[Any, ...]:
    """The tools over the last accepted night; nothing is read where no task has any."""
    if not any(task.tools for task in bundle.tasks.values()):
        return ()
    from datetime import UTC, datetime

    from Modules.jobs.products import order
    from Modules.prompts.calls.tools import tools_of
    from Modules.store.snapshots import SnapshotStore
    from Modules.words.domain import Modo

    store = SnapshotStore(settings.store_dir(Modo.PROD))
    night = order(settings, Modo.PROD, store, store.find("ultimo"), datetime.now(UTC))
    return tools_of(night.fuente)


def _call(one: CallRecord) -> dict[str, Any]:
    facts = {**asdict(one), "started_at": one.started_at.isoformat()}
    return facts | {"cost_usd": None if one.cost_usd is None else str(one.cost_usd)}


def _say_calls(calls: list[CallRecord]) -> None:
    header = ("paso", "modelo", "tokens", "costo (USD)", "segundos", "resultado")
    rows = [
        (
            one.step,
            one.model,
            "?" if one.prompt_tokens is None else f"{one.prompt_tokens} + {one.completion_tokens}",
            "desconocido" if one.cost_usd is None else number(float(one.cost_usd), 6),
            number(one.latency_s, 2),
            one.outcome,
        )
        for one in calls
    ]
    say_table(header, rows)
