"""How much memory there is, and whether it has run out: an error of its own only with CUDA."""

import os
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import torch

# as CUDA and Apple's devices put it, and the CPU on Linux and on Windows
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def out_of_memory(error: RuntimeError) -> bool:
    """True if that is what the error says: only CUDA has a class of its own for it."""
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in _OUT_OF_MEMORY)


def memory_limit() -> int:
    """Return how many bytes of memory this process can have: the machine's, or what it is limited to if that is less.

    Example:
        >>> memory_limit() > 2**20
        True
    """
    limits = [sys.maxsize]
    with suppress(AttributeError, OSError, ValueError):  # not on Windows
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with suppress(ImportError):  # likewise
        resource = import_module("resource")
        limits += [limit for limit in resource.getrlimit(resource.RLIMIT_AS) if limit != resource.RLIM_INFINITY]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):  # of a container
        with suppress(OSError, ValueError):  # a ValueError: it says "max"
            limits.append(int(Path(path).read_text("ascii")))
    return min(limits)


def resident() -> int | None:
    """Return how many bytes of memory this process holds at present; None where the system does not say.

    Example:
        >>> (resident() or 2**30) > 2**20
        True
    """
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None


def largest_resident() -> int | None:
    """Return how many bytes this process has held at most, and the largest of those that it started and that ended.

    None where the system does not say.

    Example:
        >>> (largest_resident() or 2**30) > 2**20
        True
    """
    try:
        resource = import_module("resource")
    except ImportError:  # on Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    both = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return unit * sum(resource.getrusage(one).ru_maxrss for one in both)
