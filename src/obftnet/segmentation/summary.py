"""What a job says at its end."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from obftnet.decision import Verdict
from obftnet.segmentation.record import Entry


@dataclass(frozen=True)
class Summary:
    """What a job did.

    Attributes:
        done: images segmented by this run.
        decided: images whose scores were kept and whose masks this run decided anew.
        kept: images that an earlier run had already finished by the same settings.
        passed: how many of all show nothing, by the decision; review, failed: how many a person should look
            at, and how many show a defect.
        seconds: mean over the images that were segmented, reading and predicting; 0 where there were none.
        refused: one line for each file that is or may be an image and was not looked at.
        left_out: one line for each file that needs no look, such as an annotation.
        plan: how images are looked at, where that was left open.
        out: the folder of the results.
    """

    done: int
    decided: int
    kept: int
    passed: int
    review: int
    failed: int
    seconds: float
    refused: tuple[str, ...]
    left_out: tuple[str, ...]
    plan: str | None
    out: Path

    @classmethod
    def of(
        cls,
        entries: Iterable[Entry],
        out: Path,
        *,
        done: Iterable[Entry] = (),
        decided: int,
        kept: int,
        refused: Iterable[str],
        left_out: Iterable[str] = (),
        plan: str | None = None,
    ) -> Self:
        """Count the verdicts of all entries, and the seconds of those that were segmented."""
        verdicts = [entry.verdict for entry in entries]
        seconds = [entry.seconds for entry in done]
        return cls(
            done=len(seconds),
            decided=decided,
            kept=kept,
            passed=verdicts.count(Verdict.PASS),
            review=verdicts.count(Verdict.REVIEW),
            failed=verdicts.count(Verdict.FAIL),
            seconds=sum(seconds) / max(1, len(seconds)),
            refused=tuple(refused),
            left_out=tuple(left_out),
            plan=plan,
            out=out,
        )
