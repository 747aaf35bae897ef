"""Prompts kept like backups: written as files, tested, judged, deployed, rolled back, priced."""
