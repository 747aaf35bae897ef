"""Flows, one file each; ``python scripts/x.py`` deploys the one in it."""
