"""A digest of a classifier: of its weights, its classes and its tokenizer."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress

import torch

from heedful.classifier import Classifier
from heedful.classifier.function import FunctionModel
from heedful.errors import InputError

_PASSING = {"_name_or_path", "transformers_version", "dtype", "torch_dtype"}  # of a configuration, what changes nothing
_PROBES = ["good", "bad", "A film that is not good.", "One two three, 45!"]


def fingerprint(classifier: Classifier) -> str:
    """Return 16 hexadecimal digits that change with the weights, configuration or tokenizer of a classifier.

    Of a function of texts it is what it says of a few short texts: another function may say the same of these.

    Example:
        >>> import heedful
        >>> len(fingerprint(heedful.load("demo")))
        16
    """
    model, tokenizer, whole = classifier.model, classifier.tokenizer, hashlib.sha256()
    settings = {key: value for key, value in model.config.to_dict().items() if key not in _PASSING}
    modules = [type(module).__name__ for module in model.modules()]
    sides = tokenizer.truncation_side, tokenizer.padding_side
    said = [
        modules, settings, classifier.labels, classifier.max_tokens, classifier.activation, repr(classifier.template),
        type(tokenizer).__name__, sides, tokenizer.special_tokens_map,
    ]  # fmt: skip
    whole.update(json.dumps(said, default=repr, sort_keys=True).encode())
    whole.update(tokenizer.backend_tokenizer.to_str().encode())
    for name, tensor in sorted(model.state_dict().items()):
        whole.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        if tensor.device.type != "meta":
            whole.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    if isinstance(model, FunctionModel):
        with suppress(InputError):  # a function that takes no such texts
            whole.update(repr([[round(x, 6) for x in one.logits] for one in classifier.predict(_PROBES)]).encode())
    return whole.hexdigest()[:16]
