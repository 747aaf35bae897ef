"""One night: from the records of the portal to tables, checks and a verdict. Pure."""
