"""Which OneDrive folder each product folder goes to: ``python setup_symlinks.py`` on Windows.

Asks, or reads ``symlink_config.json``, or takes options (``--help``), and writes
``symlink_config.json``, ``create_symlinks.ps1`` and ``compose.onedrive.yml`` beside itself. Needs
Python 3.11 and no package.
"""

import os
import sys
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - whatever Python the machine has may be asked
    sys.exit("Hace falta Python 3.11 o más nuevo: https://www.python.org/downloads/")

PROJECT = Path(__file__).resolve().parent
sys.path.insert(0, str(PROJECT))

from Modules.onedrive.conversation import main  # noqa: E402 - the project's folder comes first on the path

if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # a console may lack a letter of a path
    sys.exit(main(sys.argv[1:], PROJECT, os.environ))
