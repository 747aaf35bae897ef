"""From a prompt to an output: who is asked, what it costs, in which order, and what is kept."""
