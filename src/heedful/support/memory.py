"""Whether memory has run out: an error of its own only with CUDA."""

import torch

# as CUDA and Apple's devices put it, and the CPU on Linux and on Windows
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def out_of_memory(error: RuntimeError) -> bool:
    """True if that is what the error says: only CUDA has a class of its own for it."""
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in _OUT_OF_MEMORY)
