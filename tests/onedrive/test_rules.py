"""What is done about a link: every state with every option, and nothing that loses a file."""

from __future__ import annotations

import itertools
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.disk.safe_files import is_link
from Modules.onedrive.rules import (
    DICHO,
    REGLAS_DESTINO,
    REGLAS_ENLACE,
    REGLAS_LUGAR,
    Accion,
    Destino,
    Estado,
    Lugar,
    Opciones,
    Plan,
    Situacion,
    plan,
)

PROVE = (Accion.COMPROBAR, Accion.MARCAR)
TRY = (Accion.PROBAR_DESTINO,)
SWITCHES = [
    Opciones(relink, migrate, create, symbolic)
    for relink, migrate, create, symbolic in itertools.product((False, True), repeat=4)
]
NONE, ALL = Opciones(), Opciones(relink=True, migrate=True, create_target=True)

# state, the option it needs, what is done with it
TABLE = [
    (Estado.FALTA, None, (Accion.CREAR_ENLACE,)),
    (Estado.CORRECTO, None, ()),
    (Estado.OTRO_DESTINO, "relink", (Accion.QUITAR_ENLACE, Accion.CREAR_ENLACE)),
    (Estado.VACIA, None, (Accion.QUITAR_VACIA, Accion.CREAR_ENLACE)),
    (Estado.CON_DATOS, "migrate", (Accion.APARTAR, Accion.CREAR_ENLACE)),
    (Estado.ARCHIVO, "never", ()),
]

situations = st.builds(
    Situacion, st.sampled_from(Estado), st.sampled_from(Destino), st.sampled_from(Lugar)
)
switches = st.sampled_from(SWITCHES)


@pytest.mark.parametrize("opciones", SWITCHES, ids=str)
@pytest.mark.parametrize(("estado", "needs", "steps"), TABLE)
def test_every_state_of_a_link_with_every_option(
    estado: Estado, needs: str | None, steps: tuple[Accion, ...], opciones: Opciones
) -> None:
    found = plan(Situacion(estado), opciones)
    if needs is None or (needs != "never" and getattr(opciones, needs)):
        assert found == Plan((*TRY, *steps, *PROVE))
    else:
        assert found == Plan(detenido=REGLAS_ENLACE[estado].aviso)


@pytest.mark.parametrize("opciones", SWITCHES, ids=str)
@pytest.mark.parametrize("destino", list(Destino))
def test_every_state_of_a_target_with_every_option(destino: Destino, opciones: Opciones) -> None:
    found = plan(Situacion(Estado.FALTA, destino), opciones)
    if destino is Destino.EXISTE:
        assert found.acciones == (*TRY, Accion.CREAR_ENLACE, *PROVE)
    elif destino is Destino.FALTA and opciones.create_target:
        assert found.acciones == (Accion.CREAR_DESTINO, *TRY, Accion.CREAR_ENLACE, *PROVE)
    else:
        assert found == Plan(detenido=REGLAS_DESTINO[destino].aviso)


@pytest.mark.parametrize("lugar", [Lugar.SINCRONIZADO, Lugar.BAJO_ENLACE])
def test_no_option_makes_a_link_inside_onedrive_or_under_a_link(lugar: Lugar) -> None:
    assert plan(Situacion(Estado.FALTA, lugar=lugar), ALL).detenido == REGLAS_LUGAR[lugar].aviso


def test_every_state_has_a_rule_and_every_step_is_said() -> None:
    assert list(REGLAS_ENLACE) == list(Estado)
    assert list(REGLAS_DESTINO) == list(Destino)
    assert list(REGLAS_LUGAR) == list(Lugar)
    assert list(DICHO) == list(Accion)


@given(situations, switches)
def test_a_plan_is_stopped_and_says_what_to_do_or_proves_itself_in_the_end(
    situacion: Situacion, opciones: Opciones
) -> None:
    found = plan(situacion, opciones)
    if found.detenido is None:
        assert found.acciones[-2:] == PROVE
        assert found.acciones.index(Accion.PROBAR_DESTINO) <= 1  # before anything at the link
    else:
        assert found.detenido
        assert not found.acciones


@given(situations, switches)
def test_only_an_empty_folder_or_a_link_is_ever_removed(
    situacion: Situacion, opciones: Opciones
) -> None:
    steps = plan(situacion, opciones).acciones
    assert (Accion.QUITAR_VACIA in steps) <= (situacion.enlace is Estado.VACIA)
    assert (Accion.QUITAR_ENLACE in steps) <= (
        situacion.enlace is Estado.OTRO_DESTINO and opciones.relink
    )
    assert (Accion.APARTAR in steps) <= (situacion.enlace is Estado.CON_DATOS and opciones.migrate)


@given(situations, switches)
def test_an_option_more_never_does_other_things_to_what_was_done_without_it(
    situacion: Situacion, opciones: Opciones
) -> None:
    without = plan(situacion, NONE)
    if without.detenido is None:
        assert plan(situacion, opciones) == without


@given(st.sampled_from(Estado), st.booleans(), switches)
def test_on_a_real_disk_no_content_is_lost_and_a_second_plan_does_nothing(
    estado: Estado, target_there: bool, opciones: Opciones
) -> None:
    with TemporaryDirectory() as folder:
        disk = _Disk(Path(folder), estado, target_there=target_there)
        before = disk.contents()
        found = plan(disk.situation(), opciones)
        for step in found.acciones:
            disk.do(step)
        assert before <= disk.contents()
        if found.detenido is None:
            assert disk.situation() == Situacion(Estado.CORRECTO)
            assert plan(disk.situation(), NONE).acciones == (*TRY, *PROVE)


class _Disk:
    """A link and its target on a real disk; symbolic links stand for junctions."""

    def __init__(self, root: Path, estado: Estado, *, target_there: bool) -> None:
        self.root, self.link, self.target = root, root / "outputs" / "x", root / "OneDrive" / "x"
        self.link.parent.mkdir()
        self.target.parent.mkdir()
        if target_there:
            self.target.mkdir()
            (self.target / "old.kmz").write_text("in OneDrive")
        self._put(estado)

    def _put(self, estado: Estado) -> None:
        other = self.root / "other"
        other.mkdir()
        (other / "theirs.txt").write_text("other")
        if estado is Estado.CORRECTO:
            self.link.symlink_to(self.target)
        elif estado is Estado.OTRO_DESTINO:
            self.link.symlink_to(other)
        elif estado in (Estado.VACIA, Estado.CON_DATOS):
            self.link.mkdir()
        if estado is Estado.CON_DATOS:
            (self.link / "deep").mkdir()
            (self.link / "deep" / "mine.kmz").write_text("mine")
        elif estado is Estado.ARCHIVO:
            self.link.write_text("a file")

    def situation(self) -> Situacion:
        return Situacion(self._state(), Destino.EXISTE if self.target.is_dir() else Destino.FALTA)

    def _state(self) -> Estado:
        if is_link(self.link):
            right = self.link.readlink() == self.target
            return Estado.CORRECTO if right else Estado.OTRO_DESTINO
        if not self.link.exists():
            return Estado.FALTA
        if self.link.is_file():
            return Estado.ARCHIVO
        return Estado.CON_DATOS if any(self.link.iterdir()) else Estado.VACIA

    def contents(self) -> set[str]:
        """What every real file says, wherever it is."""
        files = (path for path in self.root.rglob("*") if path.is_file() and not is_link(path))
        return {path.read_text() for path in files}

    def do(self, step: Accion) -> None:
        """A step as the script does it: each call refuses what has content."""
        if step is Accion.CREAR_DESTINO:
            self.target.mkdir()
        elif step is Accion.QUITAR_ENLACE:
            self.link.unlink()
        elif step is Accion.QUITAR_VACIA:
            self.link.rmdir()
        elif step is Accion.APARTAR:
            self.link.rename(self.link.with_name("x.bak-20251120-030000"))
        elif step is Accion.CREAR_ENLACE:
            self.link.symlink_to(self.target)
        else:
            through = self.target if step is Accion.PROBAR_DESTINO else self.link
            (through / "probe.tmp").write_text("probe")
            assert (self.target / "probe.tmp").read_text() == "probe"
            (through / "probe.tmp").unlink()
