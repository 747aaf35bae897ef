"""Whether the nights and the machine are well: facts, rules, doctor."""
