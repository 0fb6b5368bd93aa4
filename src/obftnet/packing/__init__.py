"""Packs made and changed by their files: each change is fitted, and written whole or not at all."""

from obftnet.packing.change import add_to_pack, refit_pack, remove_from_pack
from obftnet.packing.evaluate import evaluate_pack
from obftnet.packing.fit import fit_pack

__all__ = ["add_to_pack", "evaluate_pack", "fit_pack", "refit_pack", "remove_from_pack"]
