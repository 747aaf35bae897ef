"""The files of a folder held against each other; no model is asked."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from Modules.prompts.files.models import Eval, Flow, Models, Step, Task, members, references
from Modules.prompts.files.reading import Library, Path_, without_secrets
from Modules.prompts.files.templates import paths, variables
from Modules.words.errors import PromptInvalid
from Modules.words.finding import Finding, Report, Severity

HERRAMIENTAS: Final = ("cambios", "lote", "resumen")  # what a task may let its model ask for
MOST_PARTS: Final = 100  # that a schema is made of at one place
_ELSEWHERE: Final = ("$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$schema")
_DATA: Final = frozenset(("const", "default", "enum", "examples"))  # of a schema, but no schema
_NAMES: Final = frozenset(  # whose keys are names, and no words of a schema
    ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
)


def validate(library: Library) -> Report:
    """All that is wrong: in reading, and between the files.

    A name that does not exist, a cycle, a reference to what no schema declares, a variable that no
    input has, a schema that is none: errors. An input that no text uses: a warning.
    """
    found = list(library.findings)
    if library.models is None:
        if not any(one.where.startswith("models.yaml") for one in found):
            todo = "escribirlo: docs/prompts.md tiene un ejemplo"
            found.append(Finding("falta models.yaml", where="models.yaml", todo=todo))
    else:
        found += _of_models(library, library.models)
    for task in library.tasks.values():
        found += _of_task(library, task)
    for flow in library.flows.values():
        found += _of_flow(library, flow)
    for one in library.evals.values():
        found += _of_eval(library, one)
    return Report.worst_first(map(without_secrets, found))


def near(word: str, there: Collection[str]) -> str:
    """The nearest of the words there are, as what to do."""
    found = difflib.get_close_matches(word, there, n=1)
    return f"¿{found[0]}?" if found else f"hay: {', '.join(sorted(there)) or 'ninguno'}"


def _of_models(library: Library, models: Models) -> Iterator[Finding]:
    for alias, one in models.models.items():
        named: dict[Path_, str | None] = {("provider",): one.provider}
        named |= {("env", env, "provider"): over.provider for env, over in one.env.items()}
        for key, name in named.items():
            if name and name not in models.providers:
                what, todo = f"no hay un proveedor {name}", near(name, models.providers)
                yield library.finding("models", "models", ("models", alias, *key), what, todo)


def _of_task(library: Library, task: Task) -> Iterator[Finding]:
    def wrong(key: Path_, what: str, todo: str = "", **more: Any) -> Finding:
        return library.finding("task", task.name, key, what, todo, **more)

    if library.models is not None and task.model not in library.models.models:
        yield wrong(
            ("model",),
            f"models.yaml no tiene {task.model}",
            near(task.model, library.models.models),
        )
    for key, schema in (("input", task.input), ("output", task.output)):
        yield from (wrong((key, *at), what) for at, what in _schema_problems(schema))
    for i, name in enumerate(task.tools):
        if name not in HERRAMIENTAS:
            yield wrong(("tools", i), f"no hay una herramienta {name}", near(name, HERRAMIENTAS))
    declared = _declared(task.input, task.input)
    used: set[str] = set()
    for key in ("system", "prompt"):
        try:
            names, ways = variables(getattr(task, key)), paths(getattr(task, key))
        except PromptInvalid as err:
            yield wrong((key,), str(err))
            continue
        used |= names
        for way in sorted(ways, key=str):
            if way[0] in declared and (missing := _undeclared(way, task.input)):
                dotted = ".".join(part or "[…]" for part in way).replace(".[", "[")
                yield wrong((key,), f"{dotted}: no se declara {missing[0]}", missing[1])
        for name in sorted(names - set(declared)):
            yield wrong((key,), f"la variable {name} no está en input", near(name, declared))
    for name in sorted(set(declared) - used):
        what = f"ningún texto usa {name}"
        yield wrong(("input", "properties", name), what, "sacarla", severity=Severity.WARNING)


def _schema_problems(schema: Mapping[str, Any]) -> Iterator[tuple[Path_, str]]:
    if schema.get("type") != "object":
        yield (), "tiene que ser un JSON Schema con type: object"
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as err:
        yield tuple(err.absolute_path), f"no es un JSON Schema: falla {err.validator}"
        return
    yield from _bad_parts(schema, schema, ())


def _bad_parts(schema: Any, root: Any, at: Path_) -> Iterator[tuple[Path_, str]]:
    """Where a schema leads out of its file, to nothing, or round and round."""
    names = bool(at) and at[-1] in _NAMES and not (len(at) > 1 and at[-2] in _NAMES)
    if isinstance(schema, Mapping) and not names:
        for word in _ELSEWHERE:
            if isinstance(schema.get(word), str):
                yield (*at, word), f"no se usa {word}"
        try:
            if len(list(islice(_parts(schema, root, ()), MOST_PARTS + 1))) > MOST_PARTS:
                yield at, f"se arma de más de {MOST_PARTS} partes"
        except (LookupError, TypeError, ValueError):
            yield at, "$ref no lleva a nada de este esquema, o vuelve a sí mismo"
            return
    for key, inner in members(schema):
        if names or key not in _DATA:
            yield from _bad_parts(inner, root, (*at, key))


def _parts(schema: Any, root: Any, way: tuple[int, ...]) -> Iterator[Mapping[str, Any]]:
    """A schema with all that says more of the same value: ``$ref``, ``allOf`` and their like.

    Raises:
        LookupError, TypeError, ValueError: a reference leads to nothing, or back to itself.
    """
    if not isinstance(schema, Mapping):
        return
    if id(schema) in way:
        raise LookupError
    yield schema
    inner = [schema[word] for word in ("not", "if", "then", "else") if word in schema]
    for word in ("allOf", "anyOf", "oneOf"):
        inner += schema[word] if isinstance(schema.get(word), list) else []
    if isinstance(text := schema.get("$ref"), str):
        target = root
        for key in text.removeprefix("#").split("/")[1:]:
            key = key.replace("~1", "/").replace("~0", "~")
            target = target[int(key) if isinstance(target, list) else key]
        if not (text == "#" or text.startswith("#/")):
            raise LookupError(text)
        inner.append(target)
    for one in inner:
        yield from _parts(one, root, (*way, id(schema)))


def _declared(schema: Any, root: Any) -> dict[str, Any]:
    """The keys that a schema, which is one, declares of an object; of one that is none: nothing."""
    found: dict[str, Any] = {}
    try:
        for part in islice(_parts(schema, root, ()), MOST_PARTS):
            inner = part.get("properties")
            found |= inner if isinstance(inner, Mapping) else {}
    except (LookupError, TypeError, ValueError):
        return {}
    return found


def _open(schema: Any, root: Any) -> bool:
    """Whether a schema says that there may be keys that it does not name."""
    words = ("additionalProperties", "patternProperties", "unevaluatedProperties")
    try:
        return any(part.get(one) for part in _parts(schema, root, ()) for one in words)
    except (LookupError, TypeError, ValueError):
        return True  # said at the schema


def _of_flow(library: Library, flow: Flow) -> Iterator[Finding]:
    def wrong(key: Path_, what: str, todo: str = "") -> Finding:
        return library.finding("flow", flow.name, key, what, todo)

    if flow.name in library.tasks:
        yield wrong(("name",), "hay una tarea con este nombre", "cambiar uno de los dos")
    yield from (wrong(("input", *at), what) for at, what in _schema_problems(flow.input))
    ids = Counter(step.id for step in flow.steps)
    by_id = {step.id: step for step in flow.steps}
    for i, step in enumerate(flow.steps):
        at: Path_ = ("steps", i)
        if ids[step.id] > 1:
            yield wrong((*at, "id"), f"el id {step.id} está repetido", "darle otro")
        for j, name in enumerate(step.needs):
            if name not in by_id:
                yield wrong((*at, "needs", j), f"no hay un paso {name}", near(name, by_id))
        yield from (wrong((*at, "with", *key), *said) for key, *said in _references(
            step.with_, flow, by_id, library))  # fmt: skip
        task = library.tasks.get(step.task)
        if task is None:
            yield wrong(
                (*at, "task"), f"no hay una tarea {step.task}", near(step.task, library.tasks)
            )
        elif isinstance(step.with_, dict):
            declared = _declared(task.input, task.input)
            for name in sorted(set(step.with_) - set(declared)):
                what = f"la tarea {task.name} no recibe {name}"
                yield wrong((*at, "with", name), what, near(name, declared))
            if any(True for _ in _schema_problems(task.input)):
                continue  # said at the task
            for name in sorted(set(task.input.get("required", ())) - set(step.with_)):
                yield wrong((*at, "with"), f"falta {name}, que la tarea {task.name} pide")
            for name in sorted(set(step.with_) & set(declared)):
                value, checker = step.with_[name], Draft202012Validator(task.input)
                for error in () if "$" in str(value) else checker.descend(value, declared[name]):
                    what = f"no es lo que la tarea {task.name} recibe: falla {error.validator}"
                    yield wrong((*at, "with", name, *error.absolute_path), what)
    yield from (wrong(("output", *key), *said) for key, *said in _references(
        flow.output, flow, by_id, library))  # fmt: skip
    if loop := _cycle(by_id):
        yield wrong(("steps",), f"los pasos se esperan en círculo: {' → '.join(loop)}")


def _references(
    value: Any, flow: Flow, steps: Mapping[str, Step], library: Library
) -> Iterator[tuple[Path_, str, str]]:
    for at, text in references(value):
        head, *keys = text[1:].split(".")
        if head == "input":
            schema: Any = flow.input
        elif head != "steps" or not keys:
            yield at, f"{text} no es una referencia", "empieza con $input o $steps.PASO"
            continue
        elif keys[0] not in steps:
            yield at, f"no hay un paso {keys[0]}", near(keys[0], steps)
            continue
        else:
            step = steps[keys.pop(0)]
            if step.task not in library.tasks:
                continue  # said at the step
            schema = library.tasks[step.task].output
        if missing := _undeclared(keys, schema):
            yield at, f"{text}: no se declara {missing[0]}", missing[1]


def _undeclared(keys: Iterable[str | None], root: Any) -> tuple[str, str] | None:
    """The first of keys in keys (``None``: any member) that a schema lacks, and what to do."""
    schema = root
    for key in keys:
        if key is None:
            schema = schema.get("items", True) if isinstance(schema, Mapping) else True
            continue
        if not isinstance(schema, Mapping) or not schema:
            return None  # it says nothing of what comes here
        declared = _declared(schema, root)
        if key not in declared:
            return None if _open(schema, root) else (key, near(key, declared))
        schema = declared[key]
    return None


def _cycle(steps: Mapping[str, Step]) -> list[str]:
    """The ids of one circle of steps, the first again at the end; empty without any."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done or name not in steps:
            return []
        for other in sorted(steps[name].waits_for()):
            if found := walk(other, [*way, name]):
                return found
        done.add(name)
        return []

    return next((found for name in steps if (found := walk(name, []))), [])


def _of_eval(library: Library, one: Eval) -> Iterator[Finding]:
    def wrong(key: Path_, what: str, todo: str = "") -> Finding:
        return library.finding("eval", one.name, key, what, todo)

    names = library.flows.keys() | library.tasks.keys()
    if one.of not in names:
        yield wrong(("of",), f"no hay un prompt {one.of}", near(one.of, names))
        return
    flow = library.flows.get(one.of)
    schema = flow.input if flow else library.tasks[one.of].input
    steps = [step.id for step in flow.steps] if flow else ["unico"]
    twice = Counter(case.name for case in one.cases)
    for i, case in enumerate(one.cases):
        if twice[case.name] > 1:
            yield wrong(("cases", i, "name"), f"el caso {case.name} está repetido")
        if not any(True for _ in _schema_problems(schema)):
            for error in Draft202012Validator(schema).iter_errors(case.input):
                what = f"la entrada del caso no es lo que {one.of} declara: falla {error.validator}"
                yield wrong(("cases", i, "input", *error.absolute_path), what)
        for name in sorted(set(case.answers) - set(steps)):
            yield wrong(("cases", i, "answers", name), f"no hay un paso {name}", near(name, steps))
