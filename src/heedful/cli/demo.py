"""The methods that `heedful demo` sets side by side."""

from heedful.api import DEFAULT_METHODS

METHODS = (*DEFAULT_METHODS[:-1], "shapley-exact", "lime-exact", DEFAULT_METHODS[-1])
