"""What people open in the morning: a product is one package here and one registry entry."""
