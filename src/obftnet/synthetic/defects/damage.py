"""What a defect does to a surface."""

from dataclasses import dataclass

from obftnet.synthetic.noise import Floats


@dataclass(frozen=True)
class Damage:
    """The damaged surface, `color` (size, size, 3), and where it differs, `support` (size, size) in 0..1."""

    color: Floats
    support: Floats
