"""Prompts as files: read strictly, held against each other, bundled; every error at its line."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from check_jsonschema import main as check_jsonschema
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from Modules.prompts.files.bundle import Bundle, bundle_of
from Modules.prompts.files.models import KINDS, schema_of
from Modules.prompts.files.reading import Library, _Loader, read_library
from Modules.prompts.files.templates import render, variables
from Modules.prompts.files.validate import validate
from Modules.words.errors import PromptInvalid

TASK = """\
version: 1
name: resumir
model: redactor
system: Sos un agrónomo.
prompt: |
  Resumí {{ hechos | datos }} en {{ idioma }}.
input:
  type: object
  required: [hechos, idioma]
  properties: {hechos: {type: object}, idioma: {type: string}}
output:
  type: object
  required: [texto]
  additionalProperties: false
  properties: {texto: {type: string}}
"""
FLOW = """\
version: 1
name: informe
input:
  type: object
  properties: {hechos: {type: object}}
steps:
  - id: uno
    task: resumir
    with: {hechos: $input.hechos, idioma: español}
  - id: dos
    task: resumir
    with: {hechos: $steps.uno, idioma: $steps.uno.texto}
output: {final: $steps.dos.texto}
"""
MODELS = """\
version: 1
providers:
  casa: {type: local, base_url: "http://127.0.0.1:8080/v1"}
  nube: {type: openrouter, base_url: "https://openrouter.ai/api/v1", key: OPENROUTER_API_KEY}
models:
  redactor:
    provider: casa
    model: chico
    env: {prod: {provider: nube, model: grande}}
"""
EVAL = """\
version: 1
name: informe
of: informe
cases:
  - name: vacio
    input: {hechos: {}}
    expect: {final: dos}
    answers: {uno: ['{"texto": "uno"}'], dos: ['{"texto": "dos"}']}
"""
GOOD = {
    "resumir.task.yaml": TASK,
    "informe.flow.yaml": FLOW,
    "models.yaml": MODELS,
    "informe.eval.yaml": EVAL,
}


def folder_of(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, text in files.items():
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def errors(folder: Path) -> list[str]:
    found = validate(read_library(folder))
    return [f"{one.where} {one.item}: {one.what} {one.todo}".strip() for one in found.findings]


def library(folder: Path) -> Library:
    found = read_library(folder_of(folder, GOOD))
    assert validate(found).findings == ()
    return found


CHANGED = [
    ("resumir.task.yaml", "model: redactor", "model: redactora",
     "resumir.task.yaml:3 model: models.yaml no tiene redactora ¿redactor?"),
    ("resumir.task.yaml", "prompt: |", "promt: |",
     "resumir.task.yaml:5 promt: no se conoce esta clave ¿prompt?"),
    ("resumir.task.yaml", "{{ idioma }}", "{{ lengua }}",
     "resumir.task.yaml:5 prompt: la variable lengua no está en input hay: hechos, idioma"),
    ("resumir.task.yaml", "{{ idioma }}", "{{ idioma.corto }}",
     "resumir.task.yaml:5 prompt: idioma.corto: no se declara corto hay: ninguno"),
    ("resumir.task.yaml", "version: 1", "version: 2",
     "resumir.task.yaml:1 version: no es un valor posible poner 1"),
    ("resumir.task.yaml", "name: resumir", "name: Resumir",
     "resumir.task.yaml:2 name: no está escrito como corresponde minúsculas, números y "
     "guiones: resumen-diff"),
    ("resumir.task.yaml", "name: resumir", "name: otra",
     "resumir.task.yaml:2 name: no es el nombre del archivo name: resumir"),
    ("resumir.task.yaml", "{texto: {type: string}}", "{texto: {type: texto}}",
     "resumir.task.yaml:15 output.properties.texto.type: no es un JSON Schema: falla anyOf"),
    ("resumir.task.yaml", "input:\n  type: object", "tools: [borrar]\ninput:\n  type: object",
     "resumir.task.yaml:7 tools.0: no hay una herramienta borrar hay: cambios, lote, resumen"),
    ("informe.flow.yaml", "$steps.uno.texto", "$steps.uno.text",
     "informe.flow.yaml:12 steps.1.with.idioma: $steps.uno.text: no se declara text ¿texto?"),
    ("informe.flow.yaml", "$steps.uno.texto", "$steps.unos.texto",
     "informe.flow.yaml:12 steps.1.with.idioma: no hay un paso unos ¿uno?"),
    ("informe.flow.yaml", "$input.hechos", "$input.echos",
     "informe.flow.yaml:9 steps.0.with.hechos: $input.echos: no se declara echos ¿hechos?"),
    ("informe.flow.yaml", "$steps.dos.texto", "$pasos.dos.texto",
     "informe.flow.yaml:13 output.final: $pasos.dos.texto no es una referencia empieza con "
     "$input o $steps.PASO"),
    ("informe.flow.yaml", "id: dos", "id: uno",
     "informe.flow.yaml:7 steps.0.id: el id uno está repetido darle otro"),
    ("informe.flow.yaml", "task: resumir", "task: resumen",
     "informe.flow.yaml:8 steps.0.task: no hay una tarea resumen ¿resumir?"),
    ("informe.flow.yaml", "hechos: $input.hechos, idioma", "hechos: $input.hechos, lengua",
     "informe.flow.yaml:9 steps.0.with.lengua: la tarea resumir no recibe lengua hay: "
     "hechos, idioma"),
    ("informe.flow.yaml", "idioma: español", "idioma: $steps.dos.texto",
     "informe.flow.yaml:6 steps: los pasos se esperan en círculo: uno → dos → uno"),
    ("informe.flow.yaml", "name: informe", "name: informe\nname: informe",
     "informe.flow.yaml:3 : la clave name está dos veces dejar una"),
    ("informe.flow.yaml", "version: 1", "version: 1\ndescription: &a hola",
     "informe.flow.yaml:2 : no se usan anclas (& y *) repetirlo"),
    ("informe.flow.yaml", "version: 1", "version: 1\ndescription: !!python/object:os.system x",
     "informe.flow.yaml:2 : no se usan etiquetas (tag:yaml.org,2002:python/object:os.syste)"),
    ("informe.flow.yaml", "  type: object", "\ttype: object",
     "informe.flow.yaml:4 : no es YAML que se pueda leer mirar sangrías (sin tabuladores) y "
     "comillas"),
    ("informe.flow.yaml", "version: 1", "version: 1\nbudget_usd: -1",
     "informe.flow.yaml:2 budget_usd: no sirve este valor ≥ 0"),
    ("models.yaml", "provider: casa", "provider: cas",
     "models.yaml:7 models.redactor.provider: no hay un proveedor cas ¿casa?"),
    ("models.yaml", "key: OPENROUTER_API_KEY", "key: sk-or-v1-0123456789abcdef0123",
     "models.yaml:4 providers.nube.key: parece una clave secreta sacarla, cambiarla por "
     "otra y nombrar su variable: key: OPENROUTER_API_KEY"),
    ("models.yaml", "http://127.0.0.1:8080/v1", "http://modelos.example/v1",
     "models.yaml:3 providers.casa.base_url: "),
    ("informe.eval.yaml", "of: informe", "of: informes",
     "informe.eval.yaml:3 of: no hay un prompt informes ¿informe?"),
    ("informe.eval.yaml", "{uno:", "{tres:",
     "informe.eval.yaml:8 cases.0.answers.tres: no hay un paso tres hay: dos, uno"),
    ("informe.eval.yaml", "{hechos: {}}", "{hechos: 3}",
     "informe.eval.yaml:6 cases.0.input.hechos: la entrada del caso no es lo que informe "
     "declara: falla type"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "old", "new", "said"), CHANGED, ids=[one[3][:50] for one in CHANGED]
)
def test_an_error_is_told_at_its_line_with_what_would_be_right(
    tmp_path: Path, file: str, old: str, new: str, said: str
) -> None:
    assert old in GOOD[file]
    found = errors(folder_of(tmp_path, {**GOOD, file: GOOD[file].replace(old, new, 1)}))
    assert any(one.startswith(said) for one in found), found
    assert not any("sk-or" in one for one in found)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\x00", "no es UTF-8 guardarlo como UTF-8"),
        (b"x: " + b"a" * 300_000, "pasa de 256 KB"),
        (b"[" * 3_000, "está anidado demasiado hondo"),
        (b"[" * 200_000, "está anidado demasiado hondo"),  # ends a process that recurses
        (TASK.encode("latin-1"), "malo.task.yaml:4 : no es UTF-8 guardarlo como UTF-8"),
        (TASK.encode("utf-16"), "no es UTF-8 guardarlo como UTF-8"),
        (
            TASK.replace("Sos", "So\u202es").encode(),
            ":4 : hay un signo que no se ve (U+202E) borrarlo",
        ),
        (b"\n# \xf3\xa0\x81\x81", ":2 : hay un signo que no se ve (U+E0041) borrarlo"),
        (b'a: "\\0"', ":1 : hay un signo que no se ve (U+0000) borrarlo"),
        (b"a: 1\n? [b]\n: 2", ":2 : una clave es un texto"),
        (b"a: 1\nb: !!bool x", ":2 : no se usan etiquetas (tag:yaml.org,2002:bool)"),
        (b"a: 1\nb: " + b"9" * 5_000, ":2 : no es un número"),
        (b"a: 1.0e400", ":1 : no es un número"),
        (
            b"a: 1\n---\nb: 1",
            ":2 : no es YAML que se pueda leer mirar sangrías (sin tabuladores) y comillas",
        ),
        (b"retries: true", "retries: tiene que ser un número entero"),
        (b'timeout_s: "60"', "timeout_s: tiene que ser un número"),
        (b"\n".join(b"k%d: 1" % i for i in range(5_000)), "y 4986 más"),
        (b"[" * 60 + b"]" * 60, "está anidado demasiado hondo"),
        (b"", "tiene que ser un grupo de claves"),
        (b"a: .inf\n", "no se conoce esta clave sacarla"),
    ],
)
def test_what_is_no_file_of_prompts_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    found = errors(folder_of(tmp_path, {**GOOD, "malo.task.yaml": content}))
    assert any(one.startswith("malo.task.yaml:") and one.endswith(said) for one in found), found


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    folder_of(tmp_path, GOOD)
    os.mkfifo(tmp_path / "a.task.yaml")
    (tmp_path / "b.task.yaml").symlink_to("/dev/zero")
    (tmp_path / "c.task.yaml").mkdir()
    (tmp_path / "d.task.yaml").symlink_to(tmp_path / "nada")
    found = [f"{one.where} {one.what}" for one in read_library(tmp_path).findings]
    assert found == [f"{name}.task.yaml:1 no es un archivo" for name in "abcd"]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("resumir.task.yaml", "version: 1", "version: 1 # KEY"),
        ("resumir.task.yaml", "version: 1", "KEY: 1\nversion: 1"),
        ("resumir.task.yaml", "version: 1", "KEY: 1\nKEY: 1\nversion: 1"),
        ("resumir.task.yaml", "version: 1", "version: !KEY 1"),
        ("resumir.task.yaml", "model: redactor", "model: KEY"),
        ("resumir.task.yaml", "{{ idioma }}", "{{ idioma }} KEY"),
        ("informe.flow.yaml", "idioma: español", "idioma: $steps.KEY"),
        ("models.yaml", "OPENROUTER_API_KEY", "KEY"),
    ],
)
@pytest.mark.parametrize(
    "key", ["sk-or-v1-0123456789abcdef0123", f"AIza{'b' * 35}", f"hf_{'c' * 30}", f"hvs.{'d' * 24}"]
)
def test_a_key_is_found_wherever_it_stands_and_told_to_nobody(
    tmp_path: Path, file: str, old: str, new: str, key: str
) -> None:
    text = GOOD[file].replace(old, new.replace("KEY", key), 1)
    line = text[: text.index(key)].count("\n") + 1
    found = errors(folder_of(tmp_path, {**GOOD, file: text}))
    assert any(one.startswith(f"{file}:{line} ") and "clave secreta" in one for one in found), found
    assert not any(key in one for one in found)


INPUT = "{hechos: {type: object}}\nsteps"
SCHEMAS = [
    ("{$ref: 'http://127.0.0.1:9/x'}", "$ref no lleva a nada"),
    ("{$ref: 'otro.json#/a'}", "$ref no lleva a nada"),
    ("{$ref: '#/$defs/no'}", "$ref no lleva a nada"),
    ("{$ref: '#/properties/hechos'}", "vuelve a sí mismo"),
    ("{anyOf: [{type: string}, {$ref: '#/properties/hechos'}]}", "vuelve a sí mismo"),
    ("{$id: 'http://127.0.0.1:9/x'}", "no se usa $id"),
    ("{pattern: '('}", "no es un JSON Schema: falla format"),
    ("{type: object, properties: {const: {$ref: 'http://127.0.0.1:9/x'}}}", "$ref no lleva a nada"),
    ("{allOf: [ALL, ALL]}", "se arma de más de 100 partes"),
]


@pytest.mark.parametrize(("schema", "said"), SCHEMAS)
def test_a_schema_stays_in_its_file_and_ends(tmp_path: Path, schema: str, said: str) -> None:
    for _ in range(6):
        schema = schema.replace("ALL", "{allOf: [ALL, ALL]}")
    schema = schema.replace("ALL", "true").replace("true", "{type: object}")
    flow = FLOW.replace(INPUT, INPUT.replace("{type: object}", schema))
    found = errors(folder_of(tmp_path, {**GOOD, "informe.flow.yaml": flow}))
    assert any(one.startswith("informe.flow.yaml:5 input.properties.") and said in one
               for one in found), found  # fmt: skip


def test_references_see_what_a_schema_takes_from_elsewhere_in_it(tmp_path: Path) -> None:
    tree = "{type: object, properties: {hijos: {type: array, items: {$ref: '#/$defs/h'}}}}"
    shared = "{hechos: {allOf: [{$ref: '#/$defs/h'}], additionalProperties: false}}\n"
    flow = FLOW.replace("{hechos: {type: object}}\n", f"{shared}  $defs: {{h: {tree}}}\n")
    flow = flow.replace("{hechos: $steps.uno,", "{hechos: {a: $input.hechos.hijos},")
    folder_of(tmp_path, {**GOOD, "informe.flow.yaml": flow})
    assert errors(tmp_path) == []
    folder_of(tmp_path, {"informe.flow.yaml": flow.replace("hechos.hijos", "hechos.hijo")})
    assert errors(tmp_path) == [
        "informe.flow.yaml:13 steps.1.with.hechos.a: $input.hechos.hijo: no se declara hijo ¿hijos?"
    ]
    opened = flow.replace("hechos.hijos", "hechos.otra").replace("s: false", "s: true")
    folder_of(tmp_path, {"informe.flow.yaml": opened})
    assert errors(tmp_path) == []


def leaves(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each thing in a value, groups and lists as well."""
    if not isinstance(value, dict | list):
        return []
    pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
    ways = [(*at, key) for key, _ in pairs]
    return ways + [one for key, inner in pairs for one in leaves(inner, (*at, key))]


PLACES = [(file, at) for file, text in GOOD.items() for at in leaves(yaml.safe_load(text))]
ODD = [None, True, 0, -1, 1.5, "", "$steps", "$input.", "{{", [], [None], [[1]], {}, {"$ref": "#"},
       {"properties": None}, {"a": {"a": 1}}]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("prompts"), GOOD)


@settings(max_examples=60, deadline=None)
@given(place=st.sampled_from(PLACES), odd=st.sampled_from(ODD))
def test_whatever_stands_anywhere_is_told_in_findings(folder: Path, place: Any, odd: Any) -> None:
    file, at = place
    value = yaml.safe_load(GOOD[file])
    around = value
    for key in at[:-1]:
        around = around[key]
    around[at[-1]] = odd
    folder_of(folder, {**GOOD, file: json.dumps(value)})
    found = validate(read_library(folder)).findings
    assert all(one.where.rsplit(":", 1)[0] in GOOD for one in found)
    if not any(one.is_error for one in found):
        made = bundle_of(read_library(folder), "informe")
        assert Bundle.of_content(json.loads(json.dumps(made.content))) == made


names = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=30)


@st.composite
def libraries(draw: Any) -> dict[str, Any]:
    """Files of a flow of a few steps, each of the input and of steps before it, as values."""
    ids = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    out = draw(names)
    files: dict[str, Any] = {
        "models.yaml": {
            "version": 1,
            "providers": {"casa": {"type": "local", "base_url": "http://127.0.0.1:8080/v1"}},
            "models": {"redactor": {"provider": "casa", "model": draw(words)}},
        }
    }
    steps: list[dict[str, Any]] = []
    for i, one in enumerate(ids):
        files[f"t-{one}.task.yaml"] = {
            "version": 1, "name": f"t-{one}", "model": "redactor", "prompt": "{{ x | datos }}",
            "system": draw(words).replace("{", "("), "retries": draw(st.integers(0, 6)),
            "timeout_s": draw(st.floats(0.5, 60)),
            "params": {"temperature": draw(st.none() | st.floats(0, 1))},
            "input": {"type": "object", "required": ["x"], "properties": {"x": {"type": "string"}}},
            "output": {"type": "object", "required": [out], "properties": {out: {
                "enum": draw(st.lists(words, min_size=1, max_size=3))}}},
        }  # fmt: skip
        refs = [f"$steps.{two}.{out}" for two in ids[:i]] + ["$input.entrada"]
        steps.append({"id": one, "task": f"t-{one}", "with": {"x": draw(st.sampled_from(refs))}})
    files["f.flow.yaml"] = {
        "version": 1, "name": "f", "steps": steps, "output": {"todo": f"$steps.{ids[-1]}"},
        "input": {"type": "object", "properties": {"entrada": {"type": "string"}}},
        "budget_usd": draw(st.none() | st.decimals(0, 99, places=3).map(str)),
    }  # fmt: skip
    return files


# as PyYAML's own, and quotes what is a number in YAML 1.2 alone: 0e0
_Dumper = type("_Dumper", (yaml.SafeDumper,), {
    "yaml_implicit_resolvers": _Loader.yaml_implicit_resolvers,
})  # fmt: skip


def turned(value: Any) -> Any:
    """The same with the keys of every group the other way round."""
    if isinstance(value, dict):
        return {key: turned(one) for key, one in reversed(value.items())}
    return [turned(one) for one in value] if isinstance(value, list) else value


@settings(max_examples=60, deadline=None)
@given(files=libraries(), data=st.data())
def test_any_library_keeps_its_hash_until_its_meaning_changes(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, Any], data: Any
) -> None:
    def made(written: Mapping[str, Any], write: Any) -> Bundle:
        folder = folder_of(
            tmp_path_factory.mktemp("una"), {name: write(one) for name, one in written.items()}
        )
        library = read_library(folder)
        assert validate(library).passed, validate(library).findings
        return bundle_of(library, "f")

    first = made(files, lambda one: json.dumps(one, ensure_ascii=False, indent=1))
    assert Bundle.of_content(json.loads(json.dumps(first.content))) == first
    again = made(
        turned(files),
        lambda one: (
            "# otra\n"
            + yaml.dump(one, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=30)
        ),
    )
    assert (again.content, again.sha256) == (first.content, first.sha256)
    file = data.draw(st.sampled_from(sorted(name for name in files if "task" in name)))
    key, other = data.draw(st.sampled_from([
        ("prompt", "{{ x | datos }} y ya"), ("system", "otra"), ("retries", 7), ("timeout_s", 77.5),
        ("params", {"temperature": 1.25}), ("tool_steps", 7), ("tools", ["lote"]),
    ]))  # fmt: skip
    assert files[file].get(key) != other
    changed = made(
        {**files, file: {**files[file], key: other}},
        lambda one: json.dumps(one, ensure_ascii=False),
    )
    assert changed.sha256 != first.sha256


@pytest.mark.parametrize(
    "content", [{}, {"flow": 1}, {"kind": "flow", "flow": {}, "tasks": {}, "models": {}}]
)
def test_a_content_of_another_format_is_refused_by_name(content: dict[str, Any]) -> None:
    with pytest.raises(PromptInvalid, match="no es de este formato"):
        Bundle.of_content(content)


def test_a_bundle_of_a_library_with_a_hole_is_refused_by_name(tmp_path: Path) -> None:
    folder_of(tmp_path, {**GOOD, "informe.flow.yaml": FLOW.replace("task: resumir", "task: otra")})
    with pytest.raises(PromptInvalid, match="informe usa otra, que no está"):
        bundle_of(read_library(tmp_path), "informe")


def test_a_billion_laughs_is_refused_before_it_is_told(tmp_path: Path) -> None:
    laughs = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20)
    )
    found = errors(folder_of(tmp_path, {**GOOD, "malo.task.yaml": laughs}))
    assert any("no se usan anclas" in one for one in found)


def test_no_and_dates_are_texts_and_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    values = TASK.replace("{type: string}}\noutput", "{enum: [no, 2025-01-02, yes]}}\noutput")
    folder_of(tmp_path, {**GOOD, "resumir.task.yaml": b"\xef\xbb\xbf" + values.encode()})
    found = read_library(tmp_path)
    assert found.tasks["resumir"].input["properties"]["idioma"]["enum"] == [
        "no",
        "2025-01-02",
        "yes",
    ]


def test_a_bundle_is_the_same_whatever_its_files_look_like(tmp_path: Path) -> None:
    first = bundle_of(library(tmp_path), "informe")
    for name, text in GOOD.items():
        value = yaml.safe_load(text)
        turned = yaml.safe_dump(dict(reversed(value.items())), allow_unicode=True)
        (tmp_path / name).write_text(f"# otro\n\n{turned}", encoding="utf-8")
    again = bundle_of(read_library(tmp_path), "informe")
    assert (again.content, again.sha256) == (first.content, first.sha256)
    back = Bundle.of_content(json.loads(json.dumps(first.content)))
    assert (back, back.sha256) == (first, first.sha256)
    alone = bundle_of(read_library(tmp_path), "resumir")
    assert (alone.kind, [step.id for step in alone.flow.steps]) == ("task", ["unico"])
    with pytest.raises(PromptInvalid, match="hay: informe, resumir"):
        bundle_of(read_library(tmp_path), "nada")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("resumir.task.yaml", "agrónomo", "poeta"),
        ("resumir.task.yaml", "required: [texto]", "required: []"),
        ("resumir.task.yaml", "model: redactor", "model: redactor\nretries: 3"),
        ("informe.flow.yaml", "idioma: español", "idioma: inglés"),
        ("models.yaml", "model: chico", "model: mediano"),
        ("models.yaml", "model: grande", "model: enorme"),
        ("models.yaml", "8080", "8081"),
    ],
)
def test_any_change_of_meaning_is_another_version(
    tmp_path: Path, file: str, old: str, new: str
) -> None:
    before = bundle_of(library(tmp_path), "informe").sha256
    folder_of(tmp_path, {file: GOOD[file].replace(old, new, 1)})
    assert bundle_of(read_library(tmp_path), "informe").sha256 != before


@pytest.mark.parametrize("kind", KINDS)
def test_the_exported_schemas_take_what_we_take_and_refuse_what_we_refuse(kind: str) -> None:
    text = {"task": TASK, "flow": FLOW, "eval": EVAL, "models": MODELS}[kind]
    checker = Draft202012Validator(schema_of(kind))
    Draft202012Validator.check_schema(schema_of(kind))
    value = yaml.safe_load(text)
    checker.validate(value)
    assert not checker.is_valid({**value, "otra": 1})
    assert not checker.is_valid({**value, "version": 2})


@pytest.mark.parametrize("name", GOOD)
def test_an_editor_takes_our_files_and_underlines_a_wrong_one(tmp_path: Path, name: str) -> None:
    kind = "models" if name == "models.yaml" else name.split(".")[1]
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps(schema_of(kind)))
    folder_of(tmp_path, {name: GOOD[name], f"mal-{name}": GOOD[name].replace("version: 1", "v: 1")})
    codes = [
        CliRunner().invoke(check_jsonschema, ["--schemafile", str(schema), str(tmp_path / one)])
        for one in (name, f"mal-{name}")
    ]
    assert [one.exit_code for one in codes] == [0, 1]


# --- templates -----------------------------------------------------------------------------------

ESCAPES = [
    "{{ x.__class__.__mro__ }}",
    "{{ ''.__class__ }}",
    "{{ x | attr('__class__') }}",
    "{{ x.format(x) }}",
    "{{ range(10) }}",
    "{{ 'a' * 1000000000 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ 2 ** 100000 }}",
    "{% include '/etc/passwd' %}",
    "{% import 'x' as y %}",
    "{% macro f() %}{% endmacro %}",
    "{% for a in x recursive %}{% endfor %}",
    "{{ cycler }}{{ lipsum() }}",
    "{{ x | tojson }}",
    "{{ falta }}",
    "{{ x.falta }}",
    "{% set b = x ~ x %}",
    "{% set b %}{{ x }}{% endset %}",
    "{% with b = x %}{% endwith %}",
    "{% for b in [x, x] %}{% endfor %}",
    "{{ {'a': x} }}",
    "{{ self._TemplateReference__context }}",
    "{% for a in x %}{{ loop.__class__ }}{% endfor %}",
    "{{ " + "(" * 3_000 + "x" + ")" * 3_000 + " }}",
    "{% for a in x %}" * 30 + "{% endfor %}" * 30,
    "{% if x %}" * 200 + "{% endif %}" * 200,
    "{{ x | round }}",
    "{% if %}",
    "{{",
]


@pytest.mark.parametrize("text", ESCAPES)
def test_nothing_leaves_the_sandbox(text: str) -> None:
    with pytest.raises(PromptInvalid):
        render(text, {"x": {"a": "b"}})


def test_loops_end(tmp_path: Path) -> None:
    loops = "{% for a in x %}{% for b in x %}{% for c in x %}{% endfor %}{% endfor %}{% endfor %}"
    with pytest.raises(PromptInvalid, match="vueltas"):
        render(loops, {"x": list(range(1_000))})
    grows = "{% for a in x %}{{ y }}{% endfor %}"
    with pytest.raises(PromptInvalid, match="caracteres"):
        render(grows, {"x": list(range(1_000)), "y": "a" * 10_000})


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'a'" + "|replace('a', 'aaaaaaaaaa')" * 40 + "|length }}",
        "{{ ''" + "|replace('', 'aaaaaaaaaa')" * 40 + "|length }}",
        "{{ '\"'" + "|json" * 60 + "|length }}",
        "{{ 'aaaaaaaaaa'" + "|join('bbbbbbbbbb')" * 40 + "|length }}",
        "{% for a in x %}{% if y|json == '' %}{% endif %}{% endfor %}",
    ],
)
def test_filters_end_also_where_nothing_is_written(text: str) -> None:
    with pytest.raises(PromptInvalid, match=r"caracteres|demasiado"):
        render(text, {"x": list(range(5_000)), "y": "a" * 10_000})


def test_what_is_no_text_is_written_as_json() -> None:
    given_ = {"a": True, "b": None, "c": {"d": [1.5]}, "e": ["x", 2]}
    text = "{{ a }} {{ b }} {{ c.d }} {{ e | join(', ') }} {{ 'si' if a }}"
    assert render(text, given_) == "true null [\n 1.5\n] x, 2 si"


def test_loops_ifs_and_filters_do_what_a_writer_expects() -> None:
    text = (
        "{% for c in campos %}{{ loop.index }}. {{ c.nombre | upper }}"
        "{% if not loop.last %}, {% endif %}{% endfor %}"
    )
    assert render(text, {"campos": [{"nombre": "a"}, {"nombre": "ñ"}]}) == "1. A, 2. Ñ"
    assert variables(text) == {"campos"}
    assert render("{{ x | json }}", {"x": {"b": 1.5, "a": "ñ"}}) == '{\n "a": "ñ",\n "b": 1.5\n}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{% for c in campos %}{{ c.nombre }}{{ c['has'] }}{% endfor %}", "campos[…].has"),
        ("{% for c in campos | sort %}{{ c.suelo.ph }}{% endfor %}", "campos[…].suelo.ph"),
        ("{% for a in campos %}{% for b in a.lotes %}{{ b.x }}{% endfor %}{% endfor %}",
         "campos[…].lotes[…].x"),
        ("{{ campos[0].hectareas }}", "campos[…].hectareas"),
        ("{% if campos.largo is defined %}{% endif %}", "campos.largo"),
        ("{% for c in campos %}{{ loop.index }} {{ c.nombre }} {{ c.libre.x }}{% endfor %}", ""),
        ("{% for campos in campos %}{{ campos.nombre }}{% endfor %}", ""),
    ],
)  # fmt: skip
def test_a_key_that_no_schema_declares_is_told_before_a_model_is_asked(
    tmp_path: Path, text: str, said: str
) -> None:
    task = f"""version: 1
name: resumir
description: x
model: redactor
prompt: "{text}"
input:
  type: object
  properties:
    campos:
      type: array
      items:
        properties:
          nombre: {{type: string}}
          suelo: {{type: object}}
          libre: {{type: object, additionalProperties: true}}
          lotes: {{type: array, items: {{type: object}}}}
output: {{type: object}}
"""
    found = errors(folder_of(tmp_path, {"resumir.task.yaml": task, "models.yaml": MODELS}))
    assert len(found) == bool(said), found
    assert all(f"prompt: {said}: no se declara" in one for one in found)


@given(st.text())
def test_no_value_closes_its_own_fence(value: str) -> None:
    fenced = render("{{ x | datos }}", {"x": value})
    first = fenced.split("\n", 1)[0]
    mark = first.removeprefix("<datos ").removesuffix(">")
    assert len(mark) == 16
    assert mark not in value
    body = fenced.removeprefix(f"{first}\n").rsplit(f"\n</datos {mark}>\n", 1)
    assert body[0] == value
    assert fenced.count(f"</datos {mark}>") == 1


def test_a_value_is_never_read_as_a_template() -> None:
    hostile: Any = {"x": "{{ 7 * 7 }}{% include 'x' %}", "y": "$input.otro"}
    assert render("{{ x }}{{ y }}", hostile) == "{{ 7 * 7 }}{% include 'x' %}$input.otro"
