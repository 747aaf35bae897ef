"""Executions over HTTP: who asks, what is answered, who does the work, and how it is counted."""
