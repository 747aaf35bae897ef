"""A report as sections, and what is made of them: HTML, Markdown, plain text. Pure.

One model for page, mail and paper: what one says, the others say. Equal sections give equal bytes.
The HTML is one file without anything from elsewhere, for a phone and for paper. Texts are plain,
whatever they hold; drawings are SVG of our own making.
"""

from __future__ import annotations

import base64
import hashlib
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from html import escape
from operator import attrgetter
from typing import Final
from urllib.parse import quote

from Modules.words.spanish import count, markdown, markdown_table, number, unbroken

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:46rem;padding:1rem;"
    "color:#1b1b1b;background:#fff;overflow-wrap:anywhere}h1{font-size:1.5rem;line-height:1.25}"
    "h2{font-size:1.2rem;margin-top:2rem;border-bottom:1px solid #767676}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0;font-size:.9rem}"
    "caption{text-align:left;font-weight:600;padding-bottom:.25rem}"
    "th,td{border-bottom:1px solid #c9c9c9;padding:.3rem .5rem .3rem 0;text-align:left;"
    "vertical-align:top;unicode-bidi:isolate}.n{text-align:right;white-space:nowrap}"
    "th{font-size:.8rem}td:first-child{min-width:5.5rem}.t td:nth-child(2){"
    "min-width:5rem;overflow-wrap:break-word}.t td:last-child{min-width:0;overflow-wrap:anywhere}"
    "th,th.n{white-space:normal;overflow-wrap:normal}"
    ".aviso{border-left:4px solid #8a5a00;padding-left:.75rem}"
    ".estado{border-left:8px solid #1d6434;background:#eef5ef;padding:.6rem .9rem;font-weight:600}"
    ".estado.mirar{border-color:#8a5a00;background:#fbf4e6}"
    "ol,ul{padding-left:1.4rem}li{margin:.35rem 0}a{color:#0b4f8a}"
    ".dibujos{display:flex;flex-wrap:wrap;gap:1rem}figure{flex:1 1 20rem;max-width:34rem;margin:0}"
    "figure svg,figure img{display:block;width:100%;height:auto}"
    "figcaption{font-size:.9rem;font-weight:600;margin-bottom:.25rem}"
    "@media(max-width:24rem){table{font-size:.8rem}th{font-size:.7rem}}"
    "summary{padding:.25rem 0;cursor:pointer;color:#555}"
    "@media print{details{display:none}body{max-width:none;padding:0;font-size:11pt}"
    "tr,figure{break-inside:avoid}"
    "h2,caption{break-after:avoid}thead{display:table-header-group}"
    ".estado{print-color-adjust:exact}a{color:inherit}}"
)


SIN_CARPETAS: Final = (  # script of a page with links to folders, which no server of ours lists
    '(()=>{if(location.protocol==="file:")return;'
    "document.querySelectorAll('a[href$=\"/\"]').forEach(a=>{"
    'const c=decodeURIComponent(a.getAttribute("href").split("/")[1]);'
    'a.replaceWith(a.textContent+(a.nextElementSibling?"":` (en la carpeta ${c})`))})})();'
)


@dataclass(frozen=True, slots=True)
class Tabla:
    """Cells are plain text; the columns of ``numeros`` are right-aligned."""

    titulo: str
    encabezado: tuple[str, ...]
    filas: tuple[tuple[str, ...], ...]
    numeros: tuple[int, ...] = ()

    @property
    def unida(self) -> Tabla:
        filas = tuple(tuple(map(unbroken, row)) for row in self.filas)
        return replace(self, titulo=unbroken(self.titulo), filas=filas)


@dataclass(frozen=True, slots=True)
class Figura:
    """A drawing: ``svg`` of ``ancho`` × ``alto`` CSS pixels, and in words what it shows."""

    id: str
    titulo: str
    texto: str
    svg: str
    ancho: int
    alto: int


@dataclass(frozen=True, slots=True)
class Enlace:
    """A file or folder, by its path from the report, and what one opens it for.

    ``archivos`` are the files to choose from there, and ``sin_listar`` how many more there are. A
    page that is not read as a file has no folders: ``SIN_CARPETAS`` makes texts of those links.
    """

    ruta: str  # "": there is nothing yet
    texto: str
    archivos: tuple[str, ...] = ()
    sin_listar: int = 0


@dataclass(frozen=True, slots=True)
class Seccion:
    """``frases`` are plain text: our own, then (``del_modelo``) a model's, which were checked.

    ``aviso``: why a model's are not here; ``puntos`` are counted.
    """

    id: str
    titulo: str
    frases: tuple[str, ...]
    tablas: tuple[Tabla, ...] = ()
    del_modelo: bool = False
    aviso: str = ""
    puntos: tuple[str, ...] = ()
    figuras: tuple[Figura, ...] = ()
    enlaces: tuple[Enlace, ...] = ()

    @property
    def notas(self) -> tuple[str, ...]:
        said = "Con oraciones de un modelo; sus números y nombres se controlaron con los datos."
        return (said,) if self.del_modelo else (self.aviso,) if self.aviso else ()

    @property
    def unida(self) -> Seccion:
        """The same for page, mail and paper: no line ends between a number and its unit."""
        return replace(
            self,
            frases=tuple(map(unbroken, self.frases)),
            puntos=tuple(map(unbroken, self.puntos)),
            tablas=tuple(one.unida for one in self.tablas),
        )


@dataclass(frozen=True, slots=True)
class Estado:
    """What comes first: how it is, and of what that is said; ``bien``: nothing asks for a look."""

    texto: str
    bien: bool
    lineas: tuple[str, ...] = ()

    @property
    def unido(self) -> Estado:
        """As ``Seccion.unida``."""
        return replace(self, texto=unbroken(self.texto), lineas=tuple(map(unbroken, self.lineas)))


def tabla(
    titulo: str, encabezado: tuple[str, ...], rows: Sequence[tuple[str, ...]], *numeros: int
) -> tuple[Tabla, ...]:
    """A table, or none where there are no rows."""
    return (Tabla(titulo, encabezado, tuple(rows), numeros),) if rows else ()


def markdown_of(titulo: str, sections: Sequence[Seccion], avisos: Sequence[str] = ()) -> str:
    """The report in Markdown, without drawings and links."""
    parts = [f"# {markdown(titulo)}", *(f"> {markdown(one)}" for one in avisos)]
    for one in sections:
        parts.append(f"## {markdown(one.titulo)}")
        parts += [markdown(line) for line in one.frases]
        parts += [f"> {markdown(said)}" for said in one.notas]
        for table in one.tablas:
            rows = [tuple(map(markdown, row)) for row in table.filas]
            parts += [f"**{markdown(table.titulo)}**", markdown_table(table.encabezado, rows)]
    return "\n\n".join(parts) + "\n"


def text_of(titulo: str, sections: Sequence[Seccion], estado: Estado) -> str:
    """The report as plain text, for a mail that is read as one."""
    estado = estado.unido
    parts = [titulo, estado.texto, *estado.lineas]
    for one in (each.unida for each in sections):
        parts.append(f"{one.titulo.upper()}\n{'-' * len(one.titulo)}")
        parts += one.frases
        parts += [f"{at}. {said}" for at, said in enumerate(one.puntos, start=1)]
        for table in one.tablas:
            rows = [" · ".join(filter(None, row)) for row in (table.encabezado, *table.filas)]
            parts.append("\n".join((f"{table.titulo}:", *(f"  {row}" for row in rows))))
        parts += [f"{link.texto}:\n  {link.ruta}" for link in one.enlaces]
    lines = (textwrap.fill(line, 96, break_long_words=False, break_on_hyphens=False)
             for part in parts for line in (*part.split("\n"), ""))  # fmt: skip
    return "\n".join(lines).rstrip("\n") + "\n"


def html_of(
    titulo: str,
    sections: Sequence[Seccion],
    avisos: Sequence[str] = (),
    *,
    estado: Estado | None = None,
    guion: str = "",
    dibujo: Callable[[Figura], str] = attrgetter("svg"),
) -> str:
    """The report as one HTML page; ``guion`` is a script of ours, ``dibujo`` makes a drawing."""
    parts = [f"<h1>{escape(titulo)}</h1>"]
    if estado is not None:
        estado = estado.unido
        parts.append(f'<p class="estado{"" if estado.bien else " mirar"}">{escape(estado.texto)}'
                     "</p>")  # fmt: skip
        parts += [f"<p>{escape(line)}</p>" for line in estado.lineas]
    parts += map(_aviso, avisos)
    for one in (each.unida for each in sections):
        parts.append(f'<section aria-labelledby="{one.id}">')
        parts.append(f'<h2 id="{one.id}">{escape(one.titulo)}</h2>')
        parts += [f"<p><bdi>{escape(line)}</bdi></p>" for line in one.frases]
        parts.append(_listed("ol", [f"<bdi>{escape(line)}</bdi>" for line in one.puntos]))
        parts += map(_aviso, one.notas)
        drawn = [f"<figure><figcaption><bdi>{escape(each.titulo)}</bdi></figcaption>"
                 f"{dibujo(each)}</figure>" for each in one.figuras]  # fmt: skip
        parts += ['<div class="dibujos">', *drawn, "</div>"] if drawn else []
        parts += map(_html_table, one.tablas)
        parts += [_listed("ul", list(map(_html_link, one.enlaces))), "</section>"]
    script = f"<script>{guion}</script>\n" if guion else ""
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    policy += f"; script-src 'sha256-{csp_sha256(guion)}'" if guion else ""
    return (
        '<!doctype html>\n<html lang="es-AR">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(titulo)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(filter(None, parts))
        + f"\n</main>\n{script}</body>\n</html>\n"
    )


def csp_sha256(text: str) -> str:
    """The hash by which the policy of a page names a script or a style in it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _listed(tag: str, items: Sequence[str]) -> str:
    return f"<{tag}>{''.join(f'<li>{item}</li>' for item in items)}</{tag}>" if items else ""


def _aviso(said: str) -> str:
    return f'<p class="aviso">{escape(unbroken(said))}</p>'


def _html_link(link: Enlace) -> str:
    def to(ruta: str, said: str) -> str:
        return f'<a href="{quote(ruta)}">{escape(said)}</a>' if ruta else escape(said)

    main = to(link.ruta, link.texto)
    if not link.archivos:
        return main
    more = f"; {number(link.sin_listar)} más en la carpeta" if link.sin_listar else ""
    beside = "" if link.ruta.endswith("/") else " más"
    said = f"{count(len(link.archivos), 'archivo', 'archivos')}{beside}{more}"
    each = _listed("ul", [to(one, one.rsplit("/", 1)[-1]) for one in link.archivos])
    return f"{main}<details><summary>{said}</summary>{each}</details>"


def _html_table(table: Tabla) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        numeric = (' class="n"' if at in table.numeros else "" for at in range(len(cells)))
        each = (
            f"<{tag}{scope}{css}>{escape(cell)}</{tag}>"
            for cell, css in zip(cells, numeric, strict=True)
        )
        return f"<tr>{''.join(each)}</tr>"

    rows = "\n".join(row(cells, "td") for cells in table.filas)
    head = row(table.encabezado, "th")
    caption = f"<caption>{escape(table.titulo)}</caption>"
    css = "" if table.numeros else ' class="t"'
    return f"<table{css}>{caption}<thead>{head}</thead>\n<tbody>\n{rows}\n</tbody></table>"
