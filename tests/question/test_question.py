"""What a question may ask for."""

import inspect

import numpy as np
import pytest

from heedful.errors import SettingError
from heedful.question import Choices


def with_seed(seed):
    choices = object.__new__(Choices)
    inspect.unwrap(Choices.__init__)(choices, seed=seed)  # the shape checks of the tests would stop what is no integer
    return choices.seed


@pytest.mark.parametrize("seed", [-1, np.int64(-1), 1.0, True, "0", None])
def test_seeds_that_are_no_whole_number_from_0_up_are_refused(seed):
    with pytest.raises(SettingError, match=r"^seed must be (a whole number|at least 0), got"):
        with_seed(seed)


@pytest.mark.parametrize("seed", [0, 2**64, np.int64(3), np.uint64(2**63)])
def test_other_seeds_become_plain_integers(seed):
    found = with_seed(seed)
    assert (found, type(found)) == (int(seed), int)
