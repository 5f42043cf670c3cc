"""Checks of a whole model and data set, beside metrics of single explanations; each tells its findings."""
