"""The readout: which positions of the last layer the logits are read from."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float64

from heedful.classifier.inside.propagation import wide
from heedful.classifier.inside.refusals import INSTEAD
from heedful.classifier.inside.trace import Pull, Trace
from heedful.errors import ModelError


def readout_of(trace: Trace, pull: Pull, name: str) -> Float64[np.ndarray, " positions"]:
    """Return how far each position of the last layer is read, adding up to 1, in proportion to the gradient's norm.

    That is the first position alone for [CLS], the last alone for most decoders, and all alike for a mean. The last
    layer is what the model's base hands to the head; of an encoder-decoder, its decoder's.

    Raises:
        ModelError: the model does not give its last layer, or reads nothing there.
    """
    last = trace.last
    if last is None:
        raise ModelError(f"{name} does not give its last layer: {INSTEAD}")
    gradients = [pulled for logit in trace.logits if (pulled := pull(logit, [last])[0]) is not None]
    if len(gradients) < len(trace.logits):
        raise ModelError(f"{name} does not read its logits from its last layer: {INSTEAD}")
    norms = torch.stack([wide(gradient[0]).norm(dim=-1) for gradient in gradients]).sum(0).cpu().numpy()
    if not 0 < norms.sum() < np.inf:
        raise ModelError(
            f"the gradient of {name}'s logits by its last layer is 0 or not finite, so nothing says which positions "
            f"they are read from: {INSTEAD}"
        )
    return norms / norms.sum()
