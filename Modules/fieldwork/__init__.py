"""Field work: rows of a sheet and marks of the portal made into issues, and what became of them."""
