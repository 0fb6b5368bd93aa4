"""HSNet as settings of OBFTNet, which was built on it.

Min et al., "Hypercorrelation Squeeze for Few-Shot Segmentation", ICCV 2021. Masked support features, cosine
correlations cut off at 0, the 4D encoder of centre-pivot convolutions, fusion from coarse to fine, and, of K
shots, the vote over K separate passes (section 4.4). No background image is looked at, no transport solved.

Differences from the paper: none in the network (2,573,794 parameters on ResNet50, its figure). Training is
the harness's: its episodes, its batch, and the last step's weights instead of the best on the tested classes.
"""

#: What makes `EncoderConfig` HSNet.
SETTINGS: dict[str, object] = {
    "reader": "encoder4d",
    "transport": "none",
    "background": False,
    "fusion": "top_down",
    "mask_resize": "bilinear",
    "shots_rule": "vote",
}

#: Section 5: Adam at a constant rate, cross-entropy.
PAPER: dict[str, object] = {"optimizer": "adam", "schedule": "constant", "lr": 1e-3}
