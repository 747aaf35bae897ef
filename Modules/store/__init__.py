"""The snapshots: kept, read, proved whole, retained and pruned."""
