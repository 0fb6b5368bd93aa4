"""A model and its guidance as one graph of fixed shapes, from the network's input to scores.

It is `OBFTNet.kind_scores` with the guidance inside. What takes another form there: all positions are scanned
at once instead of in blocks, and a query's own confident positions, as many as it happens to have, are all
positions of the query, of which a mask says which count. Only the number of queries is free.
"""

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from obftnet.errors import InputError
from obftnet.guidance.columns import KINDS, Columns
from obftnet.guidance.guidance import Guidance
from obftnet.guidance.self_support import CERTAIN_DEFECT, CERTAIN_SOUND, SURE
from obftnet.model import OBFTNet
from obftnet.relation.change import TEMPERATURE
from obftnet.relation.cues import CUES, Evidence
from obftnet.relation.relation import Relation
from obftnet.relation.scan import Scan
from obftnet.relation.self_similarity import neighbourhoods

#: Cosines are 1 at most, so that sums of exp((cosine - 1) / epsilon) need no other largest taken out; from
#: this epsilon on the least of them, e^-80, is a float32, too.
LEAST_EPSILON = 0.025

#: Similarities of a query that are in memory at a time.
_BLOCK = 1 << 22


#: Largest similarity and mass of the columns of a kind, (n,) each; None where there are none of it.
_Row: TypeAlias = tuple[Tensor, Tensor] | None
#: One of each of `guidance.columns.KINDS`.
_Rows: TypeAlias = tuple[_Row, ...]


class ScoreGraph(nn.Module):
    """Images (b, 3, S, S) float32 RGB in 0..1 -> scores (b, kinds, S, S) float32 in 0..1.

    S is the model's input size. The features of the guidance are buffers.
    """

    readout: Tensor | None

    def __init__(self, model: OBFTNet, guidance: Guidance) -> None:
        """Raises InputError: a model that reads what has no fixed shape (`check_exportable`)."""
        super().__init__()
        check_exportable(model)
        self.model = model.eval()
        self.kinds = len(guidance.names)
        self.register_buffer("readout", guidance.readout)
        residual = [sum(model.levels[: level + 1]) - 1 for level in range(model.changes)]
        side = model.size
        with torch.no_grad():
            seen = model.extract(torch.zeros(1, 3, side, side, device=guidance.supports[0].device))
        self.taps = nn.ModuleList(
            _Tap(model, one, (unit.shape[-2], unit.shape[-1]), residual=tap in residual)
            for tap, (one, unit) in enumerate(zip(guidance.columns, seen.taps, strict=True))
        )

    def forward(self, image: Tensor) -> Tensor:
        """As the class says."""
        query = self.model.extract(image)
        early = None
        if query.early is not None:
            early = query.early if self.kinds == 1 else query.early.repeat_interleave(self.kinds, 0)
        seen = [tap.seen(unit) for tap, unit in zip(self._each, query.taps, strict=True)]
        first, presence = self._judge(seen, [one.scans for one in seen], early)
        shown = first
        if self.readout is not None:
            shown, _ = self._judge(seen, [one.scans for one in seen], early, self.readout)
        if not self.model.looks_twice:
            return _scaled(shown, presence)
        scans = []
        for tap, one, unit in zip(self._each, seen, query.taps, strict=True):
            own = tap.own(unit, first)
            scans.append(
                tuple(
                    tuple(
                        _joined(guided, mine, tap.algorithm.epsilon)
                        for guided, mine in zip(*rows, strict=True)
                    )
                    for rows in zip(one.scans, own, strict=True)
                )
            )
        second, again = self._judge(seen, scans, early, self.readout)
        if presence is None:
            return second
        return torch.where(presence < SURE, _scaled(shown, presence), _scaled(second, again))

    @property
    def _each(self) -> "list[_Tap]":
        return list(self.taps)  # type: ignore[arg-type]

    def _judge(
        self,
        seen: "Sequence[_Seen]",
        scans: Sequence[Sequence[_Rows]],
        early: Tensor | None,
        readout: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """As `OBFTNet.judge`, by the scans of each tap, one a kind of defect: (b, kinds, S, S), and
        (b, kinds, 1, 1)."""
        maps = [tap.cues(one, of) for tap, one, of in zip(self._each, seen, scans, strict=True)]
        levels, at = [], 0
        for count in self.model.levels:
            levels.append(torch.cat(maps[at : at + count], 1))
            at += count
        change = tuple(one.residual for one in seen if one.residual is not None)
        if self.kinds > 1:
            change = tuple(x.repeat_interleave(self.kinds, 0) for x in change)
        side = self.model.size
        relation = Relation(tuple(levels), early, change=change)
        score, presence = self.model.judge(relation, (side, side), readout)
        if presence is not None:
            presence = presence.reshape(-1, self.kinds, 1, 1)
        return score.reshape(-1, self.kinds, side, side), presence


def _scaled(score: Tensor, presence: Tensor | None) -> Tensor:
    return score if presence is None else score * presence


class _Scan(Scan):
    """A scan whose rows are apart, never cut out of one tensor again: half the nodes were that."""

    @classmethod
    def of_rows(cls, rows: "_Rows", like: Tensor, epsilon: float) -> "_Scan":
        """Of four rows."""
        none = (torch.full_like(like, -torch.inf), torch.zeros_like(like)) if None in rows else None
        largest, mass = zip(*(none if row is None else row for row in rows), strict=True)
        return cls(largest, largest, mass, epsilon)

    def share(self, part: Sequence[int], whole: Sequence[int]) -> Tensor:
        """As `Scan.share`."""
        shift = reduce(torch.maximum, [self.largest[kind] for kind in whole])
        masses = {
            kind: self.mass[kind] * ((self.largest[kind] - shift) / self.epsilon).exp() for kind in whole
        }
        of_part, of_whole = (reduce(torch.add, [masses[kind] for kind in kinds]) for kinds in (part, whole))
        return of_part / of_whole


def _joined(one: "_Row", other: "_Row", epsilon: float) -> "_Row":
    """As `Scan.joined`, of a row; the other's largest may be -inf."""
    if one is None or other is None:
        return one or other
    largest = torch.maximum(one[0], other[0])
    masses = [mass * ((best - largest) / epsilon).exp() for best, mass in (one, other)]
    return largest, masses[0] + masses[1]


class _Seen(NamedTuple):
    """Of b queries at one tap, b * M positions.

    scans: of the guidance, the four rows for each kind of defect. similar: (b * M,) as `Evidence`.
    residual: (b, c, h, w).
    """

    scans: tuple[_Rows, ...]
    similar: Tensor | None
    residual: Tensor | None


class _Tap(nn.Module):
    """One tap's guidance."""

    near_rows: Tensor
    near_columns: Tensor

    def __init__(self, model: OBFTNet, columns: Columns, grid: tuple[int, int], *, residual: bool) -> None:
        super().__init__()
        assert model.config.reader == "cues"
        self.letters, self.algorithm = model.config.cues, model.config.algorithm
        self.alone = not all(CUES[letter].guided for letter in self.letters)
        self.columns, self.grid, self.residual = columns, grid, residual
        self.kinds, self.side = len(columns.defects), model.size
        # Positions that are related at a time: whole rows of the map.
        widest = max(grid[0] * grid[1], *(part.stop - part.start for part in columns.segments()))
        lines = max(1, _BLOCK // (widest * grid[1]))
        self.strips = [
            slice(top * grid[1], min(top + lines, grid[0]) * grid[1]) for top in range(0, grid[0], lines)
        ]
        for index, part in enumerate(columns.segments()):
            self.register_buffer(f"matrix_{index}", columns.matrix[:, part].contiguous())
            self.register_buffer(f"weight_{index}", columns.weight[part].contiguous())
        near_rows, near_columns = neighbourhoods(*grid, columns.matrix.device)
        self.register_buffer("near_rows", near_rows)
        self.register_buffer("near_columns", near_columns)

    def seen(self, unit: Tensor) -> _Seen:
        """What the cues are read off, of the guidance alone: unit features (b, c, h, w)."""
        passed = [self._passed(unit, index) for index in range(2 * self.kinds + 2)]
        similar = self._self_similarity(unit) if self.alone else None
        residual = self._residual(unit) if self.residual else None
        return _Seen(self._of_kinds(passed), similar, residual)

    def cues(self, seen: _Seen, scans: Sequence[_Rows]) -> Tensor:
        """The cues of each query and kind, by the rows of each kind: (b * kinds, letters, h, w)."""
        height, width = self.grid
        found = []
        for rows in scans:
            like = next(row[0] for row in rows if row is not None)
            scan = _Scan.of_rows(rows, like, self.algorithm.epsilon)
            # Cues that are streamed read neither the features nor the columns.
            evidence = Evidence(scan.largest, self.columns, scan, seen.similar, self.algorithm, scan)
            values = torch.stack([CUES[letter].read(evidence) for letter in self.letters])
            found.append(values.reshape(len(self.letters), -1, height, width).transpose(0, 1))
        return found[0] if self.kinds == 1 else torch.stack(found, 1).flatten(0, 1)

    def own(self, unit: Tensor, first: Tensor) -> tuple[_Rows, ...]:
        """Rows for each kind of the queries' own confident positions (`guidance.self_support`), by a first
        look's scores (b, kinds, S, S)."""
        defects = _pooled(first, self.grid) > CERTAIN_DEFECT
        highest = _largest(first.amax(1, keepdim=True), self.grid)
        sound = F.max_pool2d(highest, 3, stride=1, padding=1) < CERTAIN_SOUND
        certain = torch.cat([defects, sound], 1).flatten(2)  # (b, kinds + 1, M)
        counted, epsilon = certain.float().mT, self.algorithm.epsilon
        rows = unit.flatten(2)
        left = rows.mT / epsilon
        parts: list[list[Tensor]] = []
        for part in self.strips:
            similarity = left[:, part] @ rows
            best = [
                torch.where(certain[:, index, None], similarity, -torch.inf).amax(-1)
                for index in range(self.kinds + 1)
            ]
            # (b, m, kinds + 1)
            parts.append([*best, (similarity - 1 / epsilon).exp() @ counted])
        *largest, mass = (torch.cat(x, 1).flatten(0, 1) for x in zip(*parts, strict=True))
        found: list[_Row] = []
        for index, best_of in enumerate(largest):
            shift = (1 / epsilon - best_of.clamp(min=-1 / epsilon)).exp()
            found.append((best_of * epsilon, mass[:, index] * shift))
        return tuple((one, None, found[-1], None) for one in found[:-1])

    def _passed(self, unit: Tensor, index: int) -> _Row:
        """Largest similarity of the positions to a segment's columns, and the mass on them: (b * M,) each."""
        matrix, weight = getattr(self, f"matrix_{index}"), getattr(self, f"weight_{index}")
        if not matrix.shape[1]:
            return None
        rows = unit.flatten(2).mT / self.algorithm.epsilon
        parts = []
        for part in self.strips:
            similarity = rows[:, part] @ matrix
            largest = similarity.amax(-1, keepdim=True)
            parts.append((largest[..., 0], (similarity - largest).exp() @ weight))
        largest, mass = (torch.cat(x, 1).flatten() for x in zip(*parts, strict=True))
        return largest * self.algorithm.epsilon, mass

    def _of_kinds(self, passed: Sequence[_Row]) -> tuple[_Rows, ...]:
        count = self.kinds
        assert len(passed) == 2 * count + 2
        shared = passed[count : count + 2]
        found: tuple[_Rows, ...] = tuple((passed[i], *shared, passed[count + 2 + i]) for i in range(count))
        assert all(len(rows) == len(KINDS) for rows in found)
        return found

    def _self_similarity(self, unit: Tensor) -> Tensor:
        """As `relation.self_similarity`: (b * M,)."""
        height, width = self.grid
        rows = unit.flatten(2)
        found = []
        for part in self.strips:
            similarity = rows[..., part].mT @ rows
            if height * width > 1:
                lines = slice(part.start // width, part.stop // width)
                near = self.near_rows[lines, None, :, None] & self.near_columns[None, :, None, :]
                apart = similarity.reshape(-1, lines.stop - lines.start, width, height, width)
                # Below every cosine.
                similarity = torch.where(near, -2.0, apart).flatten(3, 4).flatten(1, 2)
            found.append(similarity.amax(-1))
        return torch.cat(found, 1).flatten()

    def _residual(self, unit: Tensor) -> Tensor:
        """As `relation.change.residual_of`: (b, c, h, w)."""
        good = (self.kinds, self.kinds + 1)
        matrix = torch.cat([getattr(self, f"matrix_{index}") for index in good], 1)
        weight = torch.cat([getattr(self, f"weight_{index}") for index in good])
        rows = _rows(unit)
        attention = ((rows @ matrix) / TEMPERATURE + weight.log()).softmax(1)
        aligned = (attention @ matrix.mT).reshape(-1, self.grid[0] * self.grid[1], len(matrix))
        return (unit - aligned.mT.reshape(-1, len(matrix), *self.grid)).abs()


def check_exportable(model: OBFTNet) -> None:
    """Raises InputError for a model that reads what cannot be brought into a graph of fixed shapes."""
    config = model.config
    if config.reader != "cues":
        raise InputError(
            f"weights of the reader {config.reader}: only those of the reader cues can be exported"
        )
    settled = [letter for letter in config.cues if not CUES[letter].streamed]
    if settled:
        raise InputError(
            f"weights of the cues {config.cues}: {', '.join(settled)} solve a transport for each query, and "
            "cannot be exported; take weights without them"
        )
    if config.shots_rule == "vote":
        raise InputError("weights that vote over the supports cannot be exported; take joint ones")
    if config.epsilon < LEAST_EPSILON:
        raise InputError(
            f"weights with epsilon {config.epsilon:g}: from {LEAST_EPSILON} on they can be exported"
        )


def _rows(unit: Tensor) -> Tensor:
    """(b, c, h, w) -> (b * h * w, c)."""
    return unit.flatten(2).mT.flatten(0, 1)


def _windows(length: int, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Adaptive pooling's windows of an axis: (size, n) places, of which the last are twins where a window
    has fewer than n; (size, n) float32, the share of each in a mean."""
    starts = [index * length // size for index in range(size)]
    ends = [-(-(index + 1) * length // size) for index in range(size)]
    longest = max(end - start for start, end in zip(starts, ends, strict=True))
    places = torch.tensor(
        [[min(s + i, e - 1) for i in range(longest)] for s, e in zip(starts, ends, strict=True)]
    )
    share = torch.tensor(
        [[float(i < e - s) / (e - s) for i in range(longest)] for s, e in zip(starts, ends, strict=True)]
    )
    return places.to(device), share.to(device)


def _pooled(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """`adaptive_avg_pool2d`, whose export is silently wrong where windows differ: (b, k, H, W) ->
    (b, k, h, w)."""
    for axis, count in ((-1, size[1]), (-2, size[0])):
        places, share = _windows(maps.shape[axis], count, maps.device)
        lines = maps.movedim(axis, -1)[..., places.flatten()]
        taken = lines.reshape(*lines.shape[:-1], count, -1)
        maps = (taken * share).sum(-1).movedim(-1, axis)
    return maps


def _largest(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """`adaptive_max_pool2d`, which has no export where windows differ."""
    for axis, count in ((-1, size[1]), (-2, size[0])):
        places, _ = _windows(maps.shape[axis], count, maps.device)
        lines = maps.movedim(axis, -1)[..., places.flatten()]
        taken = lines.reshape(*lines.shape[:-1], count, -1)
        maps = taken.amax(-1).movedim(-1, axis)
    return maps
