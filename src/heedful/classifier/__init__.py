"""Any Hugging Face text classifier: its forward pass, how to load it, and what goes on inside."""

from heedful.classifier.classifier import MASKINGS, Classifier

__all__ = ["MASKINGS", "Classifier"]
