"""What a report says, as the page's template takes it: texts, numbers and rows, nothing of how they look."""

import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import PIL
from markupsafe import Markup

from obftnet.decision import Decision, Verdict, judge
from obftnet.errors import printable
from obftnet.imaging.overlay import kind_color
from obftnet.reporting.axis import Axis
from obftnet.reporting.charts import WIDTH, histogram, order_chart
from obftnet.reporting.colors import color_of
from obftnet.reporting.confusion import Judged, Rate, Row
from obftnet.reporting.groups import Group
from obftnet.reporting.item import Item
from obftnet.reporting.pictures import Pictures
from obftnet.reporting.results import Results
from obftnet.segmentation import KINDS
from obftnet.segmentation.record import NAME, Reason, digits
from obftnet.version import __version__

#: Lines of what was not inspected that are seen at once.
_LINES = 20
#: Boxes of the scale of colours.
_BOXES = 95


@dataclass(frozen=True)
class View:
    """A report's content in the words of one language."""

    results: Results
    judged: Judged | None
    texts: Mapping[str, str]

    def _say(self, key: str, **values: Any) -> str:
        shown = {name: f"{value:,}" if isinstance(value, int) else value for name, value in values.items()}
        return self.texts[key].format(**shown)

    @cached_property
    def _axis(self) -> Axis:
        """Of all scores, in charts and in the scale of colours."""
        return Axis.of(self.results.decision, [item.score for item in self.results.items])

    @property
    def kinds(self) -> list[str]:
        """Kinds of defect by name, of those that have names."""
        return list(self.results.record.guidance.kinds)

    def tiles(self) -> list[dict[str, Any]]:
        """The verdicts, and what has none, each with its count."""
        total = len(self.results.items)
        tiles = []
        for verdict in Verdict:
            count = sum(item.verdict == verdict for item in self.results.items)
            about = self._say("of_images", share=_percent(count, total), total=total)
            tiles.append(
                {
                    "verdict": verdict,
                    "count": count,
                    "what": self.texts[verdict],
                    "about": about,
                    "alarm": False,
                }
            )
        record = self.results.record
        refused, left_out = len(record.refused), len(record.left_out)
        about = self._say("of_one", refused=refused, left_out=left_out)
        what = self.texts["not_inspected"]
        alarm = bool(refused or self.results.unfinished)
        tiles.append(
            {"verdict": "none", "count": refused + left_out, "what": what, "about": about, "alarm": alarm}
        )
        return tiles

    def rule(self) -> list[str]:
        """The decision in sentences."""
        decision = self.results.decision
        low, high = decision.review or (decision.threshold, decision.threshold)
        what = self._say("rule_region", size=self._least()) if decision.sized else self.texts["rule_pixel"]
        lines = [self._say("rule", what=what, level=digits(high))]
        if low < high:
            lines.append(self._say("rule_review", low=digits(low), high=digits(high)))
        if self.results.record.settled.interest is not None:
            lines.append(self.texts["rule_interest"])
        return lines

    def _least(self) -> str:
        """The least region as it was given, and in pixels."""
        settled, decision = self.results.record.settled, self.results.decision
        parts = []
        for name in ("area", "length"):
            given, pixels = getattr(settled.decision, f"min_{name}"), getattr(decision, f"min_{name}")
            if given and settled.decision.unit == "mm":
                parts.append(self._say(f"{name}_mm", given=f"{given:g}", pixels=f"{pixels:,.6g}"))
            elif given > 1:
                parts.append(self._say(name, pixels=f"{pixels:,.6g}"))
        return self.texts["and"].join(parts) or self.texts["none"]

    def notes(self, undrawn: int) -> list[str]:
        """What a reader must know of what is missing here. undrawn: images without a picture."""
        results, total = self.results, len(self.results.items)
        notes = [self.texts["unfinished"]] if results.unfinished else []
        for kind in KINDS:
            missing = sum(kind not in item.entry.written for item in results.items)
            if missing == total:
                notes.append(self.texts[f"not_kept_{kind}"])
            elif missing:
                notes.append(self._say("not_kept_some", count=missing, total=total, what=kind))
        for name, paths in (("gone", results.gone), ("photos_gone", results.photos_gone)):
            if paths:
                notes.append(self._say(name, count=len(paths), example=printable(str(paths[0]))))
        if undrawn:
            notes.append(self._say("undrawn", count=undrawn))
        if self.judged is not None:
            truth = self.judged.truth
            unknown = total - len(truth.labels)
            if unknown:
                notes.append(self._say("truth_part", count=unknown, total=total))
            # Of a data set it is no surprise that images are not among the results: supports are not.
            if truth.unused and truth.form == "masks":
                notes.append(
                    self._say("truth_unused", count=truth.unused, folder=printable(str(truth.folder)))
                )
        return notes

    def asides(self) -> list[dict[str, Any]]:
        """What was not inspected, and why."""
        record = self.results.record
        lists: list[tuple[str, Sequence[Reason]]] = [
            ("refused", record.refused),
            ("left_out", record.left_out),
        ]
        found = []
        for name, reasons in lists:
            lines = [printable(reason.reason) for reason in reasons]
            if lines:
                title = self._say(name, count=len(lines))
                part = {
                    "title": title,
                    "lines": lines[:_LINES],
                    "more": lines[_LINES:],
                    "open": name == "refused",
                }
                found.append(part)
        return found

    def truth(self) -> dict[str, Any] | None:
        """The verdicts against the truth, None without one."""
        if self.judged is None:
            return None
        judged = self.judged
        folder = printable(str(judged.truth.folder))
        form = self.texts[f"form_{judged.truth.form}"]
        rows = [
            {"name": self.texts["good"], "counts": _cells(judged.good, wrong=2), "part": False},
            {"name": self.texts["defective"], "counts": _cells(judged.defective, wrong=0), "part": False},
        ]
        if len(judged.kinds) > 1:
            rows += [
                {"name": printable(name), "counts": _cells(row, wrong=0), "part": True}
                for name, row in judged.kinds.items()
            ]
        rates: list[tuple[str, Rate]] = []
        if judged.good.total:
            rates.append(("false_alarms_rate", judged.good.fails))
        if judged.defective.total:
            rates.append(("recall_rate", judged.defective.fails))
            if judged.defective.review:
                rates.append(("held_rate", judged.defective.held))
        if judged.touched.of:
            rates.append(("touched_rate", judged.touched))
        lines = [self._rate(name, rate) for name, rate in rates]
        return {
            "about": self._say("truth_of", folder=folder, form=form) + " " + self.texts["interval"],
            "rows": rows,
            "lines": lines,
        }

    def _rate(self, name: str, rate: Rate) -> str:
        low, high = (f"{100 * end:.1f} %" for end in rate.interval)
        share = _percent(rate.count, rate.of)
        return self._say(name, count=rate.count, of=rate.of, share=share, low=low, high=high)

    def charts(self) -> dict[str, Markup] | None:
        """The charts as SVG; None where there is no image."""
        items = self.results.items
        if not items:
            return None
        scores = [item.score for item in items]
        decision = self.results.decision
        groups: list[tuple[str, Sequence[float]]] = [("", scores)]
        if self.judged is not None:
            labels = self.judged.truth.labels
            known = [(labels[item.result].defective, item.score) for item in items if item.result in labels]
            unknown = [item.score for item in items if item.result not in labels]
            groups = [
                (self.texts["good"], [score for defective, score in known if not defective]),
                (self.texts["defective"], [score for defective, score in known if defective]),
                *([(self.texts["unknown"], unknown)] if unknown else []),
            ]
        verdicts = [item.verdict for item in items]
        return {
            "order": Markup(order_chart(scores, verdicts, decision, self._axis, self.texts)),
            "histogram": Markup(histogram(groups, decision, self._axis, self.texts)),
        }

    def scale(self) -> dict[str, Any]:
        """The colours of all scores on a grey ground, from left to right."""
        decision, axis = self.results.decision, self._axis
        width = WIDTH / _BOXES
        boxes = []
        colors = color_of(axis.score((np.arange(_BOXES) + 0.5) / _BOXES), decision.threshold)
        for index, (*rgb, opacity) in enumerate(colors):
            color = _hex(round(255 * (0.8 * (1 - opacity) + value * opacity)) for value in rgb)
            boxes.append({"x": f"{index * width:.1f}", "width": f"{width + 0.3:.1f}", "color": color})
        ticks = [(f"{WIDTH * place:.0f}", text) for place, text in axis.ticks if 0.02 < place < 0.98]
        return {"boxes": boxes, "ticks": ticks, "threshold": WIDTH * float(axis.place(decision.threshold))}

    def kind_keys(self) -> list[dict[str, str]]:
        """What color of outline means what."""
        names = self.kinds if len(self.kinds) > 1 else [""]
        return [
            {
                "color": _hex(kind_color(index)),
                "text": self.texts["legend_marked"] + (f", {printable(name)}" if name else ""),
            }
            for index, name in enumerate(names)
        ]

    def groups(self, groups: Sequence[Group], pictures: Pictures) -> list[dict[str, Any]]:
        """The images that stand first."""
        return [
            {
                "name": group.name,
                "title": self.texts[group.name],
                "about": self.texts[f"{group.name}_about"],
                "count": self._say("group_count", shown=len(group.shown), total=group.total),
                "cards": [self._card(item, pictures) for item in group.shown],
            }
            for group in groups
        ]

    def _card(self, item: Item, pictures: Pictures) -> dict[str, Any]:
        return {
            "row": item.number - 1,
            "name": item.name,
            "verdict": item.verdict,
            "verdict_text": self.texts[item.verdict],
            "picture": pictures.large.get(item.result) or pictures.small.get(item.result),
            "facts": shown(item.score, self.results.decision)
            + "".join(f" · {text}" for text in self._asides_of(item)),
        }

    def _asides_of(self, item: Item) -> Iterable[str]:
        kinds = self.results.kinds(item)
        if kinds:
            yield ", ".join(map(printable, kinds))
        if item.entry.regions:
            yield f"{self.texts['regions']}: {item.entry.regions:,}"
        label = None if self.judged is None else self.judged.truth.labels.get(item.result)
        if label is not None:
            yield f"{self.texts['truth']}: {self._truth_name(item)}"

    def _truth_name(self, item: Item) -> str:
        label = None if self.judged is None else self.judged.truth.labels.get(item.result)
        if label is None:
            return self.texts["unknown"]
        if not label.defective:
            return self.texts["good"]
        return printable(label.kind) or self.texts["defective"]

    def truth_options(self) -> list[tuple[str, str]]:
        """What of the truth the list can be filtered by."""
        names = ("good", "defective", "misses", "elsewhere", "false_alarms", "unknown")
        return [(name, self.texts[name].lower()) for name in names]

    def rows(self, pictures: Pictures) -> dict[str, Any]:
        """The list of all images: a row of values each; and what of it a closer look shows, with titles."""
        places = {name: place for place, name in enumerate(pictures.small)}
        columns = ["name", "verdict", "score", "kinds", "truth", "picture"]
        facts = (
            ["verdict_text", "score_text", "truth_text"] if self.judged else ["verdict_text", "score_text"]
        )
        titles = {"verdict_text": "verdict", "score_text": "score", "truth_text": "truth"}
        more = ["regions", "marked_area", "file", "hash", "size", "seconds", "result"]
        rows = []
        for item in self.results.items:
            entry = item.entry
            picture = places.get(item.result, -1)
            row: list[Any] = [
                item.name,
                item.verdict,
                round(item.score, 4),
                self.results.kinds(item),
                self._truths(item),
                picture,
            ]
            row += [self.texts[item.verdict], shown(item.score, self.results.decision)]
            row += [self._truth_name(item)] if self.judged else []
            row += [
                f"{entry.regions:,}",
                f"{100 * entry.defect_area:.3g} %",
                printable(entry.file),
                entry.sha256,
            ]
            row += [f"{entry.width} x {entry.height}", f"{entry.seconds:.3f}", printable(item.result)]
            rows.append(row)
        return {
            "columns": [*columns, *facts, *more],
            "facts": [(name, self.texts[titles.get(name, name)]) for name in [*facts, *more]],
            "rows": rows,
        }

    def _truths(self, item: Item) -> list[str]:
        """Of which of `truth_options` an image is."""
        if self.judged is None:
            return []
        label = self.judged.truth.labels.get(item.result)
        if label is None:
            return ["unknown"]
        found = ["defective" if label.defective else "good"]
        if label.defective and item.verdict == Verdict.PASS:
            found.append("misses")
        if not label.defective and item.verdict == Verdict.FAIL:
            found.append("false_alarms")
        if item.result in self.judged.elsewhere:
            found.append("elsewhere")
        return found

    def settings(self) -> list[tuple[str, str]]:
        """By what the results and this report were made."""
        results, record, decision = self.results, self.results.record, self.results.decision
        guidance, settled = record.guidance, record.settled
        seconds = [item.entry.seconds for item in results.items]
        band = [digits(level) for level in decision.review or ()]
        rows = [
            ("results", str(results.folder.resolve())),
            ("record", f"{NAME}, SHA-256 {results.sha256}"),
            ("checked", self._say("checked", count=results.checked)),
            ("weights", f"{record.weights}, SHA-256 {record.weights_sha256}"),
            ("guidance", f"{guidance.folder}, SHA-256 {guidance.sha256}"),
            ("supports", ", ".join(guidance.supports)),
            ("backgrounds", ", ".join(guidance.backgrounds)),
            ("kinds", ", ".join(guidance.kinds)),
            ("threshold", digits(decision.threshold)),
            ("outline", "" if decision.low_threshold is None else digits(decision.low_threshold)),
            ("least", self._least()),
            ("scale", "" if settled.scale is None else self._say("pixels_mm", scale=f"{settled.scale:g}")),
            ("interest", "" if settled.interest is None else f"SHA-256 {settled.interest}"),
            ("review", " … ".join(band) or self.texts["none"]),
            ("tile", record.plan or (self.texts["whole"] if record.tile is None else f"{record.tile}")),
            ("bits", self.texts["all_8"] if record.bits_used is None else f"{record.bits_used}"),
            ("seconds", f"{sum(seconds) / len(seconds):.3f}" if seconds else ""),
            (
                "versions",
                self._say(
                    "versions",
                    segmented=record.obftnet,
                    report=__version__,
                    python=platform.python_version(),
                    numpy=np.__version__,
                    pillow=PIL.__version__,
                ),
            ),
        ]
        return [(self.texts[f"setting_{name}"], printable(value)) for name, value in rows if value]


def shown(score: float, decision: Decision) -> str:
    """An image score with as many digits as its verdict needs: none looks as if it were another.

    >>> [shown(score, Decision(0.5)) for score in (0.61234, 0.50001, 0.99999123)]
    ['0.6123', '0.50001', '0.9999912']
    """
    least = 4 if 0.001 <= score <= 0.999 or score in (0, 1) else 7
    texts = [f"{score:.{digits}f}" for digits in range(least, 17)]
    verdict = judge(score, decision)
    return next((text for text in texts if judge(float(text), decision) == verdict), texts[-1])


def _hex(values: Iterable[int]) -> str:
    return "#" + "".join(f"{value:02x}" for value in values)


def _percent(count: int, total: int) -> str:
    return f"{100 * count / total:.1f} %" if total else "none"


def _cells(row: Row, wrong: int) -> list[tuple[int, bool]]:
    """Pass, review, fail and all; `wrong`: which of them is a mistake."""
    return [
        (count, place == wrong) for place, count in enumerate((row.passed, row.review, row.failed, row.total))
    ]
