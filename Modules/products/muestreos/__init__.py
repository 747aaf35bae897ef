"""The sampling plans: points, route, Modus and control of ambientes."""
