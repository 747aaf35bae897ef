"""Lindero's code, a package a floor: imports only go down.

The order stands in ``pyproject.toml`` (``tool.importlinter``) and is drawn in
``docs/architecture.md``.
"""
