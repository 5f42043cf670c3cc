"""How many masks of a text can be drawn and evaluated: refused at once, instead of when memory runs out or never."""

from __future__ import annotations

from heedful.question import Question
from heedful.support.budget import check_budget

DEFAULT, EACH = 4096, 8  # masks, and masks a unit: enough to tell units apart and for standard errors


def masks_of(n_samples: int | None, n_units: int) -> int:
    """Return the number of masks, by default 4,096 and of more than 512 units 8 a unit.

    Example:
        >>> masks_of(None, 100), masks_of(None, 1000), masks_of(50, 1000)
        (4096, 8000, 50)
    """
    return max(DEFAULT, EACH * n_units) if n_samples is None else n_samples


def check_masks(name: str, n_samples: int, question: Question, *, bytes_a_unit: float, side: int | None = None) -> None:
    """Refuse more masks than memory has room for.

    Args:
        name: what errors call the number, such as "lime: n_samples".
        n_samples: how many are wanted.
        question: whose text they mask.
        bytes_a_unit: what an estimator holds of each unit of each mask; evaluating takes 4 bytes a token besides.
        side: rows and columns of the matrices that are held besides the masks; None: one a unit.

    Raises:
        SettingError: there are too many; the message says how many would do.
    """
    d, n_tokens = len(question.units), len(question.encoded)
    side = d if side is None else side
    check_budget(
        name,
        n_samples,
        bytes_each=bytes_a_unit * d + 4.0 * n_tokens + 200.0,
        bytes_besides=50.0 * side * side,  # a few matrices
    )
