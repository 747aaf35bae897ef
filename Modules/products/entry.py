"""What a product says of itself: one ``Producto`` in its own package, a line of ``registry``.

Standard library only, as every package's ``__init__`` is: who makes links and mounts asks for the
folders on a Python without packages. A builder imports what it needs when it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

Hechas: TypeAlias = Callable[[str, str], bytes | None]
CADA_NOCHE: Final = "productos"  # the command whose products the backup makes as well


@dataclass(frozen=True, slots=True)
class Hecho:
    """What a product made: by folder below the outputs, path below it → file; and warnings.

    ``hechas``: of a product that declares it, the files of its first folder, each with a hash of
    all that it shows, and the SHA-256 of its bytes.
    """

    carpetas: Mapping[str, Mapping[str, Path]]
    avisos: tuple[str, ...] = ()
    hechas: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Producto:
    """One product: the folders below the outputs that it fills, and how it is made.

    ``build`` is called with the night (``source.Fuente``), a scratch folder, and each setting of
    ``ajustes`` under its own name; with ``tareas`` the issues of the campaña and what its marks
    were read as, with ``fotos`` the photos of its marks where there are any, with ``vecinas`` the
    names of the files in those folders, with ``propio`` the first of those files that people put
    into its first folder, with ``hechas`` what gives the bytes of a file of its first folder, by
    its name and the hash of what it shows, where the same code made it last time. What is not
    declared does not reach it. A product is made again when one of these changes, or code of
    ``paquetes`` or of floors that products stand on.
    """

    nombre: str  # of its receipts and its task
    carpetas: tuple[str, ...]
    build: Callable[..., Hecho]
    paquetes: tuple[str, ...]  # below Modules/products: its own, and those that it uses
    pagina: str = "productos.md"  # of docs/, which documents its files
    comando: str = CADA_NOCHE  # lindero run <comando> makes it
    texto: str = ""  # what the command makes, for its help; the name, if not given
    ajustes: tuple[str, ...] = ()
    tramos: bool = False  # whether ``build`` takes a ``run`` that runs its pieces: see ``runner``
    tareas: bool = False  # whether it shows what became of our issues in Jira
    fotos: bool = False  # whether it shows the photos of marks
    hechas: bool = False  # whether it takes files that show the same as last time as they lie there
    vecinas: tuple[str, ...] = ()  # folders of other products whose files it refers to
    propio: tuple[str, ...] = ()  # names in small letters, the one to be taken first; never ours
    pueden_faltar: frozenset[str] = frozenset()  # folders that are empty while nothing is sown
