"""Methods that the same harness evaluates. A new one is one file and one line here."""

from collections.abc import Callable
from typing import Any

from obftnet.errors import InputError
from obftnet.features.backbone import Backbone
from obftnet.methods.base import Method
from obftnet.methods.memory_bank import MemoryBank
from obftnet.methods.nn_contrast import NNContrast
from obftnet.methods.prototype import Prototype

#: Training-free references by name: each is made of a backbone and the side of its input, pixels.
REFERENCES: dict[str, Callable[[Backbone, int], Method[Any]]] = {
    "nn_contrast": NNContrast,
    "memory_bank": MemoryBank,
    "prototype": Prototype,
}


def reference(name: str, backbone: Backbone, size: int) -> Method[Any]:
    """A training-free reference by name; raises InputError that lists those there are."""
    if name not in REFERENCES:
        raise InputError(f"unknown method {name!r}: without weights there are {', '.join(REFERENCES)}")
    return REFERENCES[name](backbone, size)
