"""What may be wrong with a file on a disk: a closed list, and the finding of each.

``item`` is the file, as a path below the folder that was looked at; ``what`` is what people read;
the one note says more closely what was found. Whoever knows adds where it is and what to do.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from Modules.words.finding import Finding, Severity


class Damage(StrEnum):
    """What is wrong with one file; the ``code`` of its finding."""

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
    EDITED = "editado"
    HELD = "tomado"


_SAID: Final = {
    Damage.MISSING: "falta",
    Damage.EXTRA: "sobra: no es de este backup",
    Damage.SIZE: "tiene otro tamaño",
    Damage.CONTENT: "el contenido cambió",
    Damage.UNREADABLE: "no se puede leer",
    Damage.NOT_A_FILE: "es un enlace o una carpeta vacía",
    Damage.MANIFEST: "el manifiesto no está como se escribió",
    Damage.CONTRADICTION: "el manifiesto dice otra cosa que los datos",
    Damage.CHAIN: "no concuerda con lo que otro backup, o su copia, dice de él",
    Damage.PLACE: "está fuera de lugar",
    Damage.UNFINISHED: "una publicación quedó a medias",
    Damage.UNRECORDED: "no hay registro de lo publicado",
    Damage.EDITED: "alguien lo editó",
    Damage.HELD: "otro programa tiene abierto el archivo, o se cortó y dejó esto a su lado",
}
SOLTAR: Final = (  # what to do about ``HELD``, for people
    "Cerrar el archivo en QGIS; si nadie lo tiene abierto, abrirlo y cerrarlo una vez"
)
_NO_DAMAGE: Final = frozenset({Damage.EDITED, Damage.HELD})


def problem_of(
    file: str,
    note: str,
    damage: Damage = Damage.CONTENT,
    detalle: str = "",
    *,
    where: str = "",
    todo: str = "",
) -> Finding:
    """A finding of one file; all its texts are Spanish."""
    said = _SAID[damage]
    what = f"{said} ({detalle})" if detalle else said
    severity = Severity.WARNING if damage in _NO_DAMAGE else Severity.ERROR
    return Finding(what, severity, where, file, todo, damage.value, (note,))


def in_full(found: Finding) -> str:
    """A finding of a file for the one line of an error."""
    return f"{found.item}: {'; '.join(found.notes)}"
