"""From a folder of results to one file that a person reads, keeps and signs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from obftnet.decision import Verdict
from obftnet.errors import InputError
from obftnet.files import alone_in, atomic, check_output
from obftnet.reporting.confusion import Judged
from obftnet.reporting.groups import group
from obftnet.reporting.page import MARK, render
from obftnet.reporting.pictures import draw_pictures
from obftnet.reporting.results import read_results
from obftnet.reporting.truth import read_truth
from obftnet.segmentation.record import NAME

#: Of a file's beginning, bytes in which a report says that it is one.
_HEAD = 400


@dataclass(frozen=True)
class Reported:
    """What a report holds.

    Attributes:
        verdicts: how many images have each.
        refused: files that may be images and were not inspected. left_out: files that need no look.
        unfinished: whether the job was stopped before it had seen all images.
        judged: the verdicts against the truth; None without one.
        undrawn: images without a picture, because the file stays small.
        out: the report. bytes: its size.
    """

    verdicts: dict[Verdict, int]
    refused: int
    left_out: int
    unfinished: bool
    judged: Judged | None
    undrawn: int
    out: Path
    bytes: int


@alone_in("out", file=True)
def write_report(
    results: str | Path,
    out: str | Path,
    *,
    truth: str | Path | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Reported:
    """Write a report of a folder of results as one HTML file that needs no other and no network.

    Args:
        results: folder, as `segment_files` wrote it.
        out: the file; an earlier report there is replaced, and nothing else is.
        truth: folder with the truth of the images, as `read_truth` takes it.
        progress: called with (done, all, name of the image) before each image, first of those whose files are
            checked, then of those that are drawn.

    Raises:
        InputError: as `read_results` and `read_truth`; `out` cannot be written, or is no report of ours.
    """
    out = Path(out)
    check_report(out, results)
    found = read_results(results, progress)
    judged = None
    if truth is not None:
        entries = [item.entry for item in found.items]
        judged = Judged.of(found, read_truth(truth, entries, found.folder))
    labels = {} if judged is None else judged.truth.labels
    elsewhere = frozenset() if judged is None else judged.elsewhere
    groups = group(found.items, found.decision, labels, elsewhere)
    pictures = draw_pictures(found, groups, labels, progress)
    text = render(found, groups, pictures, judged, datetime.now(UTC).astimezone())
    content = text.encode("utf-8", "backslashreplace")
    with atomic(out) as temporary:
        temporary.write_bytes(content)
    verdicts = [item.verdict for item in found.items]
    return Reported(
        verdicts={verdict: verdicts.count(verdict) for verdict in Verdict},
        refused=len(found.record.refused),
        left_out=len(found.record.left_out),
        unfinished=found.unfinished,
        judged=judged,
        undrawn=pictures.undrawn,
        out=out,
        bytes=len(content),
    )


def check_report(out: Path, results: str | Path) -> None:
    """Find out before the work whether a report may be written.

    Raises:
        InputError: another ending than .html; a file in the place that is no report of ours; or nothing can
            be written there.
    """
    check_output(out, [Path(results) / NAME])
    if out.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{out}: a page is written, and its name says another kind; name it .html")
    try:
        with out.open("rb") as file:
            head = file.read(_HEAD)
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"{out}: cannot be read ({error.strerror or error}); name another file") from error
    if f'<meta name="generator" content="{MARK} '.encode() not in head:
        raise InputError(
            f"{out}: not a report that obftnet wrote, and would be overwritten; name another file"
        )
