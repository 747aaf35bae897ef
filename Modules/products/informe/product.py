"""``informe/informe_25-26.html`` and ``.pdf``: the morning in one page, for a phone and for paper.

Of the last night that changed something: equal nights leave the files as they are, and so does one
that was refused. So that nobody takes an old page for a new one, it says on opening how old its
data are (``AGE``). The same night gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Final

from Modules.disk.safe_files import make_folder, write_new
from Modules.formats import impreso
from Modules.formats.report_page import SIN_CARPETAS, Estado, Figura, Seccion, html_of
from Modules.products.entry import Hecho
from Modules.products.informe.sections import estado_of, morning_of, titulo_of
from Modules.products.source import Fuente
from Modules.words.spanish import moment

_HERE: Final = Path(__file__).parent
AGE: Final = (
    "(()=>{{const d=Math.floor((Date.now()-{ms})/864e5);if(d<1)return;"
    'const p=document.createElement("p");p.className="aviso";'
    'p.textContent=`Estos datos son de hace ${{d===1?"un día":d+" días"}}: desde entonces ninguna '
    "noche trajo cambios, o la que los traía se rechazó: eso lo dice su aviso.`;"
    'document.querySelector("h1").after(p)}})()'
)


def png(figura: Figura) -> bytes:
    """A drawing as a picture of two pixels for a CSS pixel, for a mail: those show no SVG."""
    data = {"svg": figura.svg, "ancho": figura.ancho}
    return impreso.png(_HERE / "dibujo.typ", data, 2 * figura.ancho, figura.ancho)


def build_informe(
    fuente: Fuente, work: Path, vecinas: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> Hecho:
    """Write page and PDF below ``work``; ``vecinas``: the files that lie in folders beside it."""
    make_folder(work)
    stem = f"informe_{fuente.campania.slug}"
    titulo, estado, sections = titulo_of(fuente), estado_of(fuente), morning_of(fuente, vecinas)
    moved = AGE.format(ms=int(fuente.snapshot_id.utc.timestamp() * 1000))
    page = html_of(titulo, sections, estado=estado, guion=SIN_CARPETAS + moved)
    paper = paper_of(fuente, titulo, sections, estado)
    files = {f"{stem}.html": page.encode("utf-8", "replace"), f"{stem}.pdf": paper}
    for name, data in files.items():
        write_new(work / name, data)
    return Hecho({"informe": {name: work / name for name in files}})


def paper_of(fuente: Fuente, titulo: str, sections: Sequence[Seccion], estado: Estado) -> bytes:
    """A report as a PDF, A4; the same night gives the same bytes."""
    pie = f"{titulo} · datos del {moment(fuente.hora_local)} · backup {fuente.snapshot_id}"
    told = [asdict(one.unida) | {"notas": one.notas} for one in sections]
    said = {"titulo": titulo, "pie": pie, **asdict(estado.unido), "secciones": told}
    return impreso.pdf(_HERE / "informe.typ", said, fuente.snapshot_id.utc)
