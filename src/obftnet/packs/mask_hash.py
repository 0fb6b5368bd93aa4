"""What a mask marks, by its hash: equal hashes, equal masks."""

import hashlib

import numpy as np
from numpy.typing import NDArray


def mask_hash(mask: NDArray[np.bool_] | None, ignored: NDArray[np.bool_] | None = None) -> str:
    """SHA-256 of what (h, w) bool mark, the defect and what is ignored; "" of neither."""
    if mask is None and ignored is None:
        return ""
    digest = hashlib.sha256()
    for one in (mask, ignored):
        if one is not None:
            digest.update(str(one.shape).encode() + np.packbits(one).tobytes())
    return digest.hexdigest()
