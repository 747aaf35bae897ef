"""For the users' own flows: the folder that a product of theirs is written to.

>>> from Modules.outputs import carpeta
>>> (carpeta("lluvias", test=True) / "lluvias.csv").write_text("campo;mm\\n")  # doctest: +SKIP
"""

from __future__ import annotations

from pathlib import Path

from Modules.disk.destinations import check_destination, expected_links
from Modules.disk.safe_files import make_folder
from Modules.settings import load_settings
from Modules.words.domain import Modo
from Modules.words.names import check_names


def carpeta(producto: str, *, test: bool) -> Path:
    """Folder of a product: below test_outputs in a trial, else below outputs; made if missing.

    Whatever the current folder is. The same rules as for our own products hold: a link that leads
    nowhere, or a plain folder where a link is configured, is refused before anything is written.

    Args:
        producto: name of the folder, as "lluvias" or "lluvias/25-26".
        test: as the flow's own parameter ``test``.

    Raises:
        SettingsError: the settings are wrong.
        PublishError: the name cannot be a folder on Windows, or the folder cannot be written to.
    """
    check_names([producto])
    settings = load_settings()
    outputs = settings.outputs_dir(Modo.of(test=test))
    folder = outputs / producto
    links = expected_links(settings.lindero_symlink_config, outputs)
    for name, target in links.items():
        if producto == name or producto.startswith(f"{name}/"):
            check_destination(outputs / name, must_be_link=target)
    check_destination(folder)
    make_folder(folder)
    return folder
