"""The fitted guidance as plain arrays and back: to the bit what `OBFTNet.guide` made, or refused.

A column of the guidance is a position of its maps, so that of the columns only the places are kept, and the
views, which are positions of no map.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from obftnet.guidance.columns import DEFECT, VIEWS, Columns
from obftnet.guidance.guidance import Guidance
from obftnet.model import OBFTNet

#: How far from 1 the length of a feature may be by rounding.
_ROUNDING = 1e-3


class UnfitError(ValueError):
    """Arrays that are no guidance of a model; the text says which."""


def arrays_of(guidance: Guidance) -> dict[str, NDArray[Any]]:
    """A guidance as arrays by name, float32, bool and int64."""
    found: dict[str, Tensor] = {}
    for name in ("supports", "defect", "backgrounds", "usable", "ignored"):
        found |= {f"{name}/{tap}": maps for tap, maps in enumerate(getattr(guidance, name))}
    found |= _of_columns("columns", guidance.columns)
    if guidance.readout is not None:
        found["readout"] = guidance.readout
    for index, alone in enumerate(guidance.each_shot):
        found |= _of_columns(f"shot/{index}", alone.columns)
    return {name: np.ascontiguousarray(value.detach().cpu().numpy()) for name, value in found.items()}


def guidance_of(
    arrays: Mapping[str, NDArray[Any]],
    model: OBFTNet,
    kinds: Sequence[str],
    backgrounds: int,
    device: torch.device,
) -> Guidance:
    """The guidance that some arrays are.

    Args:
        arrays: as `arrays_of` gave them.
        model: that the guidance is for.
        kinds: of each part of a support that it holds, the kind of its defect.
        backgrounds: how many parts of backgrounds it holds.
        device: of its tensors.

    Raises:
        UnfitError: an array is missing or too many, of another dtype or shape than the model has, or holds
            what no guidance does.
    """
    reader = _Reader(dict(arrays), device)
    supports = len(kinds)
    taps = model.backbone.spec.taps
    maps: dict[str, list[Tensor]] = {name: [] for name in ("supports", "defect", "backgrounds", "usable")}
    for index, tap in enumerate(taps):
        grid = _grid(reader.left.get(f"supports/{index}"), model.size, tap.stride)
        for name, images, mask in (
            ("supports", supports, "defect"),
            ("backgrounds", backgrounds, "usable"),
        ):
            unit = reader.take(f"{name}/{index}", torch.float32, (images, tap.channels, *grid))
            _check_unit(unit, f"{name}/{index}")
            maps[name].append(unit)
            maps[mask].append(reader.take(f"{mask}/{index}", torch.bool, (images, *grid)))
    ignored: tuple[Tensor, ...] = ()
    if "ignored/0" in reader.left:
        ignored = tuple(
            reader.take(f"ignored/{index}", torch.bool, tuple(cells.shape))
            for index, cells in enumerate(maps["defect"])
        )
    guidance = Guidance(
        tuple(maps["supports"]),
        tuple(maps["defect"]),
        tuple(maps["backgrounds"]),
        tuple(maps["usable"]),
        ignored=ignored,
        kinds=tuple(kinds),
    )
    if model.config.reader == "cues":
        if model.config.shots_rule == "vote" and supports > 1:
            alone = [guidance.shot(index) for index in range(supports)]
            shots = [
                replace(one, columns=_columns(reader, f"shot/{index}", one, len(taps)))
                for index, one in enumerate(alone)
            ]
            guidance = replace(guidance, each_shot=tuple(shots))
        guidance = replace(guidance, columns=_columns(reader, "columns", guidance, len(taps)))
        if "readout" in reader.left:
            values = len(model.trained_readout)
            guidance = replace(guidance, readout=reader.take("readout", torch.float32, (values,)))
    elif model.config.shots_rule == "vote" and supports > 1:
        alone = [guidance.shot(index) for index in range(supports)]
        guidance = replace(guidance, each_shot=tuple(alone))
    if reader.left:
        raise UnfitError(f"{min(reader.left)} is of no guidance of this model")
    return guidance


class _Reader:
    """Takes arrays one by one, each checked."""

    def __init__(self, arrays: dict[str, NDArray[Any]], device: torch.device) -> None:
        self.left = arrays
        self._device = device

    def take(self, name: str, dtype: torch.dtype, shape: tuple[int | None, ...]) -> Tensor:
        """A tensor of its own memory; a side of None may be of any length."""
        value = self.left.pop(name, None)
        if value is None:
            raise UnfitError(f"{name} is missing")
        # A copy, because where memory begins may change how a sum is taken, and so its last bit.
        found = torch.from_numpy(value).clone()
        if (
            found.dtype != dtype
            or found.ndim != len(shape)
            or any(want not in (None, have) for want, have in zip(shape, found.shape, strict=True))
        ):
            raise UnfitError(
                f"{name} is {found.dtype} of shape {tuple(found.shape)}; {dtype} of {shape} is wanted"
            )
        if dtype.is_floating_point and not bool(found.isfinite().all()):
            raise UnfitError(f"{name} has values that are NaN or infinite")
        return found.to(self._device)


def _of_columns(name: str, columns: tuple[Columns, ...]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for tap, one in enumerate(columns):
        found |= {
            f"{name}/{tap}/counts": torch.tensor(one.counts, dtype=torch.int64),
            f"{name}/{tap}/defects": torch.tensor(one.defects, dtype=torch.int64),
            f"{name}/{tap}/place": one.place,
            f"{name}/{tap}/weight": one.weight,
            f"{name}/{tap}/views": one.matrix[:, one.plain.stop :],
        }
    return found


def _columns(reader: _Reader, name: str, guidance: Guidance, taps: int) -> tuple[Columns, ...]:
    return tuple(_one(reader, f"{name}/{tap}", guidance, tap) for tap in range(taps))


def _one(reader: _Reader, name: str, guidance: Guidance, tap: int) -> Columns:
    support = guidance.supports[tap].transpose(0, 1).flatten(1)
    background = guidance.backgrounds[tap].transpose(0, 1).flatten(1)
    counts = reader.take(f"{name}/counts", torch.int64, (4,)).tolist()
    views = reader.take(f"{name}/views", torch.float32, (len(support), None))
    total = int(views.shape[1]) + support.shape[1] + background.shape[1]
    if not all(0 <= count <= total for count in counts) or counts[VIEWS] != views.shape[1] or not sum(counts):
        raise UnfitError(f"{name}/counts are {counts}")
    _check_unit(views.mT, f"{name}/views", axis=-1)
    names = guidance.names
    defects = reader.take(f"{name}/defects", torch.int64, (len(names), 2)).tolist()
    own, seen = ([pair[at] for pair in defects] for at in range(2))
    if min(map(min, defects)) < 0 or (sum(own), sum(seen)) != (counts[DEFECT], counts[VIEWS]):
        raise UnfitError(f"{name}/defects are {defects}")
    weight = reader.take(f"{name}/weight", torch.float32, (sum(counts),))
    if not bool((weight > 0).all()):
        raise UnfitError(f"{name}/weight has values that are not above 0")
    place = reader.take(f"{name}/place", torch.int64, (sum(counts),))
    defect, rest, good, _ = torch.split(place, counts)
    cells = guidance.defect[tap]
    of_kind = torch.tensor([names.index(kind) for kind in guidance.kinds], device=cells.device)
    sound = ~(cells | guidance.ignored[tap]) if guidance.ignored else ~cells
    for places, of in (
        *((x, cells & (of_kind == i)[:, None, None]) for i, x in enumerate(torch.split(defect, own))),
        (rest, sound),
        (good, guidance.usable[tap]),
    ):
        inside = bool(((places >= 0) & (places < of.numel())).all())
        if not inside or not bool(of.flatten()[places].all()):
            raise UnfitError(f"{name}/place names positions that are not what they are taken for")
    matrix = torch.cat([support[:, defect], support[:, rest], background[:, good], views], 1).contiguous()
    kinds = tuple((one, other) for one, other in defects)
    return Columns(matrix, (counts[0], counts[1], counts[2], counts[3]), weight, place, kinds)


def _grid(maps: NDArray[Any] | None, size: int, stride: int) -> tuple[int, int]:
    """(h, w) of a tap: of the input's sides over its stride, rounded as the backbone does."""
    sides = {size // stride, -(-size // stride)}
    if maps is None or maps.ndim != 4 or maps.shape[2] not in sides or maps.shape[3] != maps.shape[2]:
        raise UnfitError(f"maps of stride {stride} are not of the model's {size} x {size} input")
    return maps.shape[2], maps.shape[3]


def _check_unit(features: Tensor, name: str, axis: int = 1) -> None:
    lengths = features.norm(dim=axis)
    if not bool((((lengths - 1).abs() < _ROUNDING) | (lengths == 0)).all()):
        raise UnfitError(f"{name} holds features that are not of length 1")
