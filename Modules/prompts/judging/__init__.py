"""Prompts judged: by cases whose answers are written down."""
