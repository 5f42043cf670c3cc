"""A folder in which a long computation can be killed and goes on: whose it is, what is done, and its tables."""
