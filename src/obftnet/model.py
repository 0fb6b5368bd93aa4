"""OBFTNet: frozen backbone, relation, reader. The whole method read top to bottom."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from obftnet.config import ModelConfig
from obftnet.errors import InputError
from obftnet.features.backbone import Backbone, Pyramid
from obftnet.features.guidance import GuidanceFeatures, Turned, prepare_guidance
from obftnet.features.self_support import self_supported
from obftnet.features.turned import joined_views, turned_defect
from obftnet.methods.base import Example, Supervised
from obftnet.readers.cues import CuesReader
from obftnet.readers.encoder4d import Encoder4DReader
from obftnet.relation.cue_maps import seen_by
from obftnet.relation.factors import FactoredLevel, factored_relation
from obftnet.relation.relate import Relation, relate
from obftnet.voting import vote


class OBFTNet(nn.Module):
    """Optimal bilateral feature transport network.

    extract -> prepare -> supported -> relate -> read, each usable alone; `forward` is all of them. Only the
    reader learns.
    """

    def __init__(self, config: ModelConfig, backbone: Backbone | None = None) -> None:
        """Build a model; without `backbone`, one with random weights is made (a file's weights follow)."""
        super().__init__()
        self.config = config
        self.backbone = backbone if backbone is not None else Backbone(config.backbone)
        self.levels = self.backbone.spec.levels
        self.reader: CuesReader | Encoder4DReader
        if config.reader == "cues":
            early = self.backbone.spec.early if config.query_skip else None
            if config.query_skip and early is None:
                raise InputError(
                    f"query_skip needs a backbone with an early map; {config.backbone} has none, compact has"
                )
            self.reader = CuesReader(
                tuple(len(config.cues) * count for count in self.levels), early.channels if early else 0
            )
        else:
            branches = 2 if config.background else 1
            self.reader = Encoder4DReader([branches * count for count in self.levels], config.fusion)

    @property
    def size(self) -> int:
        """Side of the square input, pixels."""
        return self.config.size

    def extract(self, images: Tensor) -> Pyramid:
        """(b, 3, h, w) RGB in 0..1 -> feature maps (b, c, h / stride, w / stride), fine to coarse.

        With `config.query_skip` the early map follows the taps; of a query it goes to the reader as it is, of
        guidance it is not used.
        """
        return tuple(self.backbone(images, early=self.config.query_skip))

    def prepare(
        self,
        supports: Pyramid,
        fraction: Tensor,
        backgrounds: Pyramid,
        usable: Tensor | None = None,
        turned: Turned | None = None,
    ) -> GuidanceFeatures:
        """Guidance as every query will meet it; see `features.guidance.prepare_guidance`.

        `turned`: for b items what `turn` gives of their supports; wanted where `config.turned` says so.
        """
        taps, sort = sum(self.levels), self.config.reader == "cues"
        return prepare_guidance(
            supports[:taps],
            fraction,
            backgrounds[:taps],
            usable,
            self.config.mask_resize,
            columns=sort,
            coreset=self.config.coreset,
            turned=turned,
        )

    def turn(self, supports: Tensor, fraction: Tensor) -> Turned | None:
        """The supports' defects in their turned views, for `prepare`; None where `config.turned` is not set.

        Args:
            supports: (b, k, 3, S, S) RGB in 0..1.
            fraction: (b, k, S, S) the defect's share of each of their cells.

        Returns:
            For each of b items (c, n) unit features a tap, without gradient.
        """
        if not self.config.turned:
            return None
        stride = self.backbone.spec.taps[-1].stride
        return [
            joined_views(
                turned_defect(self.backbone, *support, stride, self.config.mask_resize)
                for support in zip(*item, strict=True)
            )
            for item in zip(supports, fraction, strict=True)
        ]

    def supported(
        self, query: Pyramid, guidance: GuidanceFeatures, size: tuple[int, int]
    ) -> GuidanceFeatures:
        """The guidance for the second look at a query, with the positions of its own of which a first look is
        certain (`features.self_support`); as it is where `config.self_support` is not set.

        The first look is the trained network's, without gradient, while it learns too.
        """
        if not self.config.self_support:
            return guidance
        taps = query[: sum(self.levels)]
        guidance = seen_by(taps, guidance, self.config)
        learning = self.reader.training
        self.reader.eval()
        with torch.no_grad():
            first = self.score_relation(self.relate(query, guidance), size, guidance.shots)
        self.reader.train(learning)
        return self_supported(guidance, taps, first)

    def relate(self, query: Pyramid, guidance: GuidanceFeatures) -> Relation:
        """The correspondence of query features (b, c, h, w) with prepared guidance."""
        taps = sum(self.levels)
        return relate(query[:taps], guidance, self.levels, self.config) + query[taps:]

    def read(
        self, relation: Relation | tuple[FactoredLevel, ...], size: tuple[int, int], shots: int = 1
    ) -> Tensor:
        """Relation -> (b, H, W) logit of defect, of `size`."""
        return self.reader(relation, size, shots)  # type: ignore[no-any-return]

    def score(self, query: Pyramid, guidance: GuidanceFeatures, size: tuple[int, int]) -> Tensor:
        """Score of defect for every position: the one way from (guidance, query) to a map.

        One shot or the joint rule: the softmax's defect channel, with `config.self_support` that of the
        second look. The vote rule: `voting.vote` over the K shots.

        Returns:
            (b, H, W) float32 in 0..1.
        """
        shots = guidance.shots
        if shots > 1 and self.config.shots_rule == "vote":
            return vote(
                [self.read(self._relate_to_score(query, alone), size) for alone in guidance.each_shot]
            )
        guidance = self.supported(query, guidance, size)
        return self.score_relation(self._relate_to_score(query, guidance), size, shots)

    def one_relation(self, shots: int) -> bool:
        """Whether a score is read off one relation of all the episode's shots, which may then be kept and
        read again."""
        return not self.config.self_support and (shots == 1 or self.config.shots_rule == "joint")

    def score_relation(
        self, relation: Relation | tuple[FactoredLevel, ...], size: tuple[int, int], shots: int
    ) -> Tensor:
        """(b, H, W) score in 0..1 of a relation that holds all shots."""
        return self.read(relation, size, shots).sigmoid()

    def _relate_to_score(
        self, query: Pyramid, guidance: GuidanceFeatures
    ) -> Relation | tuple[FactoredLevel, ...]:
        """The relation as it is read soonest: on a CPU the 4D encoder's stays in factors."""
        if self.config.reader == "cues" or query[0].is_cuda or torch.is_grad_enabled():
            return self.relate(query, guidance)
        return factored_relation(query, guidance, self.levels, self.config)

    def forward(
        self,
        query: Tensor,
        supports: Tensor,
        masks: Tensor,
        backgrounds: Tensor,
        usable: Tensor | None = None,
    ) -> Tensor:
        """Episodes of images -> logits.

        Args:
            query: (b, 3, h, w) RGB in 0..1.
            supports: (b, k, 3, h', w') of any size, not only the query's.
            masks: (b, k, h', w') the defect's share of each cell, 0..1.
            backgrounds: (b, j, 3, h', w').
            usable: (b, j, h', w') or None.

        Returns:
            (b, h, w) logit of defect, all shots joint.
        """
        guidance = self.prepare(
            self._extract_many(supports),
            masks,
            self._extract_many(backgrounds),
            usable,
            self.turn(supports, masks),
        )
        features, size = self.extract(query), (query.shape[-2], query.shape[-1])
        guidance = self.supported(features, guidance, size)
        return self.read(self.relate(features, guidance), size, guidance.shots)

    def _extract_many(self, images: Tensor) -> Pyramid:
        """(b, k, 3, h, w) -> (b, k, c, h', w') a tap."""
        return tuple(x.reshape(*images.shape[:2], *x.shape[1:]) for x in self.extract(images.flatten(0, 1)))

    @property
    def learner(self) -> nn.Module:
        """What training changes: the reader."""
        return self.reader

    def example(self, query: Pyramid, guidance: GuidanceFeatures) -> Example:
        """What training reads of an episode: the relation, all of whose axes 2 and 3 are the query's."""
        return Example(self.relate(query, guidance))

    def supervise(self, examples: Sequence[Example], target: Tensor) -> list[Supervised]:
        """The logits of a batch against its truth (b, H, W). Relations of equally many shots are read
        together, because a kind with few groups gives fewer than were asked for."""
        size = (target.shape[-2], target.shape[-1])
        shots = [example.query[0].shape[0] for example in examples]
        logits: dict[int, Tensor] = {}
        for count in sorted(set(shots)):
            members = [index for index, own in enumerate(shots) if own == count]
            levels = zip(*(examples[index].query for index in members), strict=True)
            logit = self.read(tuple(torch.cat(level) for level in levels), size, count)
            logits |= zip(members, logit, strict=True)
        return [Supervised(torch.stack([logits[index] for index in range(len(examples))]), target)]

    def trainable_parameters(self) -> int:
        """Number of learnable values: the reader's alone."""
        return sum(p.numel() for p in self.reader.parameters())
