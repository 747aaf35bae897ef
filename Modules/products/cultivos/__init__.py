"""The crop layers and the summary by campo and cultivo."""
