"""From scores to masks and verdicts: pure functions of a score map that need no network.

A decision marks the regions of at least a least size in which every score is above a threshold. The image
score is the highest level at which such a region is left, so that an image has one exactly where its image
score is above the threshold: image-level figures and masks cannot disagree.
"""

from obftnet.decision.decision import DEFAULT_THRESHOLD, Decision, Verdict
from obftnet.decision.masks import decide, image_score, judge

__all__ = ["DEFAULT_THRESHOLD", "Decision", "Verdict", "decide", "image_score", "judge"]
