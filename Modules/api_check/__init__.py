"""A portal's answers held against the profile: what is missing, and the line that mends it."""
