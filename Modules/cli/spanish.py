"""What cyclopts says by itself, in Spanish: headings of the help screens and usage errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from cyclopts import CycloptsError

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions

_TITLES: Final = {"Commands": "Comandos", "Parameters": "Opciones", "Arguments": "Argumentos"}
_USAGE: Final = {"COMMAND": "COMANDO", "OPTIONS": "OPCIONES", "ARGS": "ARGUMENTOS"}
_KINDS: Final = {"STR": "TEXTO", "PATH": "RUTA", "INT": "ENTERO", "FLOAT": "NÚMERO"}
_KINDS_OF_VALUES: Final = _USAGE | _KINDS | {"CHOICE": "OPCIÓN"}
_SAID: Final = (
    (r"^Unknown command ", "no hay un comando "),
    (r"^Unknown option: ", "no hay una opción "),
    (r" Available commands: ", " Hay: "),
    (r" \S+ is not a recognized option\.", ""),
    (r" Did you mean ", " ¿Quiso decir "),
    (r"\", or \"|\" or \"", '" o "'),
    (r'^Command "(.*?)" parameter (\S+)', r"\1: \2"),
    (r"^Parameter (\S+)", r"\1"),
    (r"requires an argument\.", "necesita un valor."),
    (r"requires (\d+) positional arguments\.", r"necesita \1 valores."),
    (r"Only got (\d+)\.", r"Sólo hay \1."),
    (r"specified multiple times\.", "está más de una vez."),
    (r'^Invalid value (".*?") for (\S+?)\.', r"\2: no sirve el valor \1."),
    (r"^Invalid value for (\S+): unable to convert ", r"\1: no se puede leer "),
    (r" into int\.", " como número entero."),
    (r" into float\.", " como número."),
    (r"Choose from: ", "Hay: "),
    (r"Must be (\S+)", r"Tiene que ser \1"),
    (r"^Unused Tokens: ", "sobra: "),
)


def usage_error(err: CycloptsError) -> str:
    said = str(err).strip().splitlines()[0]
    for english, spanish in _SAID:
        said = re.sub(english, spanish, said)
    return said


def _in_words(text: str) -> str:
    return re.sub(r"[A-Z]+", lambda word: _KINDS_OF_VALUES.get(word[0], word[0]), text)


class Ayuda:
    """The help screens of cyclopts with our words in them; what they show is the same."""

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        from cyclopts.help import DefaultFormatter  # late: a run shows no help

        title = _TITLES.get(str(panel.title), panel.title)
        spanish = panel.copy(title=title, entries=[self._entry(one) for one in panel.entries])
        DefaultFormatter()(console, options, spanish)

    @staticmethod
    def _entry(entry: HelpEntry) -> HelpEntry:
        from cyclopts.help import InlineText
        from rich.text import Text

        said = {
            "valores": ", ".join(entry.choices or ()),
            "por defecto": "" if entry.default in (None, "False") else str(entry.default),
            "obligatorio": "obligatorio" if entry.required else "",
        }
        about = entry.description if entry.description is not None else Text()
        about = about if isinstance(about, InlineText) else InlineText(about)
        for name, text in said.items():
            if text:
                about.append(Text(f"[{name}]" if name == text else f"[{name}: {text}]"))
        kind = None if entry.metavar is None else _in_words(entry.metavar)
        return entry.copy(description=about, metavar=kind, choices=(), default=None, required=False)

    @staticmethod
    def render_usage(console: Console, _options: ConsoleOptions, usage: Any) -> None:
        if usage:
            console.print(f"Uso: {_in_words(str(usage))}", markup=False, highlight=False)
