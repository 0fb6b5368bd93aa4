"""Verdicts against the truth: how often each is given to good and to defective images, and how surely."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from obftnet.decision import Verdict
from obftnet.reporting.results import Results
from obftnet.reporting.truth import Truth

#: Of every interval in a report.
LEVEL = 0.95


@dataclass(frozen=True)
class Rate:
    """A share with the interval that holds the true one at `LEVEL` (Clopper and Pearson 1934).

    >>> rate = Rate(0, 30)
    >>> rate.share, [round(end, 3) for end in rate.interval]
    (0.0, [0.0, 0.116])
    """

    count: int
    of: int

    @property
    def share(self) -> float:
        """In 0..1; 0 of none."""
        return self.count / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Its lower and upper end, 0..1; all of that of none."""
        from scipy.special import betaincinv  # slow to import, and a report without truth needs none

        tail = (1 - LEVEL) / 2
        low = betaincinv(self.count, self.of - self.count + 1, tail) if self.count else 0.0
        high = betaincinv(self.count + 1, self.of - self.count, 1 - tail) if self.count < self.of else 1.0
        return float(low), float(high)


@dataclass(frozen=True)
class Row:
    """The verdicts of images of one truth."""

    passed: int = 0
    review: int = 0
    failed: int = 0

    @classmethod
    def of(cls, verdicts: Iterable[Verdict]) -> "Row":
        """Count verdicts."""
        found = list(verdicts)
        return cls(*(found.count(verdict) for verdict in (Verdict.PASS, Verdict.REVIEW, Verdict.FAIL)))

    @property
    def total(self) -> int:
        """All images of this truth."""
        return self.passed + self.review + self.failed

    @property
    def fails(self) -> Rate:
        """The share that fails: the recall of defective images, the false alarms of good ones."""
        return Rate(self.failed, self.total)

    @property
    def held(self) -> Rate:
        """The share that does not pass: fails, or is for a person to look at."""
        return Rate(self.failed + self.review, self.total)


@dataclass(frozen=True)
class Judged:
    """What the truth says of the verdicts.

    good, defective: their verdicts. kinds: of the defective, by kind. touched: of those that fail, are
    annotated and whose marks are known, how many have a mark on the defect. elsewhere: results of the others.
    """

    truth: Truth
    good: Row
    defective: Row
    kinds: Mapping[str, Row]
    touched: Rate
    elsewhere: frozenset[str]

    @classmethod
    def of(cls, results: Results, truth: Truth) -> "Judged":
        """Hold results against the truth. Raises InputError: a mask or an annotation cannot be read."""
        known = [(item, truth.labels[item.result]) for item in results.items if item.result in truth.labels]
        defective = [(item, label) for item, label in known if label.defective]
        kinds = sorted({label.kind for _, label in defective if label.kind})
        touched, elsewhere = 0, set()
        for item, label in defective:
            where = label.load(item.entry) if item.verdict == Verdict.FAIL else None
            mask = None if where is None else results.mask(item)
            if where is None or mask is None:
                continue
            if (mask & where).any():
                touched += 1
            else:
                elsewhere.add(item.result)
        return cls(
            truth=truth,
            good=Row.of(item.verdict for item, label in known if not label.defective),
            defective=Row.of(item.verdict for item, _ in defective),
            kinds={kind: Row.of(i.verdict for i, label in defective if label.kind == kind) for kind in kinds},
            touched=Rate(touched, touched + len(elsewhere)),
            elsewhere=frozenset(elsewhere),
        )
