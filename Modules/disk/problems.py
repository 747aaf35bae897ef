"""What is wrong with one file on a disk, in a closed list of kinds.

``what`` is English, for logs and errors; ``problema`` is what people read.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What is wrong with one file."""

    MISSING = "falta"
    EXTRA = "sobra"
    SIZE = "otro_tamanio"
    CONTENT = "otro_contenido"
    UNREADABLE = "ilegible"
    NOT_A_FILE = "no_es_un_archivo"
    MANIFEST = "manifiesto"
    CONTRADICTION = "no_coincide"
    CHAIN = "cadena"
    PLACE = "fuera_de_lugar"
    UNFINISHED = "a_medias"
    UNRECORDED = "sin_registro"


_PROBLEMA: Final = {
    Kind.MISSING: "falta",
    Kind.EXTRA: "sobra: no es de este backup",
    Kind.SIZE: "tiene otro tamaño",
    Kind.CONTENT: "el contenido cambió",
    Kind.UNREADABLE: "no se puede leer",
    Kind.NOT_A_FILE: "es un enlace o una carpeta vacía",
    Kind.MANIFEST: "el manifiesto no está como se escribió",
    Kind.CONTRADICTION: "el manifiesto dice otra cosa que los datos",
    Kind.CHAIN: "no concuerda con lo que otro backup, o su copia, dice de él",
    Kind.PLACE: "está fuera de lugar",
    Kind.UNFINISHED: "una publicación quedó a medias",
    Kind.UNRECORDED: "no hay registro de lo publicado",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that verify found; ``file`` is a path below the folder that was verified."""

    file: str
    what: str
    kind: Kind = Kind.CONTENT
    detalle: str = ""

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"

    @property
    def problema(self) -> str:
        """What is wrong, in Spanish."""
        said = _PROBLEMA[self.kind]
        return f"{said} ({self.detalle})" if self.detalle else said
