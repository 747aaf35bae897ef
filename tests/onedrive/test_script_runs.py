"""``create_symlinks.ps1`` run on a made-up Windows: what it does is promised, and nothing is lost.

``Estado``, ``Destino`` and ``Lugar`` say what may be found, ``promised`` what is to be done then.

No PowerShell is here; ``tests.powershell_running`` walks the text itself. What Windows really does
is on the list in ``docs/onedrive.md``.
"""

from __future__ import annotations

import copy
import itertools
import json
from enum import StrEnum
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.disk.sentinels import sentinel_text
from Modules.onedrive.config import Enlace
from Modules.onedrive.script import script
from tests.powershell_running import Machine
from tests.win_disk import Windows

PROJECT = "C:\\Lindero"
ROOT = "C:\\Users\\x\\OneDrive - E"
LINK = f"{PROJECT}\\outputs\\cultivos"
TARGET = f"{ROOT}\\O'Brien ‘$x’ `b [c] %PATH% & ñ\\cultivos"
OTHER = "C:\\other"
LINKS = [Enlace(PurePosixPath("outputs/cultivos"), PureWindowsPath(TARGET))]
SCRIPT = script(LINKS, [PureWindowsPath(ROOT)]).decode("utf-8-sig")
SENTINEL = sentinel_text("cultivos")
SWITCHES = [
    tuple(itertools.compress(("Relink", "Migrate", "CreateTarget", "Symbolic"), chosen))
    for chosen in itertools.product((False, True), repeat=4)
]
ALL = SWITCHES[-1]


class Lugar(StrEnum):
    """Where a link is to be made; with what is said of it."""

    BIEN = ""
    SINCRONIZADO = "el proyecto está dentro de OneDrive"
    BAJO_ENLACE = "una carpeta de más arriba es un enlace o un archivo"


class Destino(StrEnum):
    """What a link is to lead to; with what is said of it."""

    EXISTE = ""
    NUBE = "kept by OneDrive as a point of its own, which is no link"
    FALTA = "el destino no existe: revise la ruta, o agregue -CreateTarget"
    ENLACE = "el destino, o una carpeta de más arriba, es un enlace"
    ARCHIVO = "el destino, o una parte de su ruta, es un archivo"
    FUERA = "el destino no está dentro de OneDrive"
    SIN_ONEDRIVE = "la carpeta de OneDrive no está en esta computadora"
    RED = "el destino está en una unidad de red"
    AJENO = "el destino ya es el de otra carpeta"


class Estado(StrEnum):
    """What lies under a link's name, as it is shown."""

    FALTA = "falta"
    CORRECTO = "enlace correcto"
    OTRO_DESTINO = "enlace a otro destino"
    VACIA = "carpeta vacía"
    CON_DATOS = "carpeta con datos"
    ARCHIVO = "archivo en el lugar"


TRY = "probar que el destino se puede escribir"
MAKE = "crear el enlace"
PROVE = ("comprobar escribiendo por el enlace", "dejar el centinela en el destino")
STEPS = {
    Estado.FALTA: (MAKE,),
    Estado.CORRECTO: (),
    Estado.OTRO_DESTINO: ("quitar el enlace anterior (no toca su contenido)", MAKE),
    Estado.VACIA: ("quitar la carpeta vacía", MAKE),
    Estado.CON_DATOS: ("apartar los datos con el nombre .bak-<hora>", MAKE),
}
NEEDS = {
    Estado.OTRO_DESTINO: ("Relink", "el enlace lleva a otra carpeta: agregue -Relink"),
    Estado.CON_DATOS: ("Migrate", "hay una carpeta con datos: agregue -Migrate"),
    Estado.ARCHIVO: ("no switch does", "hay un archivo con ese nombre: muévalo a otro lado"),
}


def promised(estado: Estado, destino: Destino, chosen: tuple[str, ...]) -> tuple[str, str]:
    """What stops a link and the steps, one of them empty: the target is made and tried before
    anything at the link is touched, and in the end the link is proved by writing through it."""
    made = destino is Destino.FALTA and "CreateTarget" in chosen
    if destino not in (Destino.EXISTE, Destino.NUBE) and not made:
        return destino, ""
    switch, said = NEEDS.get(estado, ("", ""))
    if switch and switch not in chosen:
        return said, ""
    first = ("crear la carpeta de destino",) if made else ()
    return "", "; ".join((*first, TRY, *STEPS[estado], *PROVE))


def _windows(
    estado: Estado = Estado.FALTA, destino: Destino = Destino.EXISTE, lugar: Lugar = Lugar.BIEN
) -> Windows:
    windows = Windows()
    windows.put(ROOT)
    windows.put(OTHER)
    windows.put(f"{OTHER}\\theirs.txt", "other")
    windows.put(PROJECT)
    if lugar is Lugar.SINCRONIZADO:
        windows.environment["onedrive"] = "c:\\LINDERO\\"
        windows.put(f"{PROJECT}\\outputs")
    elif lugar is Lugar.BAJO_ENLACE:
        windows.put("C:\\elsewhere")
        windows.put(f"{PROJECT}\\outputs", target="C:\\elsewhere")
    _put_target(windows, destino)
    _put_link(windows, estado)
    return windows


def _put_target(windows: Windows, destino: Destino) -> None:
    if destino is Destino.ENLACE:
        windows.put(TARGET, target=OTHER)
    elif destino is Destino.ARCHIVO:
        windows.put(TARGET, "a file")
    elif destino in (Destino.EXISTE, Destino.NUBE, Destino.AJENO):
        windows.put(TARGET)
        windows.things[TARGET.casefold()].cloud = destino is Destino.NUBE
        windows.put(f"{TARGET}\\old.kmz", "in OneDrive")
    if destino is Destino.AJENO:
        windows.put(f"{TARGET}\\.lindero-destino.json", sentinel_text("H3"))


def _put_link(windows: Windows, estado: Estado) -> None:
    if estado is Estado.CORRECTO:
        windows.put(LINK, target=TARGET)
    elif estado is Estado.OTRO_DESTINO:
        windows.put(LINK, target=OTHER)
    elif estado in (Estado.VACIA, Estado.CON_DATOS):
        windows.put(LINK)
    elif estado is Estado.ARCHIVO:
        windows.put(LINK, "a file in the way")
    if estado is Estado.CON_DATOS:
        windows.put(f"{LINK}\\deep\\mine.kmz", "mine")


def _run(windows: Windows, *switches: str, text: str = SCRIPT) -> tuple[int, Machine]:
    machine = Machine(text, windows, PROJECT)
    return machine.run(*switches), machine


def _disk(windows: Windows) -> dict[str, tuple[str | None, str | None]]:
    return {
        thing.path: (thing.content, thing.target)
        for thing in windows.things.values()
        if "symlink_journal" not in thing.path
    }


@pytest.mark.parametrize("chosen", SWITCHES, ids=" ".join)
@pytest.mark.parametrize("destino", [Destino.EXISTE, Destino.NUBE, Destino.FALTA])
@pytest.mark.parametrize("estado", list(Estado))
def test_it_does_what_is_promised_and_undo_takes_it_back(
    estado: Estado, destino: Destino, chosen: tuple[str, ...]
) -> None:
    windows = _windows(estado, destino)
    before, files = _disk(windows), set(windows.files().values())
    stopped, steps = promised(estado, destino, chosen)
    code, machine = _run(windows, *chosen)
    assert f"{LINK} | {TARGET} | {estado} | {steps or f'DETENIDO: {stopped}'}" in machine.said[0]
    assert files <= set(windows.files().values())
    if stopped:
        assert code == 1
        assert machine.said[-1].startswith(f"cultivos: sin hacer. {stopped}")
        assert _disk(windows) == before
        return
    assert code == 0, machine.said
    assert machine.proposed == [(LINK, steps)]
    assert _proved(windows)
    made = windows.at(LINK, last=False)
    assert made is not None
    if estado is not Estado.CORRECTO:
        assert made.kind == ("SymbolicLink" if "Symbolic" in chosen else "Junction")
    _second_run_changes_nothing(windows)
    _undo_restores(windows, before)


def _proved(windows: Windows) -> bool:
    """The link leads to the target, the sentinel and its note are there, no probe is left."""
    found = windows.at(LINK, last=False)
    assert found is not None
    assert found.target == TARGET
    files = windows.files()
    assert files[f"{TARGET}\\.lindero-destino.json"] == SENTINEL
    assert files[f"{PROJECT}\\outputs\\.lindero-destinos\\cultivos.json"] == SENTINEL
    return not [path for path in files if path.endswith(".tmp")]


def _second_run_changes_nothing(windows: Windows) -> None:
    before = copy.deepcopy(windows.things)
    assert _run(windows)[0] == 0
    assert windows.things == before


def _undo_restores(windows: Windows, before: dict[str, tuple[str | None, str | None]]) -> None:
    """All as before; of OneDrive, what was made stays."""
    assert _run(windows, "Undo")[0] == 0
    after = _disk(windows)
    left = {path for path in after if path not in before}
    assert {path: after[path] for path in before} == before
    ours = {f"{PROJECT}\\outputs", f"{PROJECT}\\outputs\\.lindero-destinos"}
    assert all(path in ours or path.startswith(f"{ROOT}\\") for path in left)
    code, machine = _run(windows, "Undo")
    assert (code, machine.said) == (0, ["No hay nada que deshacer."])


@pytest.mark.parametrize("destino", [Destino.ENLACE, Destino.ARCHIVO, Destino.AJENO])
def test_a_target_that_will_not_do_is_left_alone_with_every_option(destino: Destino) -> None:
    windows = _windows(Estado.CON_DATOS, destino)
    before = _disk(windows)
    for chosen in SWITCHES:
        code, machine = _run(windows, *chosen)
        assert code == 1
        assert machine.said[-1].startswith(f"cultivos: sin hacer. {destino}")
        assert _disk(windows) == before


@pytest.mark.parametrize("lugar", [Lugar.SINCRONIZADO, Lugar.BAJO_ENLACE])
def test_no_option_makes_a_link_in_a_wrong_place(lugar: Lugar) -> None:
    windows = _windows(lugar=lugar)
    before = _disk(windows)
    for chosen in SWITCHES:
        code, machine = _run(windows, *chosen)
        assert code == 1
        assert machine.said[-1].startswith(f"cultivos: sin hacer. {lugar}")
        assert _disk(windows) == before


def test_a_folder_that_onedrive_keeps_in_the_place_of_a_link_is_not_touched() -> None:
    windows = _windows(Estado.VACIA)
    windows.things[LINK.casefold()].cloud = True
    before = _disk(windows)
    code, machine = _run(windows, *ALL)
    assert code == 1
    assert NEEDS[Estado.ARCHIVO][1] in machine.said[-1]
    assert _disk(windows) == before


@pytest.mark.parametrize(
    ("target", "roots", "destino"),
    [
        ("D:\\x", [ROOT], Destino.FUERA),
        (f"{ROOT} 2\\x", [ROOT], Destino.FUERA),
        ("Z:\\OneDrive\\x", ["Z:\\OneDrive"], Destino.RED),
        ("C:\\gone\\OneDrive\\x", ["C:\\gone\\OneDrive"], Destino.SIN_ONEDRIVE),
    ],
)
def test_a_target_outside_of_onedrive_or_without_it(
    target: str, roots: list[str], destino: Destino
) -> None:
    links = [Enlace(PurePosixPath("outputs/cultivos"), PureWindowsPath(target))]
    text = script(links, [PureWindowsPath(root) for root in roots]).decode("utf-8-sig")
    windows = _windows()
    before = _disk(windows)
    code, machine = _run(windows, *ALL, text=text)
    assert code == 1
    assert machine.said[-1].startswith(f"cultivos: sin hacer. {destino}")
    assert _disk(windows) == before


@pytest.mark.parametrize("estado", list(Estado))
def test_what_if_changes_nothing(estado: Estado) -> None:
    windows = _windows(estado, Destino.FALTA)
    before = copy.deepcopy(windows.things)
    code, machine = _run(windows, "WhatIf", "Relink", "Migrate", "CreateTarget")
    assert code == (1 if estado is Estado.ARCHIVO else 0)
    assert windows.things == before
    assert LINK in machine.said[0]
    _run(windows, "Relink", "Migrate", "CreateTarget")
    done = copy.deepcopy(windows.things)
    assert _run(windows, "Undo", "WhatIf")[0] == 0
    assert windows.things == done


FAILURES = [
    ("write", ".lindero-prueba"),
    ("read", ".lindero-prueba"),
    ("write", ".lindero-destino.json"),
    ("write", ".lindero-destinos"),
    ("make", "OneDrive"),
    ("move", "cultivos"),
    ("delete", "cultivos"),
    ("mklink", "cultivos"),
]


@pytest.mark.parametrize("failure", FAILURES, ids="-".join)
@pytest.mark.parametrize("destino", [Destino.EXISTE, Destino.FALTA])
@pytest.mark.parametrize("estado", list(Estado))
def test_whatever_windows_refuses_that_link_is_as_it_was(
    estado: Estado, destino: Destino, failure: tuple[str, str]
) -> None:
    windows = _windows(estado, destino)
    before = _disk(windows)
    met: list[str] = []

    def fails(what: str, path: str) -> bool:
        hit = what == failure[0] and failure[1] in path and not met  # once: a program let go of it
        met.extend([path] if hit else [])
        return hit

    windows.fails = fails
    code, machine = _run(windows, "Relink", "Migrate", "CreateTarget")
    if not met:
        assert code == (1 if estado is Estado.ARCHIVO else 0)
        return
    assert code == 5
    assert "cultivos: FALLÓ. " in machine.said[-1]
    after = _disk(windows)
    assert {path: after.get(path) for path in before} == before
    windows.fails = lambda _what, _path: False
    assert _run(windows, "Relink", "Migrate", "CreateTarget")[0] == 0
    assert _proved(windows)


def test_a_symbolic_link_that_is_refused_says_what_to_do() -> None:
    windows = _windows(Estado.CON_DATOS)
    windows.refuses_symbolic = True
    before = _disk(windows)
    code, machine = _run(windows, "Symbolic", "Migrate")
    assert code == 5
    assert "pruebe sin -Symbolic" in machine.said[-1]
    assert _disk(windows) == before


def test_a_link_that_does_not_lead_where_it_should_is_taken_away_again() -> None:
    windows = _windows(Estado.CON_DATOS)
    windows.leads_to = OTHER
    before = _disk(windows)
    code, machine = _run(windows, "Migrate")
    assert code == 5
    assert machine.said[-1] == f"cultivos: FALLÓ. el enlace creado no lleva a {TARGET}"
    assert _disk(windows) == before


def test_undo_goes_back_one_run_at_a_time() -> None:
    windows = _windows(Estado.CON_DATOS)
    first = _disk(windows)
    _run(windows, "Migrate")
    other = f"{ROOT}\\new"
    windows.put(other)
    moved = [Enlace(PurePosixPath("outputs/cultivos"), PureWindowsPath(other))]
    _run(windows, "Relink", text=script(moved, [PureWindowsPath(ROOT)]).decode("utf-8-sig"))
    found = windows.at(LINK, last=False)
    assert found is not None
    assert found.target == other
    _run(windows, "Undo")
    found = windows.at(LINK, last=False)
    assert found is not None
    assert found.target == TARGET
    _run(windows, "Undo")
    assert {path: _disk(windows).get(path) for path in first} == first


@pytest.mark.parametrize("change", ["a new folder", "another link", "the copy is gone"])
def test_undo_leaves_what_somebody_changed_since(change: str) -> None:
    windows = _windows(Estado.CON_DATOS)
    _run(windows, "Migrate")
    kept = f"{LINK}.bak-20251120-030000"
    if change == "the copy is gone":
        for thing in [*windows.below(kept), windows.things[kept.casefold()]]:
            del windows.things[thing.path.casefold()]
    else:
        del windows.things[LINK.casefold()]
        windows.put(LINK, target=OTHER if change == "another link" else None)
    files = set(windows.files().values()) - {SENTINEL}
    code, machine = _run(windows, "Undo")
    assert code == 5
    assert "No se deshizo todo" in machine.said[-1]
    assert files <= set(windows.files().values())
    assert _run(windows, "Undo")[0] == 5  # still to do: it says so again


@pytest.mark.parametrize("torn", ['\r\n{"corrida": "2025', "\r\n{"])
def test_a_line_of_the_journal_that_was_cut_is_skipped(torn: str) -> None:
    windows = _windows()
    before = _disk(windows)
    _run(windows)
    journal = windows.at(f"{PROJECT}\\symlink_journal.jsonl")
    assert journal is not None
    assert journal.content is not None
    lines = [line for line in journal.content.splitlines() if line]
    assert [json.loads(line)["accion"] for line in lines] == ["crear-enlace", "marcar"]
    journal.content += torn
    assert _run(windows, "Undo")[0] == 0
    assert {path: _disk(windows).get(path) for path in before} == before
    assert "No hay nada que deshacer." in _run(windows, "Undo")[1].said[-1]


def test_one_link_that_is_stopped_does_not_stop_the_others() -> None:
    links = [*LINKS, Enlace(PurePosixPath("outputs/H3"), PureWindowsPath(ROOT, "H3"))]
    text = script(links, [PureWindowsPath(ROOT)]).decode("utf-8-sig")
    windows = _windows(Estado.CON_DATOS)
    windows.put(f"{ROOT}\\H3")
    code, machine = _run(windows, text=text)
    assert code == 1
    assert machine.said[-1] == "H3: bien."
    assert windows.at(LINK, last=False).target is None  # type: ignore[union-attr]


def test_undo_takes_no_other_switch() -> None:
    windows = _windows()
    code, machine = _run(windows, "Undo", "Migrate")
    assert code == 2
    assert "-Undo va solo" in machine.said[-1]


moves = st.lists(
    st.sampled_from(
        [(), ("Undo",), ("Relink",), ("Migrate",), ("CreateTarget",), ("Migrate", "Relink")]
    ),
    min_size=1,
    max_size=4,
)


@given(st.sampled_from(Estado), st.sampled_from([Destino.EXISTE, Destino.FALTA]), moves, st.data())
def test_no_order_of_runs_and_failures_loses_a_file(
    estado: Estado, destino: Destino, runs: list[tuple[str, ...]], data: st.DataObject
) -> None:
    windows = _windows(estado, destino)
    files = set(windows.files().values())
    for switches in runs:
        failure = data.draw(st.sampled_from([None, *FAILURES]))
        windows.fails = lambda what, path, f=failure: (
            f is not None and what == f[0] and f[1] in path
        )
        _run(windows, *switches)
        assert files <= set(windows.files().values())
