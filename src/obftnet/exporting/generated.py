"""Pictures that no guidance has seen, for the parity gate: generated materials, sound and with defects."""

import numpy as np

from obftnet.imaging.picture import Picture
from obftnet.synthetic import Material

#: Seeds of the materials: of no training set (`obftnet synthesize`).
_SEEDS = (30_000_001, 30_000_002)


def generated_pictures(side: int) -> list[Picture]:
    """Four pictures of `side` x `side` pixels, RGB float32: two materials, each sound and with a defect."""
    found = []
    for seed in _SEEDS:
        material = Material.from_seed(seed)
        kind = material.defect_kinds(1)[0]
        for what, samples in (
            ("sound", material.good(0, size=side)),
            ("with a defect", material.defective(0, kind, size=side)[0]),
        ):
            found.append(Picture(np.asarray(samples, np.float32), 1, f"generated material {seed}, {what}"))
    return found
