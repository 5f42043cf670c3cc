"""Placeholder."""


def setup(app):
    """Nothing yet."""
    return {"parallel_read_safe": True}
