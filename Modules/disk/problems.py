"""What may be wrong with a file on a disk: a closed list, and the finding of each.

``item`` is the file, as a path below the folder that was looked at; ``what`` is what people read;
the one note says more closely what was found. Whoever knows adds where it is and what to do.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from Modules.words.finding import Finding, Severity


class Damage(StrEnum):
    """What is wrong with one file: the ``code`` of its finding, and what people read."""

    said: str

    def __new__(cls, code: str, said: str) -> Damage:
        one = str.__new__(cls, code)
        one._value_, one.said = code, said
        return one

    MISSING = "falta", "falta"
    EXTRA = "sobra", "sobra: no es de este backup"
    SIZE = "otro_tamanio", "tiene otro tamaño"
    CONTENT = "otro_contenido", "el contenido cambió"
    UNREADABLE = "ilegible", "no se puede leer"
    NOT_A_FILE = "no_es_un_archivo", "es un enlace o una carpeta vacía"
    MANIFEST = "manifiesto", "el manifiesto no está como se escribió"
    CONTRADICTION = "no_coincide", "el manifiesto dice otra cosa que los datos"
    CHAIN = "cadena", "no concuerda con lo que otro backup, o su copia, dice de él"
    PLACE = "fuera_de_lugar", "está fuera de lugar"
    UNFINISHED = "a_medias", "una publicación quedó a medias"
    UNRECORDED = "sin_registro", "no hay registro de lo publicado"
    EDITED = "editado", "alguien lo editó"
    HELD = "tomado", "otro programa tiene abierto el archivo, o se cortó y dejó esto a su lado"


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
    what = f"{damage.said} ({detalle})" if detalle else damage.said
    severity = Severity.WARNING if damage in _NO_DAMAGE else Severity.ERROR
    return Finding(what, severity, where, file, todo, damage.value, (note,))


def in_full(found: Finding) -> str:
    """A finding of a file for the one line of an error."""
    return f"{found.item}: {'; '.join(found.notes)}"
