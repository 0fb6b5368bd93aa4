"""Which images a person should see first."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from obftnet.decision import Decision, Verdict
from obftnet.reporting.item import Item
from obftnet.reporting.truth import Label

Name: TypeAlias = Literal["misses", "elsewhere", "false_alarms", "worst", "borderline"]

#: Most images of a group that are shown.
MOST: Mapping[Name, int] = {
    "misses": 48,
    "elsewhere": 24,
    "false_alarms": 48,
    "worst": 36,
    "borderline": 36,
}
#: Of the borderline where no image is for review.
_NEAREST = 12


@dataclass(frozen=True)
class Group:
    """Images that belong together. shown: what matters most first. total: how many there are."""

    name: Name
    shown: list[Item]
    total: int


def group(
    items: Sequence[Item],
    decision: Decision,
    labels: Mapping[str, Label],
    elsewhere: frozenset[str] = frozenset(),
) -> list[Group]:
    """The groups that are not empty; an image is shown in the first that it belongs to alone.

    misses: defective and passed, the lowest score first. elsewhere: defective and failed, and no mark touches
    the annotated defect. false_alarms: good and failed, the highest score first. worst: failed, likewise.
    borderline: for review, or where nothing is, any; the nearest to the threshold first.

    Args:
        items: all images.
        decision: of their verdicts.
        labels: their truth, by result.
        elsewhere: results of which no mark touches the annotated defect.
    """
    by_score = sorted(items, key=lambda item: (-item.score, item.number))
    near = sorted(items, key=lambda item: (abs(item.score - decision.threshold), item.number))
    review = any(item.verdict == Verdict.REVIEW for item in items)

    def truth(item: Item, *, defective: bool) -> bool:
        label = labels.get(item.result)
        return label is not None and label.defective == defective

    rules: list[tuple[Name, Sequence[Item], Callable[[Item], bool]]] = [
        ("misses", by_score[::-1], lambda i: i.verdict == Verdict.PASS and truth(i, defective=True)),
        ("elsewhere", by_score, lambda i: i.verdict == Verdict.FAIL and i.result in elsewhere),
        ("false_alarms", by_score, lambda i: i.verdict == Verdict.FAIL and truth(i, defective=False)),
        ("worst", by_score, lambda i: i.verdict == Verdict.FAIL),
        ("borderline", near, lambda i: i.verdict == Verdict.REVIEW or not review),
    ]
    found, taken = [], set()
    for name, ordered, belongs in rules:
        members = [item for item in ordered if belongs(item) and item not in taken]
        shown = members[: _NEAREST if name == "borderline" and not review else MOST[name]]
        taken.update(shown)
        if shown:
            found.append(Group(name, shown, len(members)))
    return found
