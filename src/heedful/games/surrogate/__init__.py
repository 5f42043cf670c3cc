"""Games of a simple form that are fitted to any other."""
