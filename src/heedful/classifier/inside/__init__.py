"""Inside a classifier: what its forward pass on one text shows, of any architecture.

Where to look: `attention` weights, `readout` (which positions the logits are read from), `paths` through the layers,
`values` that attention weighs, `words` (word vectors in place of ids), `transformer` (all of it for any architecture,
with gradients), `propagation` (the rules of AttnLRP), `paper` (the paper's classifier, in closed forms).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from heedful.classifier.classifier import Classifier
from heedful.classifier.inside.base import Inside, Vectors
from heedful.classifier.inside.paper import PaperInside
from heedful.classifier.inside.transformer import TransformerInside
from heedful.text.encoding import Encoded

__all__ = ["Inside", "Vectors", "look_inside"]


def look_inside(
    classifier: Classifier, encoded: Encoded, logits: Float64[np.ndarray, " classes"] | None = None
) -> Inside:
    """Return what is known of the classifier's forward pass on a text; its logits, where known, save a pass.

    Example:
        >>> import heedful
        >>> classifier = heedful.load("demo")
        >>> look = look_inside(classifier, classifier.encode("a dull film"))
        >>> look.attention().shape, look.n_forward
        ((4, 4), 1)
    """
    known = classifier.logits_of(encoded) if logits is None else logits
    model = classifier.paper_model
    if model is not None:
        return PaperInside(model, classifier, encoded, known)
    return TransformerInside(classifier, encoded, known)
