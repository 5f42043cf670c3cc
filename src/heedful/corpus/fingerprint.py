"""A digest of a classifier: of its weights, its classes and its tokenizer."""

from __future__ import annotations

import hashlib
import json

import torch

from heedful.classifier import Classifier


def fingerprint(classifier: Classifier) -> str:
    """Return 16 hexadecimal digits that change with the weights, classes or tokenizer of a classifier.

    Of a function of texts nothing but the names of its classes is known.

    Example:
        >>> import heedful
        >>> len(fingerprint(heedful.load("demo")))
        16
    """
    model, whole = classifier.model, hashlib.sha256()
    whole.update(json.dumps([type(model).__name__, classifier.labels, classifier.max_tokens]).encode())
    whole.update(repr(classifier.template).encode())
    whole.update(classifier.tokenizer.backend_tokenizer.to_str().encode())
    for name, tensor in sorted(model.state_dict().items()):
        whole.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        if tensor.device.type != "meta":
            whole.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return whole.hexdigest()[:16]
