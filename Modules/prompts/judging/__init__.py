"""Is a prompt good, and is this version better than that one: cases, answers, verdicts."""
