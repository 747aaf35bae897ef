"""``lindero prompts`` as a person runs it, and the files that come with Lindero."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from Modules.cli.main import main
from Modules.prompts.files.reading import read_library
from Modules.prompts.files.validate import validate
from Modules.prompts.judging.cases import judge_all
from tests.prompts.openai_server import Fake, Say
from tests.prompts.test_files import GOOD, folder_of

ROOT = Path(__file__).resolve().parents[2]
CANARY = "sk-canario-0123456789abcdef"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LINDERO_PROMPTS_DIR", str(tmp_path))
    monkeypatch.setenv("LINDERO_STATE_DIR", str(tmp_path / "estado"))
    return folder_of(tmp_path, GOOD)


def lindero(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["prompts", *arguments])
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


def test_the_files_that_come_along_are_sound_and_their_cases_pass() -> None:
    library = read_library(ROOT / "prompts")
    assert validate(library).findings == ()
    judged = judge_all(library)
    assert len(judged) >= 4
    assert [one for one in judged if one.wrong] == []


def test_validate_says_what_there_is_and_what_is_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lindero(capsys, "validate")[:2] == (0, "1 tarea, 1 flujo, 1 archivo de casos: bien.\n")
    (folder / "resumir.task.yaml").write_text(
        GOOD["resumir.task.yaml"].replace("prompt:", "promt:")
    )
    code, out, _ = lindero(capsys, "validate")
    assert code == 2
    assert "resumir.task.yaml:5: promt: no se conoce esta clave → ¿prompt?" in out
    code, out, _ = lindero(capsys, "validate", "--json")
    assert code == 2
    told = [(one["where"], one["item"]) for one in json.loads(out)]
    assert ("resumir.task.yaml:5", "promt") in told
    code, _, err = lindero(capsys, "test")
    assert (code, "resumir.task.yaml:" in err) == (2, True)


def test_a_budget_stops_no_recorded_case(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "informe.flow.yaml").write_text(f"{GOOD['informe.flow.yaml']}budget_usd: 0.01\n")
    assert lindero(capsys, "test")[0] == 0


def test_recorded_cases_pass_or_say_what_came_instead(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lindero(capsys, "test")[0] == 0
    cases = GOOD["informe.eval.yaml"]
    for old, new, said in (
        ("final: dos", "final: tres", "final es 'dos', se esperaba 'tres'"),
        ("final: dos", "otra: dos", "falta otra"),
        ("expect: {final: dos}", "fails: timeout", "terminó bien, y tenía que terminar en timeout"),
        ('dos: [\'{"texto": "dos"}\']', "dos: [{fault: timeout}]", "terminó en timeout"),
    ):
        assert old in cases
        (folder / "informe.eval.yaml").write_text(cases.replace(old, new))
        code, out, _ = lindero(capsys, "test", "informe", "--json")
        assert code == 1
        assert said in json.loads(out)[0]["wrong"]
    code, _, err = lindero(capsys, "test", "nada")
    assert (code, "hay: informe" in err) == (2, True)


def test_run_asks_the_model_of_the_environment_and_tells_tokens_and_cost(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = folder / "entrada.json"
    given.write_text('{"hechos": {"ha": 12}}')
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.0015}
    answers = [Say(f'{{"texto": "{one}"}}', usage=usage) for one in ("uno", "dos")]
    with Fake(answers) as model:
        text = GOOD["models.yaml"].replace("http://127.0.0.1:8080/v1", model.url)
        nube = f'"{model.url}", key: CLAVE_DE_PRUEBA'
        text = text.replace('"https://openrouter.ai/api/v1", key: OPENROUTER_API_KEY', nube)
        (folder / "models.yaml").write_text(text)
        code, _, err = lindero(capsys, "run", "informe", "--input", str(given), "--env", "prod")
        assert (code, "CLAVE_DE_PRUEBA" in err) == (2, True)
        assert model.bodies == []
        monkeypatch.setenv("CLAVE_DE_PRUEBA", CANARY)
        code, out, err = lindero(
            capsys, "run", "informe", "--input", str(given), "--env", "prod", "--json"
        )
    answer: Any = json.loads(out)
    assert (code, answer["output"]) == (0, {"final": "dos"}), answer
    calls = answer["calls"]
    assert [(one["step"], one["model"], one["cost_usd"]) for one in calls] == [
        ("uno", "grande", "0.0015"),
        ("dos", "grande", "0.0015"),
    ]
    assert CANARY not in out + err
    _, out, _ = lindero(capsys, "costs", "--by", "client", "--json")
    row = next(one for one in json.loads(out) if one["calls"])
    assert (row["key"], row["calls"], row["cost_usd"]) == ("(run)", 2, "0.0030")
    assert lindero(capsys, "history", "--json")[1] == "[]\n"  # nothing was deployed by that


def test_a_run_that_comes_to_nothing_says_the_cause_and_what_the_model_wrote(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = folder / "entrada.json"
    given.write_text('{"hechos": {"ha": 12}}')
    with Fake([Say('{"otra": 1}'), Say('{"otra": 2}\x1b[2J')]) as model:
        text = GOOD["models.yaml"].replace("http://127.0.0.1:8080/v1", model.url)
        (folder / "models.yaml").write_text(text)
        code, out, err = lindero(capsys, "run", "informe", "--input", str(given))
    assert code == 1
    assert "desconocido" in out
    assert '{"otra": 2}\N{REPLACEMENT CHARACTER}[2J' in err
    for text in ("{", '{"hechos": NaN}', "[]", '{"hechos": 1, "hechos": 2}'):
        given.write_text(text)
        code, _, err = lindero(capsys, "run", "informe", "--input", str(given))
        assert (code, "entrada.json" in err) == (2, True), err


def test_without_the_group_it_is_said_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pydantic_ai", None)
    code, _, err = lindero(capsys, "validate")
    assert (code, "--extra prompts" in err) == (2, True)
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert not end.value.code
