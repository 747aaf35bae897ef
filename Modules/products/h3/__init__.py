"""The hexagons: cells, shares and maps of the lotes."""
