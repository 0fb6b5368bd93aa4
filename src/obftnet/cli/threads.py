"""How many threads PyTorch computes with, and how they wait for each other."""

import os

#: Any of these set: the user has chosen how threads wait.
_WAITING = frozenset({"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"})


def wait_passively() -> None:
    """Let threads sleep while they wait for each other; to be called before PyTorch is loaded.

    As OpenMP has it they spin, and where other programs want the processor, a thread that has its turn spins
    for one that has not: several threads then cost a multiple of one and take longer (docs/performance.md).
    """
    if not _WAITING & set(os.environ):
        os.environ["OMP_WAIT_POLICY"] = "passive"


def use_threads(threads: int | None) -> None:
    """Compute with as many threads; None leaves the number that PyTorch chose."""
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
