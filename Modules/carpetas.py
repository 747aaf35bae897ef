"""The name under which users' flows first knew ``Modules.outputs``."""

from Modules.outputs import carpeta as carpeta
