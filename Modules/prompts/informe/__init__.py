"""The report of a season: facts by plain code, sections, and what a text is held to."""
