"""Features of images that are asked for again and again: frozen, so computed once."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

from obftnet.features.backbone import Pyramid


class FeatureStore:
    """Keeps the pyramids of the images used last, up to a limit in bytes; the rest is computed again.

    A pyramid is the same whether it was kept or computed, so a limit changes speed alone.
    """

    def __init__(self, limit: int = 4 << 30) -> None:
        """`limit`: bytes of features held in memory."""
        self._limit = limit
        self._held: OrderedDict[Hashable, Pyramid] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable, compute: Callable[[], Pyramid]) -> Pyramid:
        """The pyramid of `key`, from memory or from `compute`."""
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        pyramid = compute()
        self._held[key] = pyramid
        self._bytes += _size(pyramid)
        while self._bytes > self._limit and len(self._held) > 1:
            self._bytes -= _size(self._held.popitem(last=False)[1])
        return pyramid


def _size(pyramid: Pyramid) -> int:
    return sum(x.numel() * x.element_size() for x in pyramid)
