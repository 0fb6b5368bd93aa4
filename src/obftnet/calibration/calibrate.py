"""A pack's decision, calibrated: the threshold that keeps the rate of false alarms that was asked for.

The score maps are made by `segment_files`, as all others, and kept: a second call goes on, and another rate
costs no prediction.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from obftnet import wording
from obftnet.calibration.curve import CURVES, trade, write_curve
from obftnet.calibration.least_region import LeastRegion, propose_least_region, where_it_fails
from obftnet.calibration.quantile import CONFIDENCE, Bound, bound, enough, interval
from obftnet.calibration.supports import SupportsSaid, ask_supports
from obftnet.data.hashes import FileHashes
from obftnet.decision import DEFAULT_THRESHOLD, Decision, decide, image_score
from obftnet.errors import InputError, InputWarning
from obftnet.files import alone_in, check_output_folder, refuse_existing
from obftnet.imaging.read import as_mask, as_picture, read_picture
from obftnet.inputs import KnownPictures, known_picture
from obftnet.packs import Pack, check_pack_place, read_pack, write_pack
from obftnet.packs.content import DecisionEntry, Event
from obftnet.packs.person import person
from obftnet.regions import find_regions
from obftnet.segmentation import LEAST_REGION, segment_files
from obftnet.segmentation.changes import Changes, Unit
from obftnet.segmentation.decider import read_score
from obftnet.segmentation.outputs import Outputs
from obftnet.segmentation.queries import look_through
from obftnet.segmentation.record import NAME as RECORD
from obftnet.segmentation.record import read_record
from obftnet.segmenter import Segmenter, weights_of

#: Folders of score maps.
_GOOD, _DEFECTS = "good", "defects"

Progress = Callable[[int, int, str], None]
Notice = Callable[[str], None]


@dataclass(frozen=True)
class Calibration:
    """What a calibration found.

    decision: the pack's from now on, its sizes as they were asked for. bound: of the good images.
    least: the proposal; None where the least region was given. found, defects: of defective images, how many
    are above the threshold, and how many there were. supports: what these said; None where they could not.
    sentences: what a person must know, by what it is about: "too_few", "indistinct", "supports", "masks",
    "lowest", "review". refused: one line for each image that was not looked at.
    out: folder of the score maps and the curve. written: whether the pack has it.
    """

    decision: Decision
    bound: Bound
    least: LeastRegion | None
    found: int
    defects: int
    supports: SupportsSaid | None
    sentences: dict[str, str]
    refused: tuple[str, ...]
    out: Path
    written: bool

    @property
    def kept(self) -> dict[str, Any]:
        """As it is kept in the pack, JSON."""
        return {
            **asdict(self.bound),
            "confidence": CONFIDENCE,
            "least_region": None if self.least is None else asdict(self.least),
            "defects": self.defects,
            "found": self.found,
            "supports": None if self.supports is None else asdict(self.supports),
            "sentences": self.sentences,
        }


def calibrate_pack(
    pack: str | Path,
    good: Iterable[str | Path],
    *,
    defects: Iterable[str | Path] = (),
    false_alarms: float = 0.01,
    min_area: float | None = None,
    min_length: float | None = None,
    unit: Unit | None = None,
    out: str | Path | None = None,
    weights: str | Path | None = None,
    dry_run: bool = False,
    who: str | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    notice: Notice | None = None,
) -> Calibration:
    """Choose a pack's threshold by good images that had no part in its guidance.

    The least region is chosen first, by the supports' masks alone (`propose_least_region`), unless it is
    given here or the pack has one of its own. The threshold is then the smallest that keeps the rate
    (`bound`), but not below 0.5, the score's own decision: a lower one marks more than defects.

    Args:
        pack: it is written anew, with the decision, what was measured, and a line of history.
        good: images without a defect, or folders of such; those of the guidance are left out.
        defects: images with a defect, likewise; they change nothing, and give the recall.
        false_alarms: rate of good images that may fail, between 0 and 1.
        min_area: least region, in the place of the proposal.
        min_length: least length of a region.
        unit: of the two, "px" or "mm".
        out: folder of the score maps; None for one beside the pack, of its name.
        weights: as `Segmenter.load`.
        dry_run: the pack stays as it is.
        who: for the history; None for the system's name of the user.
        device: as `Segmenter.from_pretrained`.
        progress: called with (finished, all, name of the image).
        notice: called with a line that a person should read.

    Raises:
        InputError: as `segment_files`; no good image is left; an image is good and defective; scores so high
            that no threshold below 1 keeps the rate.
    """
    path = Path(pack)
    bound([0.0], false_alarms)
    found = read_pack(path)
    if not dry_run:
        check_pack_place(path)
    place = path.with_name(f"{path.stem}.calibration") if out is None else Path(out)
    decision, least = _least(found, Changes(min_area=min_area, min_length=min_length, unit=unit))
    pixels = replace(decision, review=None).in_pixels(found.content.scale)
    check_output_folder(place)
    goods, aside = _apart(found, good, place)
    shown, more = _apart(found, defects, place)
    _check_place(place, [file for _, file in (*goods, *shown)])
    both = {hash_ for hash_, _ in goods} & {hash_ for hash_, _ in shown}
    if both:
        twice = next(file for hash_, file in goods if hash_ in both)
        raise InputError(wording.GOOD_AND_DEFECTIVE(image=twice))
    if not goods:
        raise InputError(wording.NO_GOOD_IMAGE(), "good")
    for line in (*aside, *more):
        if notice:
            notice(line)
    common = {"weights": weights, "device": device, "progress": progress, "notice": notice}
    scores, areas, refused = _scores([file for _, file in goods], place / _GOOD, path, pixels, common)
    if not scores:
        raise InputError(wording.NO_GOOD_IMAGE_READ(line=refused[0]))
    of_defects: list[float] = []
    if shown:
        of_defects, _, lost = _scores([file for _, file in shown], place / _DEFECTS, path, pixels, common)
        refused += lost
    limit = bound(scores, false_alarms)
    if limit.threshold >= 1:
        above = sum(score >= 1 for score in scores)
        rate = _percent(false_alarms)
        raise InputError(wording.NO_THRESHOLD(above=above, count=len(scores), rate=rate), "min_area")
    lowest = limit.threshold < DEFAULT_THRESHOLD
    limit = replace(limit, threshold=max(limit.threshold, DEFAULT_THRESHOLD))
    segmenter = Segmenter.from_pretrained(
        weights_of(found, weights), device, tile=found.content.tile, bits=found.content.bits
    )
    said = ask_supports(found, segmenter, pixels, progress)
    review = decision.review
    sentences = _sentences(limit, least, areas, said)
    if lowest:
        sentences["lowest"] = (
            f"the good images would allow a threshold below {DEFAULT_THRESHOLD:g}, where more than the "
            "defects is marked; it stays there"
        )
    if review is not None and not review[0] <= limit.threshold <= review[1]:
        sentences["review"] = "the threshold left the band for review, which is gone; give another"
        review = None
    result = Calibration(
        decision=replace(
            decision, threshold=limit.threshold, review=review, low_threshold=_low(decision, limit.threshold)
        ),
        bound=limit,
        least=least,
        found=sum(score > limit.threshold for score in of_defects),
        defects=len(of_defects),
        supports=said,
        sentences=sentences,
        refused=tuple(refused),
        out=place,
        written=not dry_run,
    )
    write_curve(place, trade(scores, of_defects), false_alarms)
    if not dry_run:
        keep_calibration(path, result, found, who)
    return result


@alone_in("path", file=True)
def keep_calibration(path: Path, calibration: Calibration, before: Pack, who: str | None) -> None:
    """Write a calibration into the pack that it is of.

    Raises:
        InputError: the pack is another by now, or cannot be written.
    """
    now = read_pack(path)
    if now.content != before.content:
        raise InputError(f"{path}: changed while it was calibrated; calibrate it again")
    limit = calibration.bound
    what = f"calibrated by {limit.images} good image(s): threshold {limit.threshold:.9g}, at most "
    what += f"{_percent(limit.promised)} false alarms"
    event = Event.now(what, person() if who is None else who)
    content = now.content.model_copy(
        update={
            "decision": DecisionEntry.of(calibration.decision),
            "calibration": calibration.kept,
            "history": (*now.content.history, event),
        }
    )
    write_pack(path, Pack(content, now.files, now.fitted, now.name))


def _low(decision: Decision, threshold: float) -> float | None:
    """Where what is marked ends: at the score's own decision, whatever it takes for a region to be marked.

    A threshold that keeps few false alarms is close to 1, and leaves little of a defect's outline.
    """
    low = DEFAULT_THRESHOLD if decision.low_threshold is None else decision.low_threshold
    return low if low < threshold else None


def _least(pack: Pack, changes: Changes) -> tuple[Decision, LeastRegion | None]:
    """The decision with its least region, and the proposal where that was taken."""
    decision, _ = changes.of(pack.decision, pack.content.scale)
    there, before = pack.decision, pack.content.calibration or {}
    own = (there.min_area, there.min_length, there.unit) != (LEAST_REGION, 0, "px")
    own = own and not before.get("least_region")
    if own or changes.min_area is not None or changes.min_length is not None:
        return decision, None
    masks = []
    for image, mask in pack.supports:
        picture = as_picture(image)
        masks.append(as_mask(mask, like=picture.shape, orientation=picture.orientation))
    least = propose_least_region(masks)
    return replace(decision.in_pixels(pack.content.scale), min_area=least.area), least


def _check_place(place: Path, images: Iterable[Path]) -> None:
    """Raises InputError where score maps and curve may not be written: among images that are read, where the
    next call would take them for such, or over files of somebody else."""
    real = os.path.realpath(place)
    for image in images:
        if Path(os.path.realpath(image)).is_relative_to(real):
            raise InputError(
                f"{place}: holds {image}, which is read; name a folder for the results alone", "out"
            )
    if not any((place / folder / RECORD).is_file() for folder in (_GOOD, _DEFECTS)):
        refuse_existing([place / name for name in CURVES], "it is not of a calibration")


def _apart(
    pack: Pack, sources: Iterable[str | Path], place: Path
) -> tuple[list[tuple[str, Path]], list[str]]:
    """Images with what tells them apart, each picture once and none of the guidance; and a line for each left
    out. The same pixels in another file, of another kind even, are the same picture.

    place: of the score maps, which are no images to look at.
    """
    sources = [sources] if isinstance(sources, str | Path) else list(sources)
    if not sources:
        return [], []
    listed = look_through(sources, [(place, "the folder of score maps")])
    lines = [aside.reason for aside in listed.refused]
    own = {entry.image.sha256: pack.content.path(entry) for entry in pack.content.images}
    own |= {entry.mask.sha256: pack.content.mask_path(entry) for entry in pack.content.supports if entry.mask}
    known = KnownPictures()
    for entry in pack.content.images:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InputWarning)
            known.add(as_picture(pack.image(entry)), entry.role)
    hashes = FileHashes()
    seen: dict[str, Path] = {}
    for query in listed.queries:
        try:
            name, digest = own.get(hashes.of(query.path)), ""
            if name is None:
                picture = read_picture(query.path)
                name = known.find(picture, "support") or known.find(picture, "background")
                digest = known_picture(picture, "good").digest
        except InputError:
            digest, name = str(query.path), None  # segmenting it says what is wrong
        if name is not None:
            lines.append(wording.IN_THE_PACK(image=query.path, other=name))
        elif digest in seen:
            lines.append(wording.TWICE(image=query.path, other=seen[digest]))
        else:
            seen[digest] = query.path
    return list(seen.items()), lines


def _scores(
    images: Sequence[Path], out: Path, pack: Path, decision: Decision, common: dict[str, Any]
) -> tuple[list[float], list[int], list[str]]:
    """Image scores; pixels of the largest region above 0.5; and what was refused."""
    # Always by one decision, that the pack's, which is about to change, makes no map another's.
    plain = Decision(DEFAULT_THRESHOLD, interest=decision.interest)
    summary = segment_files(
        images,
        None,
        out,
        pack=pack,
        keep=["score"],
        threshold=plain.threshold,
        min_area=plain.min_area,
        min_length=plain.min_length,
        unit="px",
        review="none",
        low_threshold="none",
        **common,
    )
    record = read_record(out)
    assert record is not None
    wanted = {str(path.resolve()) for path in images}
    scores, areas = [], []
    for entry in record.images:
        if entry.file in wanted:
            score = read_score(Outputs.of(out, entry.result).score)
            decision.check_markable((score.shape[0], score.shape[1]), entry.file)
            scores.append(image_score(score, decision))
            regions = find_regions(decide(score, plain), score)
            areas.append(max((region.area for region in regions), default=0))
    return scores, areas, list(summary.refused)


def _sentences(
    limit: Bound, least: LeastRegion | None, areas: Sequence[int], said: SupportsSaid | None
) -> dict[str, str]:
    found = {}
    if limit.too_few:
        found["too_few"] = (
            f"{limit.images} good images cannot promise less than {_percent(limit.promised)}; "
            f"{_percent(limit.asked)} takes {enough(limit.asked)}"
        )
    if least is not None and (fails := where_it_fails(least, areas, DEFAULT_THRESHOLD)):
        found["indistinct"] = fails
    if said is not None:
        missed = sum(score <= limit.threshold for score in said.scores)
        if missed:
            found["supports"] = (
                f"{missed} of {len(said.scores)} supports, looked at without themselves, would pass at this "
                "threshold: expect to miss such defects"
            )
        if said.fatness > 1.5:
            found["masks"] = (
                f"the annotated masks are {said.fatness:.1f} times as large as what is marked at 0.5: masks "
                "drawn close to the defect are found more exactly"
            )
    return found


def _percent(rate: float) -> str:
    return f"{100 * rate:.2g} %"


def recall(calibration: Calibration) -> tuple[float, float, float]:
    """Share of the defective images that fail, with its interval (`quantile.interval`)."""
    low, high = interval(calibration.found, calibration.defects)
    return calibration.found / calibration.defects, low, high
