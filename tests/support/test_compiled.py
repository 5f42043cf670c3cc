"""Compiling where nothing can be kept."""

import subprocess
import sys

CODE = """
from numba.core import caching
caching.CacheImpl._locator_classes = []  # as where neither the package nor the user's cache can be written
import numpy as np
from heedful.support.flow import compiled as _
from heedful.support.flow import compiled as _
from heedful.games.exact import compiled as _
from heedful.games.sampled.lime.compiled import remove_units
masks = np.ones((1, 2), dtype=bool)
remove_units(np.array([2]), np.zeros(0, dtype=np.uint32), masks)
assert not masks.any()
"""


def test_a_package_that_cannot_be_written_works_without_a_cache():
    done = subprocess.run([sys.executable, "-c", CODE], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
