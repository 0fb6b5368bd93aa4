"""Few-shot defect segmentation on materials never seen before: optimal bilateral feature transport."""

from obftnet.errors import InputError
from obftnet.segmenter import Prediction, Segmenter

__all__ = ["InputError", "Prediction", "Segmenter"]
__version__ = "0.1.0"
