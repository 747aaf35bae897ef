"""The watch over the nights: who is told of what, and when."""
