"""The five processes on one machine: planned, started, watched, stopped."""
