"""One file a form, by number."""
