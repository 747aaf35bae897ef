"""What changed between two snapshots, lote by lote, and how it is told."""
