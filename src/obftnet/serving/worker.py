"""The process that looks: it has the network and the packs, and answers one batch after the other."""

import base64
import hashlib
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, TypeAlias

from obftnet.children import end_with_parent
from obftnet.errors import InputError
from obftnet.packs import Pack

if TYPE_CHECKING:
    from obftnet.decision import Decision
    from obftnet.imaging.picture import Picture
    from obftnet.prediction import Prediction
    from obftnet.segmentation.fitted import ByPack
    from obftnet.segmenter import Segmenter


@dataclass(frozen=True)
class Asked:
    """An image to look at. name: what messages call it. mask: "none", "png" or "rle". score: whether the map
    is wanted."""

    name: str
    data: bytes = field(repr=False)
    mask: str
    score: bool


@dataclass(frozen=True)
class Load:
    """Have a pack, by its file's hash. What is answered: "" or why it cannot be had."""

    sha256: str
    pack: Pack


@dataclass(frozen=True)
class Drop:
    """Have a pack no more."""

    sha256: str


@dataclass(frozen=True)
class Look:
    """Look at images by a pack. What is answered: of each what `answers.Found` says, or a `Refused`."""

    sha256: str
    images: tuple[Asked, ...]


@dataclass(frozen=True)
class Refused:
    """An image that cannot be looked at, and why in one line."""

    why: str


@dataclass(frozen=True)
class Broken:
    """A fault of the program, as its traceback says."""

    trace: str


Message: TypeAlias = Load | Drop | Look


@dataclass
class _Loaded:
    guided: "ByPack"
    segmenter: "Segmenter"
    decision: "Decision"
    warnings: list[str]


class Desk:
    """What the process holds, and how it answers."""

    def __init__(self, weights: str | None, device: str) -> None:
        self._weights, self._device = weights, device
        self._packs: dict[str, _Loaded] = {}

    def answer(self, message: Message) -> Any:
        """What there is to say to a message."""
        if isinstance(message, Load):
            return self._load(message)
        if isinstance(message, Drop):
            self._packs.pop(message.sha256, None)
            return ""
        return self._look(self._packs[message.sha256], message.images)

    def _load(self, load: Load) -> str:
        from obftnet.segmentation.crew import telling
        from obftnet.segmentation.fitted import ByPack

        said: list[str] = []
        try:
            guided = ByPack.of(load.pack, self._weights, (), device=self._device)
            with telling(said.append):
                segmenter = guided.segmenter()
            decision = guided.decision.in_pixels(guided.scale)
        except InputError as error:
            return str(error)
        self._packs[load.sha256] = _Loaded(guided, segmenter, decision, said)
        return ""

    def _look(self, pack: _Loaded, images: Sequence[Asked]) -> list[dict[str, Any] | Refused]:
        from obftnet.segmentation.crew import telling

        start = time.perf_counter()
        answers: list[dict[str, Any] | Refused | None] = [None] * len(images)
        said: list[list[str]] = [[] for _ in images]
        pictures: dict[int, Picture] = {}
        for index, asked in enumerate(images):
            try:
                with telling(said[index].append):
                    pictures[index] = _read(pack, asked)
            except InputError as error:
                answers[index] = Refused(str(error))
        predictions = self._predicted(pack, pictures, said, answers)
        for index, prediction in predictions.items():
            answers[index] = _found(pack, images[index], prediction, said[index])
        seconds = round(time.perf_counter() - start, 4)
        for answer in answers:
            if isinstance(answer, dict):
                answer |= {"seconds": seconds, "batch": len(predictions)}
        return [answer for answer in answers if answer is not None]

    def _predicted(
        self,
        pack: _Loaded,
        pictures: "dict[int, Picture]",
        said: Sequence[list[str]],
        answers: list[dict[str, Any] | Refused | None],
    ) -> "dict[int, Prediction]":
        """All at once; where one of several cannot be, one by one, so that the others can."""
        from obftnet.segmentation.crew import telling

        if len(pictures) > 1:
            told: list[str] = []
            try:
                with telling(told.append):
                    predictions = pack.segmenter.predict_batch(list(pictures.values()))
            except InputError:
                pass
            else:
                if not told:
                    return dict(zip(pictures, predictions, strict=True))
        found = {}
        for index, picture in pictures.items():
            try:
                with telling(said[index].append):
                    found[index] = pack.segmenter.predict(picture)
            except InputError as error:
                answers[index] = Refused(str(error))
        return found


def _read(pack: _Loaded, asked: Asked) -> "Picture":
    """As `segmentation.work.do` reads an image. Raises InputError where it is not to be looked at."""
    from pathlib import Path

    from obftnet.imaging.encoded import Encoded
    from obftnet.segmentation.queries import is_support

    digest = hashlib.sha256(asked.data).hexdigest()
    aside = pack.guided.aside_of(Path(asked.name), digest)
    if aside is not None:
        raise InputError(aside.reason)
    picture = pack.segmenter.read(Encoded(asked.name, asked.data))
    support = pack.segmenter.saw(picture)
    if support is not None:
        raise InputError(is_support(Path(asked.name), Path(support)))
    return picture


def _found(pack: _Loaded, asked: Asked, prediction: "Prediction", said: Sequence[str]) -> dict[str, Any]:
    """What `answers.Found` says, but for the times."""
    from obftnet.imaging.write import png_bytes, score_bytes
    from obftnet.packs.content import DecisionEntry
    from obftnet.regions import mask_runs
    from obftnet.regions.coco import compressed
    from obftnet.segmentation.judged import judge_prediction

    guided = pack.guided
    judged = judge_prediction(prediction, pack.decision, guided.kinds)
    mask, height, width = judged.mask, *judged.mask.shape
    shown: dict[str, Any] | None = None
    if asked.mask == "png":
        shown = {"form": "png", "data": base64.b64encode(png_bytes(mask)).decode()}
    elif asked.mask == "rle":
        shown = {"form": "rle", "size": (height, width), "counts": compressed(mask_runs(mask))}
    score = None
    if asked.score:
        score = {"form": "tiff", "data": base64.b64encode(score_bytes(prediction.score)).decode()}
    scale = guided.scale
    regions = []
    for region in judged.regions:
        one = {name: value for name, value in vars(region).items() if name != "runs"}
        if scale is not None:
            one |= {"area_mm2": region.area / scale**2}
            one |= {"length_mm": region.length / scale, "width_mm": region.width / scale}
        regions.append(one)
    return {
        "verdict": judged.verdict.value,
        "image_score": judged.image_score,
        "decision": DecisionEntry.of(guided.decision),
        "scale": scale,
        "defect_area": float(mask.mean()),
        "max_score": float(prediction.score.max()),
        "kinds": list(prediction.kinds),
        "regions": regions,
        "mask": shown,
        "score": score,
        "image": {"sha256": hashlib.sha256(asked.data).hexdigest(), "width": width, "height": height},
        "warnings": [*pack.warnings, *said],
    }


def work(connection: Connection, weights: str | None, device: str, threads: int | None, workers: int) -> None:
    """The process's life: "" is said once it can be asked, or why it cannot; then each message is answered.

    Args:
        connection: to who asks.
        weights: as `Segmenter.load`; device, too.
        threads: to compute with; None for an equal part of those that PyTorch takes.
        workers: how many processes share these.
    """
    end_with_parent()
    import torch

    # All that an answer needs, so that the first does not wait for it.
    from obftnet.segmenter import resolve_device

    torch.set_num_threads(threads or max(1, torch.get_num_threads() // workers))
    try:
        resolve_device(device)
    except InputError as error:
        connection.send(str(error))
        return
    connection.send("")
    desk = Desk(weights, device)
    while True:
        try:
            message = connection.recv()
        except EOFError:
            return
        try:
            answer = desk.answer(message)
        except Exception:
            answer = Broken(traceback.format_exc())
        connection.send(answer)
