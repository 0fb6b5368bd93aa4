"""OBFTNet: frozen backbone, relation, reader. The whole method read top to bottom."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

import torch
from torch import Tensor, nn

from obftnet.backbones.backbone import Backbone
from obftnet.backbones.features import Features, Pyramid, unit_features
from obftnet.config import ModelConfig
from obftnet.contract import LossTerm, TrainingInput
from obftnet.errors import InputError
from obftnet.guidance.columns import sorted_columns
from obftnet.guidance.guidance import Guidance, masked_guidance
from obftnet.guidance.self_support import own_columns, seems_good
from obftnet.guidance.views import defect_views
from obftnet.readers.cues import CuesReader
from obftnet.readers.encoder4d import Encoder4DReader
from obftnet.relation.cues import CUES, Evidence, cue_levels, evidence_of
from obftnet.relation.relation import Relation, relation_of, stacked
from obftnet.voting import vote


class OBFTNet(nn.Module):
    """Optimal bilateral feature transport network.

    extract -> guide, once an episode; extract -> score, each query. Inside `score`: relate, a query's
    correspondence with the guidance, and read, its logits. Only the reader learns.

    Images of one role are (n, 3, h, w) RGB in 0..1; all guidance of an episode has one size, a query may have
    another. Features are of length 1 at every position: nothing but cosines is read of them.
    """

    def __init__(self, config: ModelConfig, backbone: Backbone | None = None) -> None:
        """Build a model; without `backbone`, one with random weights is made (a file's weights follow).

        Raises:
            InputError: a backbone that does not take images of the configured size.
        """
        super().__init__()
        self.config = config
        self.backbone = backbone if backbone is not None else Backbone(config.backbone)
        self.backbone.spec.check_size(config.size, config.size)
        self.levels = self.backbone.spec.levels
        self.reader = _reader(config, self.backbone)

    @property
    def size(self) -> int:
        """Side of the square input, pixels."""
        return self.config.size

    @property
    def reads_masks(self) -> bool:
        """Whether a support's features hold its defect in other views, too."""
        return self.config.reader == "cues" and self.config.views

    def extract(self, images: Tensor, masks: Tensor | None = None) -> Features:
        """Unit features of images, and of supports their defects' views where the cues ask for them.

        Args:
            images: (n, 3, h, w) RGB in 0..1.
            masks: (n, h, w) the defect's share of each cell, 0..1, of supports; all 0 where an image is none.

        Raises:
            InputError: images too small for the backbone.
        """
        found = self.backbone(images, early=self.reads_early)
        views: tuple[Pyramid, ...] = ()
        if masks is not None and self.reads_masks:
            stride = self.backbone.spec.taps[-1].stride
            views = tuple(
                defect_views(self._unit_taps, image, mask, stride, self.config.mask_resize)
                if bool(mask.any())
                else tuple(x.new_empty(x.shape[1], 0) for x in found.taps)
                for image, mask in zip(images, masks, strict=True)
            )
        early = None if found.early is None else found.early.float()
        return Features(tuple(unit_features(x) for x in found.taps), found.size, early, views)

    def guide(
        self,
        supports: Features,
        masks: Tensor,
        backgrounds: Features,
        usable: Tensor | None = None,
        *,
        ignored: Tensor | None = None,
        kinds: Sequence[str] = (),
    ) -> Guidance:
        """Guidance of one episode, as every query will meet it.

        Args:
            supports: of k images, extracted with their masks.
            masks: (k, h, w) the defect's share of each cell of the network's input, 0..1.
            backgrounds: of j images.
            usable: (j, h, w) share of each input cell that is free of defect, 0..1; None where all is.
            ignored: (k, h, w) share of each input cell of the supports that is neither their defect nor good
                material, 0..1, such as a defect of another kind; None for none.
            kinds: of each support the kind of its defect; () where all are of one. Good material is every
                kind's: the backgrounds, and the supports of all kinds outside their defects.

        Raises:
            ValueError: supports that were extracted without their masks, whose views the cues want.
        """
        if self.reads_masks and len(supports.views) != len(supports):
            raise ValueError("the cues want supports that were extracted with their masks")
        guidance = masked_guidance(
            supports, masks, backgrounds, usable, self.config.mask_resize, ignored=ignored, kinds=kinds
        )
        if self.config.shots_rule == "vote" and guidance.shots > 1:
            alone = (self._sorted(guidance.shot(index), ()) for index in range(guidance.shots))
            guidance = replace(guidance, each_shot=tuple(alone))
        return self._sorted(guidance, supports.views)

    def score(self, query: Features, guidance: Guidance) -> Tensor:
        """Score of defect for every position: the one way from (query, guidance) to a map.

        One shot or the joint rule: the softmax's defect channel, with `config.self_support` that of the
        second look. The vote rule: `vote` over the K shots. Of several kinds of defect, the largest of theirs
        (`kind_scores`).

        Returns:
            (b, h, w) float32 in 0..1 at the size the b queries were seen at.
        """
        return self.kind_scores(query, guidance).amax(1)

    def kind_scores(self, query: Features, guidance: Guidance) -> Tensor:
        """`score` for each kind of defect in the guidance, in the order of its names.

        Where every cue is streamed, what the kinds share is computed once: the query's similarities to good
        material and to itself, and what differs from good material.

        Returns:
            (b, kinds, h, w) float32 in 0..1.
        """
        kinds = len(guidance.names)
        if kinds > 1 and not self._shares_kinds:
            return torch.cat([self.kind_scores(query, guidance.of(kind)) for kind in range(kinds)], 1)
        if guidance.each_shot:
            looks = [self.read(self.relate(query, alone), query.size) for alone in guidance.each_shot]
            return vote(looks).unsqueeze(1)
        relation = self.relate(query, guidance, second_look=self.looks_twice)
        found = self.scores(relation, query.size, guidance.readout)
        return found.reshape(len(query), kinds, *query.size)

    def relate(self, query: Features, guidance: Guidance, *, second_look: bool = False) -> Relation:
        """The correspondence of b queries with their guidance, which the reader reads.

        Of cues of several kinds of defect, each query has as many items one after the other.

        Args:
            query: of b images.
            guidance: of one episode; of one kind of defect, for a reader of anything but cues.
            second_look: of cues, whether a first look's confident positions are guidance, too
                (`guidance.self_support`). The first look is the trained network's, without gradient, while
                it learns too.
        """
        if self.config.reader == "encoder4d":
            tensors = self.config.bilateral.levels(query.taps, guidance, self.levels)
            relation = Relation(tensors, None, guidance.shots)
            # On a CPU, and where nothing learns, it is read soonest in factors.
            soon = not (query.taps[0].is_cuda or torch.is_grad_enabled())
            return relation if soon else relation_of(relation.tensors(), len(self.levels), guidance.shots)
        items = []
        for index in range(len(query)):
            one = query[index : index + 1]
            for evidence in self.evidence(one, guidance, second_look=second_look):
                items.append(self._cue_relation(one, evidence).tensors())
        return relation_of(stacked(items), len(self.levels), changes=self.changes)

    def evidence(
        self, query: Features, guidance: Guidance, *, second_look: bool = False, nearest: bool = False
    ) -> list[list[Evidence]]:
        """What the cues of one query are read off: for each kind of defect tap by tap, fine to coarse.

        Args:
            query: of one image.
            guidance: of one episode, for a reader of cues.
            second_look: as `relate`.
            nearest: find which columns are the most similar, too (`relation.scan`).

        Raises:
            ValueError: a model that reads no cues, or several images.
        """
        if self.config.reader != "cues" or len(query) != 1:
            raise ValueError(f"evidence is of one query, for cues; got {len(query)}, {self.config.reader}")
        maps = tuple(x[0] for x in query.taps)
        algorithm = self.config.algorithm
        found = evidence_of(
            maps,
            guidance.columns,
            self.config.cues,
            algorithm,
            nearest=nearest,
            residual=_last_taps(self.levels) if self.reads_change else (),
        )
        return self._looked_again(query, found, nearest) if second_look else _of_kinds(found)

    def read(self, relation: Relation, size: tuple[int, int]) -> Tensor:
        """Relation -> (b, h, w) logit of defect, of `size`; whatever the presence, which no loss sees."""
        return self.reader(relation, size)  # type: ignore[no-any-return]

    def scores(self, relation: Relation, size: tuple[int, int], readout: Tensor | None = None) -> Tensor:
        """Relation -> (b, h, w) score of defect in 0..1, of `size`.

        With `config.presence`, the probability of a position times that of there being any defect. With a
        `readout`, read by it (`Guidance.readout`).
        """
        score, presence = self.judge(relation, size, readout)
        return score if presence is None else score * presence[:, None, None]

    def judge(
        self, relation: Relation, size: tuple[int, int], readout: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """What `scores` multiplies: relation -> (b, h, w) probability of defect if there is any, of `size`;
        (b,) that there is any, None without `config.presence`."""
        reader = self.reader
        if not isinstance(reader, CuesReader) or (reader.presence is None and readout is None):
            return self.read(relation, size).sigmoid(), None
        logit, presence = reader.judge(relation, size, readout)
        return logit.sigmoid(), None if presence is None else presence.sigmoid()

    def forward(
        self,
        query: Tensor,
        supports: Tensor,
        masks: Tensor,
        backgrounds: Tensor,
        usable: Tensor | None = None,
    ) -> Tensor:
        """One episode of images -> logits, all shots joint.

        Args:
            query: (b, 3, h, w) RGB in 0..1.
            supports: (k, 3, h', w') of any size, not only the query's.
            masks: (k, h', w') the defect's share of each cell, 0..1.
            backgrounds: (j, 3, h', w').
            usable: (j, h', w') or None.

        Returns:
            (b, h, w) logit of defect.
        """
        guidance = self.guide(self.extract(supports, masks), masks, self.extract(backgrounds), usable)
        features = self.extract(query)
        return self.read(self.relate(features, guidance, second_look=self.looks_twice), features.size)

    @property
    def trained_readout(self) -> Tensor:
        """(n + 1,) values of a cue reader's last layer, as they were trained (`Guidance.readout`)."""
        assert isinstance(self.reader, CuesReader)
        return self.reader.unet.readout

    @property
    def trainable(self) -> nn.Module:
        """What training changes: the reader."""
        return self.reader

    def trainable_parameters(self) -> int:
        """Number of learnable values: the reader's alone."""
        return sum(p.numel() for p in self.reader.parameters())

    def one_relation(self, shots: int) -> bool:
        """Whether a score is read off one relation of all the episode's shots, which may then be kept and
        read again."""
        return not self.looks_twice and (shots == 1 or self.config.shots_rule == "joint")

    def training_input(
        self, query: Features, guidance: Guidance, *, second_look: bool = False
    ) -> TrainingInput:
        """What training reads of an episode: its relation, b = 1."""
        relation = self.relate(query, guidance, second_look=second_look)
        return TrainingInput(relation.tensors(), shots=relation.shots)

    def loss_terms(self, inputs: Sequence[TrainingInput], target: Tensor) -> list[LossTerm]:
        """The logits of a batch against its truth (b, H, W). Relations of equally many shots are read
        together, because a kind with few groups gives fewer than were asked for."""
        size = (target.shape[-2], target.shape[-1])
        logits: dict[int, Tensor] = {}
        for shots in sorted({one.shots for one in inputs}):
            members = [index for index, one in enumerate(inputs) if one.shots == shots]
            tensors = stacked([inputs[index].query for index in members])
            logit = self.read(relation_of(tensors, len(self.levels), shots, self.changes), size)
            logits |= zip(members, logit, strict=True)
        return [LossTerm(torch.stack([logits[index] for index in range(len(inputs))]), target)]

    @property
    def reads_early(self) -> bool:
        """Whether the reader reads the query's early map along."""
        return self.config.reader == "cues" and self.config.query_skip

    @property
    def reads_change(self) -> bool:
        """Whether the reader reads the query's residuals from good material along."""
        return self.config.reader == "cues" and self.config.change

    @property
    def changes(self) -> int:
        """How many maps of change a relation has: one a level, of its last tap."""
        return len(self.levels) if self.reads_change else 0

    @property
    def _shares_kinds(self) -> bool:
        """Whether one relation holds several kinds of defect: of a transport each wants all columns' mass."""
        return (
            self.config.reader == "cues"
            and self.config.shots_rule == "joint"
            and all(CUES[letter].streamed for letter in self.config.cues)
        )

    @property
    def looks_twice(self) -> bool:
        """Whether a query is looked at again with its own confident positions as guidance."""
        return self.config.reader == "cues" and self.config.self_support

    def _unit_taps(self, images: Tensor) -> Pyramid:
        return tuple(unit_features(x) for x in self.backbone(images).taps)

    def _sorted(self, guidance: Guidance, views: Sequence[Pyramid]) -> Guidance:
        """The guidance with columns, for the cues; a vote's single shots with columns of their own."""
        if self.config.reader == "encoder4d":
            return guidance
        layers = zip(guidance.supports, guidance.defect, guidance.backgrounds, guidance.usable, strict=True)
        names = guidance.names
        kinds = [names.index(kind) for kind in guidance.kinds]
        taps = len(self.backbone.spec.taps)
        columns = [
            sorted_columns(*layer, self.config.coreset, seen, ignored=ignored, kinds=kinds)
            for layer, seen, ignored in zip(
                layers,
                zip(*views, strict=True) if views else [()] * taps,
                guidance.ignored or [None] * taps,
                strict=True,
            )
        ]
        return replace(guidance, columns=tuple(columns))

    def _cue_relation(self, query: Features, evidence: Sequence[Evidence]) -> Relation:
        """The cues of one query."""
        assert self.config.reader == "cues"
        grids = [(x.shape[-2], x.shape[-1]) for x in query.taps]
        levels = cue_levels(evidence, self.config.cues, grids, self.levels)
        residuals = [(one.residual, grid) for one, grid in zip(evidence, grids, strict=True)]
        change = tuple(x.reshape(1, -1, *grid) for x, grid in residuals if x is not None)
        return Relation(levels, query.early, change=change)

    def _looked_again(
        self, query: Features, evidence: Sequence[Evidence], nearest: bool
    ) -> list[list[Evidence]]:
        """The evidence of one query, and what its own confident positions add to it, for each kind."""
        once = _of_kinds(evidence)
        learning = self.reader.training
        self.reader.eval()
        with torch.no_grad():
            items = stacked([self._cue_relation(query, one).tensors() for one in once])
            relation = relation_of(items, len(self.levels), changes=self.changes)
            first, presence = self.judge(relation, query.size)
        self.reader.train(learning)
        good = [False] * len(once) if presence is None else [seems_good(one) for one in presence]
        if all(good):
            return once
        own = [own_columns(unit[0], first) for unit in query.taps]
        twice = _of_kinds(
            [
                one if columns is None else one.joined(columns, nearest=nearest)
                for one, columns in zip(evidence, own, strict=True)
            ]
        )
        return [before if kept else after for before, after, kept in zip(once, twice, good, strict=True)]


def _reader(config: ModelConfig, backbone: Backbone) -> CuesReader | Encoder4DReader:
    levels = backbone.spec.levels
    if config.reader == "encoder4d":
        channels = [config.bilateral.channels * count for count in levels]
        return Encoder4DReader(channels, config.fusion, config.width)
    early = backbone.spec.early if config.query_skip else None
    if config.query_skip and early is None:
        raise InputError(
            f"query_skip needs a backbone with an early map; {config.backbone} has none, compact has"
        )
    return CuesReader(
        tuple(len(config.cues) * count for count in levels),
        early.channels if early else 0,
        tuple(backbone.spec.taps[tap].channels for tap in _last_taps(levels)) if config.change else (),
        presence=config.presence,
    )


def _of_kinds(evidence: Sequence[Evidence]) -> list[list[Evidence]]:
    """For each kind of defect the evidence tap by tap, of that of all kinds."""
    return [[one.of(kind) for one in evidence] for kind in range(len(evidence[0].columns.defects))]


def _last_taps(levels: Sequence[int]) -> tuple[int, ...]:
    """The last tap of each level of as many taps."""
    return tuple(end - 1 for end in accumulate(levels))
