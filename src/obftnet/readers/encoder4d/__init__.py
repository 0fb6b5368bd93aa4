"""The 4D-convolution reader: correlations of every level to two logits a pixel.

OBFTNet section III-D, built on HSNet (Min et al., "Hypercorrelation Squeeze for Few-Shot Segmentation",
2021).
"""

from collections.abc import Sequence

from torch import Tensor, nn

from obftnet.readers.encoder4d.decoder import Decoder2d
from obftnet.readers.encoder4d.encoder import WIDTH, LevelEncoder, recipes
from obftnet.readers.encoder4d.fusion import Fusion, LevelFusion
from obftnet.relation.bilateral import FactoredLevel
from obftnet.relation.relation import Relation

__all__ = ["Encoder4DReader", "Fusion"]


class Encoder4DReader(nn.Module):
    """Reads correlation tensors with centre-pivot 4D convolutions, fuses the levels, decodes to logits.

    Query and guidance grids may be of any size, non-square, and differ from each other and between levels.

    Args:
        channels: correlation channels of each level, fine to coarse; two levels or more. HSNet with ResNet50
            has (4, 6, 3), OBFTNet's bilateral tensors (8, 12, 6).
        fusion: "bidirectional" (OBFTNet) or "top_down" (HSNet).
        width: channels of a squeezed level, a multiple of 8.

    Raises:
        ValueError: fewer than two levels, a channel count below 1, or another `fusion`.
    """

    def __init__(self, channels: Sequence[int], fusion: Fusion = "bidirectional", width: int = WIDTH) -> None:
        super().__init__()
        if len(channels) < 2 or min(channels) < 1:
            raise ValueError(f"channels must be two or more counts >= 1, got {tuple(channels)}")
        self.channels = tuple(channels)
        self.encoders = nn.ModuleList(
            LevelEncoder(count, kernels, strides, width)
            for count, (kernels, strides) in zip(channels, recipes(len(channels)), strict=True)
        )
        self.fusion = LevelFusion(len(channels), fusion, width)
        self.decoder = Decoder2d(width)

    def encode(self, correlations: Sequence[Tensor | FactoredLevel]) -> list[Tensor]:
        """Squeezes the guidance axes of each level.

        Args:
            correlations: per level, fine to coarse, (b, l, hq, wq, hg, wg), floating point, the same b; or
                their factors.

        Returns:
            per level (b, width, hq, wq, hg', wg'), >= 0; with three levels hg' is ceil(hg / 32),
            ceil(hg / 16), ceil(hg / 8): 2 x 2 on each at an input of 400 px.

        Raises:
            ValueError: another number of levels, a tensor of another shape or channel count, or batch sizes
                that differ.
        """
        self._check(correlations)
        return self._squeeze(correlations)

    def forward(self, relation: Relation, size: tuple[int, int]) -> Tensor:
        """Logits at `size` from the correlations of one or several guidance images a query.

        Args:
            relation: levels as in `encode`, with b * shots in the place of b: the shots of one query lie
                next to each other (index = query * shots + shot). The squeezed tensors are averaged over
                the shots.
            size: (H, W) of the result, pixels.

        Returns:
            (b, H, W) logit of defect: the decoder's second channel minus its first, so that its sigmoid is
            the softmax over the two.

        Raises:
            ValueError: as in `encode`, or a batch that is not a multiple of the shots.
        """
        correlations, shots = relation.levels, relation.shots
        self._check(correlations)
        batch = correlations[0].shape[0]
        if shots < 1 or batch % shots:
            raise ValueError(f"shots must be >= 1 and divide the batch of {batch}, got {shots}")
        squeezed = self._squeeze(correlations)
        if shots > 1:
            squeezed = [level.view(batch // shots, shots, *level.shape[1:]).mean(1) for level in squeezed]
        channels: Tensor = self.decoder(self.fusion(squeezed), size)
        return channels[:, 1] - channels[:, 0]

    def _squeeze(self, correlations: Sequence[Tensor | FactoredLevel]) -> list[Tensor]:
        return [encoder(level) for encoder, level in zip(self.encoders, correlations, strict=True)]

    def _check(self, correlations: Sequence[Tensor | FactoredLevel]) -> None:
        shapes = [tuple(level.shape) for level in correlations]
        if (
            len(shapes) != len(self.channels)
            or any(len(shape) != 6 or 0 in shape for shape in shapes)
            or tuple(shape[1] for shape in shapes) != self.channels
            or len({shape[0] for shape in shapes}) != 1
        ):
            raise ValueError(
                f"correlations must be {len(self.channels)} levels of (b, l, hq, wq, hg, wg), none empty, "
                f"with one b and l = {self.channels}, got {shapes}"
            )
