"""Pages for paper, or a picture for a chat, out of a Typst template and data.

The letters come with the packages, never from the system, and the date of a document is the one
that is given: the same in gives the same bytes on every machine. Nothing is fetched. Text stays
text: it can be searched, copied and read aloud, whatever its script. What a template is given
stands in it as ``json(bytes(sys.inputs.datos))``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from typst import Fonts

LETRAS: Final = ("Source Sans Pro", "Libertinus Serif", "DejaVu Sans Mono")  # Latin; Hebrew; Arabic
_MM_PER_INCH: Final = 25.4


def pdf(template: Path, data: Mapping[str, Any], created: datetime) -> bytes:
    """A document; ``created`` is the date that it carries, aware."""
    return _compiled(template, data, format="pdf", timestamp=created, pdf_tags=False)


def png(template: Path, data: Mapping[str, Any], pixels: int, width_mm: float) -> bytes:
    """A picture so many pixels wide of a template's one page, which is ``width_mm`` wide."""
    return _compiled(template, data, format="png", ppi=pixels / width_mm * _MM_PER_INCH)


def _compiled(template: Path, data: Mapping[str, Any], **options: Any) -> bytes:
    import typst  # a large library, and most commands print nothing

    inputs = {"datos": json.dumps({**data, "letras": LETRAS}, ensure_ascii=False)}
    made: bytes = typst.compile(template, font_paths=_fonts(), sys_inputs=inputs, **options)
    return made


@cache
def _fonts() -> Fonts:
    import typst

    with as_file(files("font_source_sans_pro") / "files") as folder:
        return typst.Fonts(include_system_fonts=False, font_paths=[folder])
