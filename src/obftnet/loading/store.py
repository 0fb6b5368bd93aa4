"""Features of images that are asked for again and again: frozen, so computed once."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path

import psutil
import torch

from obftnet.backbones.features import Features

#: Bytes that features take at most, however much is free.
MOST = 4 << 30


class FeatureStore:
    """Keeps the features of the images used last, up to a limit in bytes; the rest is computed again.

    Features are the same whether they were kept or computed on the same machine, so a limit changes speed
    alone. Computed with another number of threads, scores differ by up to about 3e-7.
    """

    def __init__(self, limit: int) -> None:
        """`limit`: bytes of features held in memory."""
        self._limit = limit
        self._held: OrderedDict[Hashable, Features] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable, compute: Callable[[], Features]) -> Features:
        """The features of `key`, from memory or from `compute`."""
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        features = compute()
        self._held[key] = features
        self._bytes += features.nbytes
        while self._bytes > self._limit and len(self._held) > 1:
            self._bytes -= self._held.popitem(last=False)[1].nbytes
        return features


def spare_bytes(device: torch.device) -> int:
    """What features may take without driving others out: a fourth of the memory that is free where a device's
    tensors lie, at most `MOST`."""
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
    else:
        free = min([psutil.virtual_memory().available, *_free_in_group()])
    return min(MOST, free // 4)


def _free_in_group(folder: Path = Path("/sys/fs/cgroup")) -> list[int]:
    """What a container's limit leaves, bytes; nothing where there is none, or where it cannot be asked."""
    try:
        names = ("memory.max", "memory.current")
        limit, used = ((folder / name).read_text("ascii").strip() for name in names)
    except OSError:
        return []
    return [max(0, int(limit) - int(used))] if limit.isdecimal() and used.isdecimal() else []
