"""What one pass over a query's similarities with guidance leaves; passes over different columns add up."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Scan:
    """Of M query positions and some columns.

    largest: (4, M) float32, the largest cosine with the defect's columns, with the rest of the supports',
        with the good ones and with the turned ones; -inf where there are none, and where no cue asked for it.
    masses: (3, M) float32, the sums of exp(cosine / epsilon) over the defect's columns, over all but the
        turned ones, and over the turned ones; 0 likewise.
    own: (M,) cue u, the largest cosine with the query's own distant positions; None where not taken. No
        column changes it.
    """

    largest: Tensor
    masses: Tensor
    own: Tensor | None = None

    def joined(self, other: "Scan") -> "Scan":
        """Of the same positions, and the columns of both."""
        own = other.own if self.own is None else self.own
        return Scan(torch.maximum(self.largest, other.largest), self.masses + other.masses, own)

    def cue(self, letter: str) -> Tensor:
        """(M,) one of the cues a, b, n, s, t, m, as `relation.statistics` says what each is.

        Without a column of the defect a is 0, without a turned one t; without one of the rest n is b.
        """
        defect, rest, good, turned = self.largest.unbind()
        marked, whole, views = self.masses.unbind()
        match letter:
            case "a":
                return _or_zero(defect)
            case "b":
                return good
            case "n":
                return torch.where(rest.isneginf(), good, rest)
            case "t":
                return _or_zero(turned)
            case "s":
                return marked / whole
            case "m":
                return (marked + views) / (whole + views)
        raise ValueError(f"cue {letter!r}: a pass over similarities gives a, b, n, s, t and m")


def _or_zero(largest: Tensor) -> Tensor:
    return largest.masked_fill(largest.isneginf(), 0)
