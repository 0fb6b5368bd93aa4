"""Segment by example: fit on a few annotated images, predict on the rest. The one inference path."""

import copy
import functools
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from obftnet.adaptation import adapted, check_adaptable
from obftnet.annotations.region import read_region
from obftnet.backbones.features import Features
from obftnet.data.windows import MIN_SIDE, largest_window
from obftnet.decision import DEFAULT_THRESHOLD, Decision
from obftnet.errors import InputError, InputWarning
from obftnet.guidance.guidance import Guidance
from obftnet.guidance.masks import cells_with_defect
from obftnet.imaging.encoded import encode_mask
from obftnet.imaging.interest import painted_out
from obftnet.imaging.picture import Picture
from obftnet.imaging.read import ImageSource, as_picture
from obftnet.imaging.tiles import (
    Corner,
    Part,
    corner_around,
    defect_corners,
    enlarge,
    spread_corners,
    window,
)
from obftnet.inputs import (
    BackgroundSource,
    IgnoredPair,
    KnownPictures,
    Supports,
    as_backgrounds,
    as_ignored,
    as_supports,
    check_bits,
    check_count,
    check_interest,
    check_scale,
    check_threshold,
    find_bits,
    marked_by,
    masks_of_others,
    of_interest,
    read_support,
    support_names,
    warn_of_repeated,
    with_bits,
)
from obftnet.model import OBFTNet
from obftnet.packs import Content, Event, Pack, check_pack_place, read_pack, write_pack
from obftnet.packs.content import DecisionEntry, Encoding, InterestEntry, PlanEntry, WeightsEntry
from obftnet.packs.fit import Fit, fit_of, why_unfitted
from obftnet.packs.make import Given, encode_guidance
from obftnet.packs.mask_hash import mask_hash
from obftnet.packs.person import person
from obftnet.prediction import Prediction
from obftnet.scoring import Look, enlarged, predict_picture
from obftnet.shown import Shown, guidance_of, ignored_shares
from obftnet.tensors import mask_fraction, resize_score, to_tensor, without_autocast
from obftnet.tiling import Tile, TilePlan, check_tiling, plan_tiles
from obftnet.weights import load_model, shipped, weights_name

#: Tiles of defects, and as many of good material, that guidance is cut into at most, all images together, but
#: for one of each image: what a query is related to, and so its cost, is bounded for guidance of any size.
GUIDANCE_TILES = 5


class Segmenter:
    """Segments a defect on a material it has never seen, from one to five examples and a few good images.

    Images are files, arrays or pictures of PIL. Here they are made:

    >>> from obftnet.synthetic import Material
    >>> material = Material.from_seed(20_000_000, "leather")
    >>> kind = material.defect_kinds(1)[0]
    >>> scratch, scratch_mask = material.defective(0, kind, size=96)
    >>> good, (after, _) = material.good(0, size=96), material.defective(1, kind, size=96)

    >>> segmenter = Segmenter.from_pretrained(device="cpu")
    >>> segmenter = segmenter.fit(supports=[(scratch, scratch_mask)], backgrounds=[good])
    >>> prediction = segmenter.predict(after)
    >>> prediction.score.shape, prediction.score.dtype, prediction.mask.dtype
    ((96, 96), dtype('float32'), dtype('bool'))
    >>> bool((prediction.mask == (prediction.score > segmenter.threshold)).all())
    True

    Scores are the same to the bit for the same input; they differ by at most 3e-7 with the number of threads
    and 6e-7 with the order of supports or backgrounds (docs/reliability.md).

    An image is looked at as a whole at the network's input size; with `tile`, in overlapping tiles of that
    many pixels a side (`imaging.tiles`), guidance too: all are seen at one scale, and memory stays bounded.
    """

    def __init__(
        self,
        model: OBFTNet,
        *,
        threshold: float = DEFAULT_THRESHOLD,
        device: str | torch.device = "auto",
        weights_hash: str = "",
        weights_name: str = "",
        tile: Tile = None,
        bits: int | None = None,
    ) -> None:
        """Wrap a model; `from_pretrained` is the usual way."""
        self._plan: TilePlan | None = None
        self._fit: Fit | None = None
        self.tile = tile
        self.decision = Decision(check_threshold(threshold))
        self.scale = None
        self._wanted_bits = check_bits(bits)
        self.device = resolve_device(device)
        self.model = model.to(self.device).eval()
        self.weights_hash, self.weights_name = weights_hash, weights_name
        self._known = KnownPictures()
        self._pack: Content | None = None

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path | None = None,
        device: str | torch.device = "auto",
        *,
        threshold: float = DEFAULT_THRESHOLD,
        tile: Tile = "auto",
        bits: int | None = None,
    ) -> Self:
        """A segmenter with trained weights.

        Args:
            name_or_path: name of shipped weights, a model file, or a training run's folder; None for the
                default that ships with the package.
            device: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1", ...
            threshold: score above which a position is defect, between 0 and 1.
            tile: side in pixels of the tiles that images are looked at in; None for an image as a whole;
                "auto" for what the size of the supports' defects asks for, which `fit` finds.
            bits: how many bits of samples stored in 16 a camera has filled, 8 to 16: white is 2^bits - 1;
                None for the least of 8, 10, 12, 14 and 16 that hold every sample of the guidance.

        Raises:
            InputError: no such weights or device; a file that is not a model of ours; a threshold, tile or
                bits out of range.
        """
        # Before the weights, which take longer.
        check_threshold(threshold), check_tiling(tile), check_bits(bits)
        where = resolve_device(device)
        model, digest = load_model(name_or_path, where)
        return cls(
            model,
            threshold=threshold,
            device=where,
            weights_hash=digest,
            weights_name=weights_name(name_or_path),
            tile=tile,
            bits=bits,
        )

    @classmethod
    def load(
        cls,
        pack: str | Path | Pack,
        device: str | torch.device = "auto",
        *,
        weights: str | Path | None = None,
    ) -> Self:
        """A segmenter as `save` left it: fitted, with the pack's tile, bits, decision and scale.

        What was fitted is taken from the pack. Where it was by other weights or another version, it is fitted
        again from the pack's images, and an InputWarning says so.

        Args:
            pack: the file, or what `read_pack` read.
            device: as `from_pretrained`.
            weights: as `from_pretrained`; None for those that the pack names, which must be shipped ones.

        Raises:
            InputError: no such file, or no pack; damaged, or of a newer format; no such weights or device.
        """
        where = resolve_device(device)
        found = pack if isinstance(pack, Pack) else read_pack(pack)
        content = found.content
        segmenter = cls.from_pretrained(
            weights_of(found, weights), where, tile=content.tile, bits=content.bits
        )
        segmenter.decision, segmenter.scale = found.decision, content.scale
        why = why_unfitted(found, segmenter.weights_hash)
        if why is None:
            segmenter._take(fit_of(found, segmenter.model, where))
        elif why:
            warnings.warn(
                f"{found.name}: {why}, and fitted again from its images for now; refit the pack to keep that",
                InputWarning,
                stacklevel=2,
            )
        if why is not None:
            # Where nobody chose the tiles, they are of what the guidance and the weights are now.
            segmenter.tile = "auto" if content.plan is not None else content.tile
            segmenter.fit(
                found.by_kind,
                found.backgrounds,
                background_source=content.background_source,
                ignored=found.ignored,
                adapt=content.adapt,
            )
            # It was measured on other scores.
            content = content.model_copy(update={"calibration": None})
        else:
            segmenter._plan = content.tile_plan
        segmenter._pack = content
        return segmenter

    def save(self, path: str | Path, *, what: str | None = None, who: str | None = None) -> Pack:
        """Write a pack: the guidance's images as they came, what was fitted of them, and how it is decided.

        Pictures that came as files are kept byte for byte, others without loss. A pack that is there already
        is replaced, whole or not at all; nothing else is.

        Args:
            path: of the pack.
            what: a line for the pack's history; None for one that says what it holds.
            who: the name that stands beside it; None for the system's name of the user.

        Returns:
            What was written.

        Raises:
            InputError: `fit` was not called; an image is no longer what was fitted; what is at `path` is no
                pack, or cannot be written.
        """
        check_pack_place(path)
        pack = self._packed(str(path), what, who)
        write_pack(path, pack)
        return pack

    def _packed(self, name: str, what: str | None, who: str | None) -> Pack:
        if self._fit is None:
            raise InputError("nothing to save: call fit(supports, backgrounds) before save(path)")
        if not self.weights_hash:
            raise InputError("a model without a file: a pack is of weights from one (from_pretrained)")
        images, files = encode_guidance(self._fit.given, self._fit.bits)
        interest = None
        if self.decision.interest is not None:
            drawn = encode_mask(self.decision.interest, "interest")
            height, width = self.decision.interest.shape
            interest = InterestEntry(
                image=Encoding(tensor="interest", sha256=drawn.sha256), width=width, height=height
            )
            files["interest"] = drawn.data
        fitted, arrays = self._fit.entry(self.weights_hash)
        count = sum(entry.role == "support" for entry in images)
        said = what or f"saved with {count} support(s) and {len(images) - count} background(s)"
        event = Event.now(said, person() if who is None else who)
        content = Content(
            images=images,
            weights=WeightsEntry(name=self.weights_name, sha256=self.weights_hash),
            tile=self.tile,
            plan=None if self._plan is None else PlanEntry.of(self._plan),
            bits=self._wanted_bits,
            background_source=self._fit.background_source,
            adapt=self._fit.adapt,
            scale=self.scale,
            decision=DecisionEntry.of(self.decision),
            interest=interest,
            calibration=self._calibration(interest),
            history=(*(() if self._pack is None else self._pack.history), event),
            fitted=fitted,
        )
        return Pack(content, files, arrays, name)

    def _calibration(self, interest: InterestEntry | None) -> dict[str, Any] | None:
        """That of the pack which this was loaded from, as long as it is of this decision."""
        before = self._pack
        if before is None or before.decision != DecisionEntry.of(self.decision) or before.scale != self.scale:
            return None
        hashes = [None if one is None else one.image.sha256 for one in (before.interest, interest)]
        return before.calibration if hashes[0] == hashes[1] else None

    @property
    def decision(self) -> Decision:
        """By what `predict` makes masks; sizes in mm need `scale`.

        What lies outside its region of interest is painted out of every image before anything looks at it, of
        the guidance, too: where the region changes after `fit`, that is fitted again. Raises InputError when
        set to no decision, or to a region of another size than the guidance.
        """
        return self._decision

    @decision.setter
    def decision(self, decision: Decision) -> None:
        if not isinstance(decision, Decision):
            raise InputError(f"decision {decision!r}: not a Decision; one of obftnet.decision is wanted")
        check_threshold(decision.threshold)
        before = getattr(self, "_decision", decision)
        self._decision = decision
        if self._fit is not None and not _same_region(before.interest, decision.interest):
            try:
                self._fit_again()
            except BaseException:
                self._decision = before
                raise

    def decided_by(self, decision: Decision) -> Self:
        """The same segmenter with another decision, and the guidance as it was fitted.

        A region of interest is then one of what `predict` is given, and not of the guidance.
        """
        check_threshold(decision.threshold)
        other = copy.copy(self)
        other._decision = decision
        return other

    @property
    def threshold(self) -> float:
        """The decision's: score above which a position is defect, between 0 and 1.

        Raises InputError when set to another.
        """
        return self._decision.threshold

    @threshold.setter
    def threshold(self, threshold: float) -> None:
        self.decision = replace(self._decision, threshold=check_threshold(threshold))

    @property
    def scale(self) -> float | None:
        """Pixels a millimetre, None where it is not known. Raises InputError when set to another."""
        return self._scale

    @scale.setter
    def scale(self, scale: float | None) -> None:
        self._scale = check_scale(scale)

    @property
    def tile(self) -> int | None:
        """Side of a tile in pixels, None for whole images; of "auto" what `fit` found, None before.

        Raises InputError when set to another.
        """
        if self._wanted_tile == "auto":
            return None if self._plan is None else self._plan.tile
        return self._wanted_tile

    @tile.setter
    def tile(self, tile: Tile) -> None:
        self._wanted_tile, self._plan = check_tiling(tile), None

    @property
    def plan(self) -> TilePlan | None:
        """What `tile` was chosen by where that was left open; None where it was not, and before `fit`."""
        return self._plan

    @property
    def bits(self) -> int | None:
        """How many bits of samples stored in 16 are used: as asked for, or as `fit` found in the guidance.

        None where neither is the case: no image of the guidance has 16.
        """
        return self._wanted_bits if self._fit is None else self._fit.bits

    @without_autocast
    @torch.inference_mode()
    def fit(
        self,
        supports: Supports,
        backgrounds: Iterable[ImageSource] = (),
        *,
        background_source: BackgroundSource = "good",
        ignored: Iterable[IgnoredPair] = (),
        adapt: bool = False,
    ) -> Self:
        """Take in the guidance; all of its work is done here, once.

        What can be used and is likely a mistake (a mask that marks most of its image) is an InputWarning. The
        order of supports, of backgrounds and of kinds changes no bit of any score.

        Args:
            supports: (image, mask) pairs, one or more; a mask is two-valued and of its image's size. Of
                several kinds of defect, such pairs by the kinds' names, which are put in order: each is
                looked for by its own, and what no kind marks of a support is good material for all. An image
                with defects of two kinds is given to both, each time with that kind's mask.
            backgrounds: defect-free images of the same material, one or more.
            background_source: "good": they are what shows good material. Where there are none, "window": the
                largest clean rectangle of each support, of 64 pixels a side at least; "complement": all of
                the supports that is no defect.
            ignored: (image, region) pairs of images that are among the others as they are given here: what
                of them is no good material, though no mask marks it. What a mask marks stays a defect.
                A region is two-valued as a mask, or a JSON file of labelme (`annotations.region`).
            adapt: adapt the reader's last layer to the guidance (`adaptation`): its images are looked at by
                the others in turn, and it learns what of them is defect. Takes some ten looks.

        Raises:
            InputError: no support, of any kind, no background, or an image or mask that cannot be used; a
                background that is a support's image; a sample beyond the `bits`; a kind's name that is none;
                an image of another size than the decision's region of interest; no good material left; too
                few images to adapt to, or a model that cannot be adapted.
        """
        of_kinds = dict(sorted(as_supports(supports).items()))
        goods = as_backgrounds(backgrounds, background_source)
        if adapt:
            check_adaptable(self.model, {kind: len(found) for kind, found in of_kinds.items()}, len(goods))
        for kind, found in of_kinds.items():
            check_count(len(found), kind if len(of_kinds) > 1 else "")
        names, pairs = support_names(of_kinds), [pair for found in of_kinds.values() for pair in found]
        kinds = [kind for kind, found in of_kinds.items() for _ in found]
        named = [(name, image) for name, (image, _) in zip(names, pairs, strict=True)]
        named += [(f"background {index}", image) for index, image in enumerate(goods)]
        bits = self._wanted_bits or find_bits(named)
        size = self._input_size
        interest, plan = self.decision.interest, None
        if self._wanted_tile == "auto":
            plan = plan_tiles(of_kinds, goods, self.model.size, interest)
        tile = self.tile if plan is None else plan.tile
        known = KnownPictures()
        given: list[Given] = []
        shown_supports: list[Shown] = []
        shown_backgrounds: list[Shown] = []
        others = masks_of_others(of_kinds)
        regions = as_ignored(ignored, [*(image for image, _ in pairs), *goods])
        # One image at a time: of large photographs there is no room for all.
        for index, (image_source, mask_source) in enumerate(pairs):
            image, mask = read_support(image_source, mask_source, names[index], bits)
            shown, kind = known.add(image, "support"), kinds[index]
            alike = [one for one in given if one.known.digest == shown.digest]
            seen = bool(alike)
            for one in alike:
                if one.kind == kind:
                    warn_of_repeated(shown.name, one.known.name)
            region = _ignored(image, regions[index])
            marked_by_all = mask_hash(mask, region)
            source = regions[index]
            given.append(Given("support", kind, image_source, mask_source, shown, marked_by_all, source))
            foreign = marked_by(others[index], image) if any(others) else None
            neither = _union(foreign, region)
            mask, image = of_interest(mask, interest, image), painted_out(image, interest)
            most = _share(len(of_kinds[kind]))
            for corner, picture, marked in self._support_parts(image, mask, tile, most):
                part = Part(index, corner, picture.shape, image.shape)
                fraction = mask_fraction(marked, size).to(self.device)
                share = None if neither is None else mask_fraction(part.cut(neither), size).to(self.device)
                features = self._extract(picture, fraction.unsqueeze(0))
                shown_supports.append(Shown(part, features, shown.digest, kind, fraction, share))
            if background_source != "good" and not seen:
                of = _share(len(pairs))
                clean = ~mask if neither is None else ~(mask | neither)
                shown_backgrounds += self._of_support(
                    index, image, shown.digest, clean, tile, of, background_source
                )
            # Else it would still be there while the next one is read.
            del image, mask, picture, marked, region, foreign, neither
        for index, source in enumerate(goods):
            image = with_bits(as_picture(source, f"background {index}"), bits)
            shown, region_source = known.add(image, "background"), regions[len(pairs) + index]
            region = _ignored(image, region_source)
            given.append(Given("background", "", source, None, shown, mask_hash(None, region), region_source))
            image = self._of_interest(image)
            for corner, picture in self._background_parts(image, tile, most=_share(len(goods))):
                part = Part(index, corner, picture.shape, image.shape)
                share = None if region is None else mask_fraction(part.cut(region), size).to(self.device)
                shown_backgrounds.append(Shown(part, self._extract(picture), shown.digest, ignored=share))
            del image, picture, region
        if not shown_backgrounds:
            raise InputError(
                f"no support has a clean rectangle of {MIN_SIDE} x {MIN_SIDE} pixels as good material; "
                "give good images, or see it in all that is no defect (complement)",
                "background",
            )

        # By what they show: sums are then the same to the last bit in whatever order images were given.
        shown_supports.sort(key=lambda one: (one.kind, *_content(given[one.part.image], one.part)))
        of_goods = given[len(pairs) :] or given
        shown_backgrounds.sort(key=lambda one: _content(of_goods[one.part.image], one.part))
        self._check_good_left(shown_backgrounds)
        guidance = guidance_of(self.model, shown_supports, shown_backgrounds)
        if adapt:
            guidance = replace(guidance, readout=adapted(self.model, shown_supports, shown_backgrounds))
        parts = (tuple(one.part for one in shown) for shown in (shown_supports, shown_backgrounds))
        self._take(Fit(guidance, (next(parts), next(parts)), tuple(given), bits, background_source, adapt))
        self._plan, self._pack = plan, None
        return self

    def _fit_again(self) -> None:
        """Fit what was given, with the region of interest as it is now."""
        assert self._fit is not None
        fit, pack = self._fit, self._pack
        supports: dict[str, list[tuple[ImageSource, ImageSource]]] = {}
        for one in fit.given:
            if one.mask is not None:
                supports.setdefault(one.kind, []).append((one.image, one.mask))
        self.fit(
            supports,
            [one.image for one in fit.given if one.mask is None],
            background_source=fit.background_source,
            ignored=[(one.image, one.ignored) for one in fit.given if one.ignored is not None],
            adapt=fit.adapt,
        )
        self._pack = pack

    def _check_good_left(self, shown: Sequence[Shown]) -> None:
        """Raises InputError unless good material that is neither ignored nor painted out fills some position
        of every map."""
        left_out, interest = ignored_shares(shown), self.decision.interest
        if interest is not None:
            parts = [mask_fraction(one.part.cut(~interest), self._input_size) for one in shown]
            outside = torch.stack(parts).to(self.device)
            left_out = outside if left_out is None else torch.maximum(left_out, outside)
        if left_out is None:
            return
        for maps in shown[0].features.taps:
            if bool(cells_with_defect(left_out, (maps.shape[-2], maps.shape[-1])).all()):
                raise InputError(
                    "too little good material is left of the guidance, no whole position of the network's "
                    "coarsest map; give more of it, or leave less of it out"
                )

    def _of_interest(self, image: Picture) -> Picture:
        """The image as the network may see it. Raises InputError where the region of interest is of another
        size."""
        check_interest(self.decision.interest, image)
        return painted_out(image, self.decision.interest)

    def _of_support(
        self,
        index: int,
        image: Picture,
        digest: str,
        clean: NDArray[np.bool_],
        tile: int | None,
        most: int,
        source: BackgroundSource,
    ) -> list[Shown]:
        """The good material of a support, of which (h, w) is clean."""
        y = x = 0
        picture = image
        if source == "window":
            interest = self.decision.interest
            found = largest_window(~(clean if interest is None else clean & interest))
            if found is None:
                return []
            y, x, height, width = found
            picture = image[y : y + height, x : x + width]
        shown = []
        whole = picture.shape == image.shape
        for corner, seen in self._background_parts(picture, tile, most, whole=whole):
            part = Part(index, (y + corner[0], x + corner[1]), seen.shape, image.shape)
            share = None
            if source == "complement":
                share = mask_fraction(part.cut(~clean), self._input_size).to(self.device)
            shown.append(Shown(part, self._extract(seen), digest, ignored=share))
        return shown

    def _take(self, fit: Fit) -> None:
        self._fit, self._known = fit, fit.known()

    def read(self, image: ImageSource, name: str = "image") -> Picture:
        """An image as `predict` takes it in: what it is given of the same image, it need not read again.

        Raises:
            InputError: the image cannot be used; of 16 bits a sample it uses more than the guidance, or
                fewer, and the guidance has no such image to compare with.
        """
        return with_bits(as_picture(image, name), self.bits)

    def saw(self, image: ImageSource) -> str | None:
        """The name of the support that this very picture (pixel for pixel) was; None if it was none.

        The prediction of a support would prove nothing. Raises InputError as `read`.
        """
        return self._known.find(self.read(image), "support")

    def holds(self, image: ImageSource) -> bool:
        """Whether the guidance holds this very picture, as a support or a background. Raises InputError as
        `read`."""
        picture = self.read(image)
        return any(self._known.find(picture, role) is not None for role in ("support", "background"))

    @without_autocast
    @torch.inference_mode()
    def predict(self, image: ImageSource) -> Prediction:
        """Score and mask of one image, at its own size, and of several kinds of defect whose score it is.

        Raises:
            InputError: the image cannot be used (`read`), or is smaller than half a tile, or of another size
                than the region of interest; the decision is in mm, and there is no scale; or `fit` was not
                called.
        """
        return self._predict(image, self._kind_scores)

    @without_autocast
    @torch.inference_mode()
    def predict_batch(self, images: Sequence[ImageSource]) -> list[Prediction]:
        """`predict` of several images, which the network looks at together where each is seen as a whole.

        On a CPU the scores are those of `predict` to the bit; a GPU may choose other ways to compute for a
        batch, and round otherwise. Images in tiles are looked at one after the other.

        Raises:
            InputError: as `predict`, of any of them.
        """
        if self._fit is None or self.tile is not None or len(images) < 2:
            return [self._predict(image, self._kind_scores) for image in images]
        pictures = [self.read(image) for image in images]
        inputs = torch.stack([to_tensor(self._of_interest(one), self._input_size) for one in pictures])
        scores = self.model.kind_scores(self.model.extract(inputs.to(self.device)), self.guidance).cpu()
        return [
            self._predict(picture, functools.partial(self._resized, found))
            for picture, found in zip(pictures, scores, strict=True)
        ]

    def _predict(self, image: ImageSource, look: Look) -> Prediction:
        """As `predict`, by what looks at a picture as a whole."""
        if self._fit is None:
            raise InputError("nothing to segment by: call fit(supports, backgrounds) before predict(image)")
        decision = self.decision.in_pixels(self.scale)
        names, picture = self.guidance.names, self.read(image)
        return predict_picture(picture, self._known, self.tile, names, decision, look)

    @property
    def guidance(self) -> Guidance:
        """What `fit` took in, as the model meets it. Raises InputError where `fit` was not called."""
        if self._fit is None:
            raise InputError("no guidance: call fit(supports, backgrounds) first")
        return self._fit.guidance

    @property
    def parts(self) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
        """What of the supports, and of the backgrounds, `guidance` holds, in its order: () before `fit`."""
        return ((), ()) if self._fit is None else self._fit.parts

    @without_autocast
    @torch.inference_mode()
    def features(self, image: ImageSource, part: Part | None = None) -> Features:
        """Features of an image, or of a part of it, as `predict` has them. Raises InputError as `predict`."""
        pixels = self._of_interest(self.read(image))
        if part is not None and self.tile is not None:
            pixels = enlarged(pixels, self.tile)[window(part.corner, self.tile)]
        return self._extract(pixels)

    def part_around(self, image: ImageSource, point: tuple[int, int]) -> Part:
        """What of an image `predict` looks at for its pixel (x, y): all of it, or the tile that counts most.

        Raises InputError as `predict`; ValueError for a pixel outside the image.
        """
        pixels = self.read(image)
        if not (0 <= point[0] < pixels.shape[1] and 0 <= point[1] < pixels.shape[0]):
            raise ValueError(f"pixel {point} outside an image of {pixels.shape}")
        if self.tile is None:
            return Part(0, (0, 0), pixels.shape, pixels.shape)
        shape = enlarged(pixels, self.tile).shape
        return Part(0, corner_around(shape, self.tile, point), (self.tile, self.tile), pixels.shape)

    @property
    def _input_size(self) -> tuple[int, int]:
        return (self.model.config.size, self.model.config.size)

    def _kind_scores(self, image: Picture) -> Iterator[NDArray[np.float32]]:
        """For each kind of defect the score (h, w) in 0..1 of a picture that is looked at as a whole."""
        return self._resized(self.model.kind_scores(self._extract(image), self.guidance)[0].cpu(), image)

    def _resized(self, scores: Tensor, image: Picture) -> Iterator[NDArray[np.float32]]:
        """The scores (kinds, S, S) at the picture's size."""
        for score in scores:
            yield resize_score(score, image.shape).clamp_(0, 1).numpy()

    def _support_parts(
        self, image: Picture, mask: NDArray[np.bool_], tile: int | None, most: int
    ) -> list[tuple[Corner, Picture, NDArray[np.bool_]]]:
        """What of a support is shown to the network: all of it, or tiles around its defects."""
        if tile is None:
            return [((0, 0), image, mask)]
        image, mask = enlarged(image, tile), enlarge(mask, tile)
        places = [(corner, window(corner, tile)) for corner in defect_corners(mask, tile, most)]
        return [(corner, image[place], mask[place]) for corner, place in places]

    def _background_parts(
        self, image: Picture, tile: int | None, most: int, *, whole: bool = True
    ) -> list[tuple[Corner, Picture]]:
        """What of good material is shown to the network: all of it, or tiles spread over it.

        whole: it is a whole image, which the region of interest was drawn on.
        """
        if tile is None:
            return [((0, 0), image)]
        interest = self.decision.interest if whole else None
        image = enlarged(image, tile)
        shown = None if interest is None else enlarge(interest, tile)
        corners = spread_corners(image.shape, tile, most, shown)
        return [(corner, image[window(corner, tile)]) for corner in corners]

    def _extract(self, image: Picture, mask: Tensor | None = None) -> Features:
        """Features of a picture; of a support with its mask (1, S, S)."""
        return self.model.extract(to_tensor(image, self._input_size).unsqueeze(0).to(self.device), mask)


def weights_of(pack: Pack, weights: str | Path | None = None) -> str | Path:
    """The weights that a pack is looked at by: those given, else those that it names.

    Raises:
        InputError: none given, and the pack's are not shipped ones: it names them, and not their place.
    """
    if weights is not None:
        return weights
    name = pack.content.weights.name
    if name not in shipped():
        raise InputError(
            f"{pack.name}: fitted with the weights {name}, which do not ship; say where they are", "weights"
        )
    return name


def _ignored(image: Picture, ignored: "ImageSource | None") -> NDArray[np.bool_] | None:
    """What of an image (h, w) is ignored."""
    if ignored is None:
        return None
    return read_region(ignored, like=image.shape, name=f"ignored part of {image.name}")


def _union(one: NDArray[np.bool_] | None, other: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    if one is None or other is None:
        return one if other is None else other
    return one | other


def _same_region(one: NDArray[np.bool_] | None, other: NDArray[np.bool_] | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))


def _content(given: Given, part: Part) -> tuple[object, ...]:
    """What a part shows, as something that can be sorted by."""
    return given.known.digest, given.marked, part.corner


def _share(images: int) -> int:
    """Tiles an image of guidance gets at most."""
    return max(1, GUIDANCE_TILES // images)


def resolve_device(device: str | torch.device) -> torch.device:
    """ "auto" is CUDA where there is one. Raises InputError for a device that is not there."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise InputError(f"device {str(device)!r}: no such device; use auto, cpu, cuda or cuda:N") from error
    if chosen.type not in ("cpu", "cuda") or (chosen.type == "cpu" and chosen.index):
        raise InputError(f"device {str(device)!r}: not supported; use auto, cpu, cuda or cuda:N")
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"device {str(device)!r}: {torch.cuda.device_count()} CUDA devices are here; use cpu or auto"
        )
    return chosen
