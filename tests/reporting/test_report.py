"""The page: what it says, that it says it whatever things are called, and that it is written whole or not."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from obftnet.decision import Decision, Verdict
from obftnet.errors import InputError
from obftnet.imaging.write import write_png
from obftnet.reporting import pictures, write_report
from obftnet.reporting.texts import ENGLISH
from obftnet.segmentation.outputs import Outputs
from obftnet.segmentation.record import Reason

LEVELS = {"part10": 0.9, "part2": 0.55, "part1": 0.1, "b/part1": 0.3, "part3": 0.2, "part4": 0.8}
HOSTILE = (
    "<script>alert(1)<",
    '"><img src=x onerror=alert(1)>',
    "a\x1b[31m\nb",
    "${alert(1)}{{7*7}}",
    "\u202egpj",
)


class Page(HTMLParser):
    """Tags with their attributes, texts, and the content of scripts and styles by their ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.raw: dict[str, str] = {}
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = dict(attrs).get("id", tag) if tag in ("script", "style") else ""

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside:
            self.raw[self._inside] = self.raw.get(self._inside, "") + data
        elif data.strip():
            self.texts.append(" ".join(data.split()))

    def of(self, tag: str, kind: str = "") -> list[dict[str, str | None]]:
        return [a for name, a in self.tags if name == tag and kind in [*(a.get("class") or "").split(), ""]]

    @property
    def rows(self) -> list[dict[str, object]]:
        data = json.loads(self.raw["data"])
        return [dict(zip(data["columns"], row, strict=True)) for row in data["rows"]]

    @property
    def text(self) -> str:
        return "\n".join(self.texts)


@pytest.fixture
def report(make, tmp_path):
    def write(levels=LEVELS, truth=None, **options) -> Page:
        made = make(levels, **options)
        write_report(made.folder, tmp_path / "report.html", truth=truth)
        return Page((tmp_path / "report.html").read_text("utf-8"))

    return write


@pytest.fixture
def truth(tmp_path):
    """Of LEVELS: part10 and part4 are good, part1 and part2 bad; of the others nothing is known."""
    black, mark = np.zeros((48, 60), bool), np.zeros((48, 60), bool)
    mark[30:40, 30:40] = True
    for name, mask in (("part10", black), ("part4", black), ("part1", mark), ("part2", mark)):
        write_png(tmp_path / f"truth/{name}_mask.png", mask)
    return tmp_path / "truth"


def test_the_counts_and_the_decision_are_at_the_top(report):
    page = report()
    places = [page.texts.index(ENGLISH[name]) for name in ("pass", "review", "fail", "not_inspected")]
    assert [page.texts[place - 1] for place in places] == ["3", "1", "2", "0"]
    rule = "An image fails where a region of at least 9 pixels scores above 0.7. From 0.4 to 0.7"
    assert rule in page.text
    assert not page.of("div", "alarm")


@pytest.mark.parametrize("low", [None, 0.25])
def test_a_low_threshold_is_among_the_settings_where_there_is_one(report, low):
    texts = report(decision=Decision(0.5, low_threshold=low)).texts
    assert (ENGLISH["setting_outline"] in texts) == (low is not None)
    assert low is None or texts[texts.index(ENGLISH["setting_outline"]) + 1] == "0.25"


@pytest.mark.parametrize(
    ("decision", "says"),
    [
        (Decision(0.5), "where any pixel scores above 0.5."),
        (Decision(0.5, 9, 12), "where a region of at least 9 pixels and 12 pixels long scores above 0.5."),
        (Decision(0.25, 0, 3), "where a region of at least 3 pixels long scores above 0.25."),
    ],
)
def test_the_decision_is_a_sentence(report, decision, says):
    assert says in report(decision=decision).text


def test_what_was_not_inspected_is_there_line_by_line(report):
    refused = [Reason(file=f"/p/{n}", reason=f"/p/{n}: truncated") for n in range(30)]
    left_out = [Reason(file="/p/notes.txt", reason="/p/notes.txt: no image by its ending")]
    page = report(refused=refused, left_out=left_out)
    assert [reason.reason for reason in refused] == [line for line in page.texts if line.startswith("/p/")][
        :30
    ]
    assert "/p/notes.txt: no image by its ending" in page.texts
    assert "30 refused, 1 left out" in page.texts
    assert page.texts[page.texts.index("not inspected") - 1] == "31"
    assert len(page.of("div", "alarm")) == 1


def test_every_image_is_in_the_list_with_what_is_known_of_it(report):
    page = report()
    assert [(row["name"], row["verdict"], row["score"]) for row in page.rows] == [
        ("b/part1.png", "pass", 0.3),
        ("part1.png", "pass", 0.1),
        ("part2.png", "review", 0.55),
        ("part3.png", "pass", 0.2),
        ("part4.png", "fail", 0.8),
        ("part10.png", "fail", 0.9),
    ]
    assert {row["hash"] for row in page.rows} == {row["hash"] for row in page.rows if len(row["hash"]) == 64}
    drawn = json.loads(page.raw["pictures"])
    assert all(drawn[row["picture"]].startswith("data:image/webp;base64,") for row in page.rows)


def test_without_a_truth_the_worst_and_the_borderline_stand_first(report):
    page = report()
    sections = [section["id"] for section in page.of("section", "group")]
    assert sections == ["worst", "borderline"]
    shown = [int(card["data-row"]) for card in page.of("figure", "card")]
    assert [page.rows[row]["name"] for row in shown] == ["part10.png", "part4.png", "part2.png"]
    assert len(page.of("img")) == 3


def test_with_a_truth_the_misses_and_the_false_alarms_stand_first(report, truth):
    page = report(truth=truth)
    assert [section["id"] for section in page.of("section", "group")] == [
        "misses",
        "false_alarms",
        "borderline",
    ]
    text = page.text
    assert "False alarms: 2 of 2 good images fail, 100.0 % (15.8 % to 100.0 %)." in text
    assert "Recall: 0 of 2 defective images fail, 0.0 % (0.0 % to 84.2 %)." in text
    assert "With those for review: 1 of 2, 50.0 %" in text
    assert "The truth of 2 of 6 images is not known; they are in no rate." in text
    truths = {row["name"]: row["truth"] for row in page.rows}
    assert truths["part1.png"] == ["defective", "misses"]
    assert truths["part10.png"] == ["good", "false_alarms"]
    assert truths["part2.png"] == ["defective"]
    assert truths["part3.png"] == ["unknown"]


def test_a_fail_for_another_place_is_told_from_one_for_the_defect(report, tmp_path):
    mark = np.zeros((48, 60), bool)
    mark[30:40, 30:40] = True
    write_png(tmp_path / "truth/part10_mask.png", mark)
    found = np.zeros((48, 60), bool)
    found[12:18, 10:20] = True
    write_png(tmp_path / "truth/part4_mask.png", found)
    page = report(truth=tmp_path / "truth")
    assert page.of("section", "group")[0]["id"] == "elsewhere"
    assert "Of 2 that fail and are annotated, 1 have a mark on the defect, 50.0 %." in page.text


@pytest.mark.parametrize(
    ("keep", "says"),
    [
        (["mask", "score", "overlay"], []),
        (["mask"], ["not_kept_score", "not_kept_overlay"]),
        (["score"], ["not_kept_mask", "not_kept_overlay"]),
        (["overlay"], ["not_kept_mask", "not_kept_score"]),
    ],
    ids=lambda value: ",".join(value),
)
def test_what_was_not_kept_is_said(report, keep, says):
    page = report(keep=keep)
    assert [line for line in page.texts if line in map(ENGLISH.get, says)] == [ENGLISH[name] for name in says]
    assert len(page.rows) == len(LEVELS)
    assert all(row["picture"] >= 0 for row in page.rows)


def test_photographs_that_are_gone_are_said_to_be(make, tmp_path):
    made = make(LEVELS)
    for path in sorted(made.photos.rglob("part1.png")):
        path.unlink()
    write_report(made.folder, tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text("utf-8"))
    assert any(line.startswith("2 photographs are no longer where they were") for line in page.texts)


def test_kinds_can_be_chosen_and_are_those_of_the_marks(report):
    page = report(kinds=["dent", "scratch <i>"])
    assert {row["name"]: row["kinds"] for row in page.rows if row["kinds"]} == {
        "part10.png": ["dent"],
        "part2.png": ["scratch <i>"],
        "part4.png": ["scratch <i>"],
    }
    assert "scratch <i>" in page.texts
    assert not page.of("i", "")[: -len(page.of("i", "badge"))]


def test_of_no_images_there_is_a_page_too(report):
    refused = [Reason(file="/p/x.png", reason="/p/x.png: truncated")]
    page = report({}, refused=refused)
    assert page.rows == []
    assert "/p/x.png: truncated" in page.texts


def test_names_are_shown_and_never_run(report):
    levels = dict(zip(HOSTILE, (0.9, 0.8, 0.6, 0.5, 0.1), strict=True))
    reason = "/p/</script><script>alert(2)</script>.png: no image"
    page = report(
        levels, refused=[Reason(file="/p/x", reason=reason)], left_out=[Reason(file="y", reason="<b>y")]
    )
    assert [tag for tag, attributes in page.tags if tag == "script"] == ["script"] * 3
    handlers = [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert handlers == []
    assert all((image["src"] or "").startswith("data:image/webp") for image in page.of("img"))
    assert reason in page.texts
    assert "<b>y" in page.texts
    names = {str(row["name"]) for row in page.rows}
    assert all(name.isprintable() for name in names)
    assert any("\\x1b[31m\\nb" in name for name in names)
    assert any("${alert(1)}{{7*7}}" in name for name in names)
    # The data are JSON that no parser of HTML takes for markup.
    assert not re.search(r"[<>&]", page.raw["data"] + page.raw["pictures"])


@pytest.mark.skipif(os.name != "posix" or sys.platform == "darwin", reason="names are Unicode here")
def test_a_name_that_is_no_unicode_is_shown_escaped(report):
    page = report({os.fsdecode(b"caf\xe9"): 0.9})
    assert page.rows[0]["name"] == r"caf\xe9.png"


def test_nothing_is_fetched_and_nothing_runs_but_its_own_script(report):
    page = report()
    policy = next(a["content"] for a in page.of("meta") if a.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    for name, content in (("style-src", page.raw["style"]), ("script-src", page.raw["script"])):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"
    addresses = [a[name] for _, a in page.tags for name in ("src", "href", "action", "data") if a.get(name)]
    assert all(address.startswith("data:image/webp;base64,") for address in addresses)
    assert not any("style" in attributes for _, attributes in page.tags)
    assert not re.search(r"url\(|@import", page.raw["style"])


def test_settings_hashes_and_versions_are_there(make, tmp_path):
    made = make(LEVELS)
    write_report(made.folder, tmp_path / "report.html")
    text = Page((tmp_path / "report.html").read_text("utf-8")).text
    digest = hashlib.sha256((made.folder / "segment.json").read_bytes()).hexdigest()
    for wanted in (
        digest,
        "ab" * 32,
        "cd" * 32,
        "s.png",
        "b.png",
        "0.4 … 0.7",
        "9 pixels",
        "Python",
        "numpy",
    ):
        assert wanted in text
    count = sum(len(entry.written) for entry in made.record.images)
    assert f"{count} files of results are as they were written" in text


def test_when_there_is_no_room_the_lowest_scores_have_no_picture(report, monkeypatch):
    monkeypatch.setattr(pictures, "_SMALL_BUDGET", 3 * 3000)
    monkeypatch.setattr(pictures, "_LARGE_BUDGET", 1)
    page = report({f"part{n}": 0.3 + n / 100 for n in range(20)})
    drawn = [row["score"] for row in page.rows if row["picture"] >= 0]
    undrawn = [row["score"] for row in page.rows if row["picture"] < 0]
    assert min(drawn) > max(undrawn)
    assert f"{len(undrawn)} images have no picture here" in page.text


def test_the_summary_is_that_of_the_page(make, truth, tmp_path):
    made = make(LEVELS, refused=[Reason(file="/x", reason="/x: no")])
    told = []
    found = write_report(
        made.folder,
        tmp_path / "r.html",
        truth=truth,
        progress=lambda done, total, name: told.append((done, total)),
    )
    assert found.verdicts == {Verdict.PASS: 3, Verdict.REVIEW: 1, Verdict.FAIL: 2}
    assert (found.refused, found.left_out, found.unfinished, found.undrawn) == (1, 0, False, 0)
    assert (found.judged.good.failed, found.judged.defective.total) == (2, 2)
    assert found.bytes == (tmp_path / "r.html").stat().st_size
    assert told == [*((n, 6) for n in range(6)), *((n, 6) for n in range(6))]


def test_a_report_is_replaced_by_a_report(make, tmp_path):
    made = make(LEVELS)
    for _ in range(2):
        write_report(made.folder, tmp_path / "report.html")
    assert [path.name for path in tmp_path.glob("*report*")] == ["report.html"]


def another_page(out):
    out.write_text("<!doctype html><title>my own page about obftnet report</title>")


def a_folder(out):
    out.mkdir()


def empty(out):
    out.write_bytes(b"")


@pytest.mark.parametrize(
    ("name", "spoil", "says"),
    [
        ("r.html", another_page, r"r\.html: not a report that obftnet wrote"),
        ("r.html", empty, r"r\.html: not a report that obftnet wrote"),
        ("r.html", a_folder, r"r\.html: is a folder"),
        ("r.pdf", None, r"r\.pdf: a page is written, and its name says another kind"),
        ("found/segment.json", None, r"segment\.json: is read as|segment\.json: a page is written"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_nothing_else_is_replaced(make, tmp_path, name, spoil, says):
    made = make(LEVELS)
    out = tmp_path / name
    if spoil:
        spoil(out)
    before = out.read_bytes() if out.is_file() else None
    with pytest.raises(InputError, match=says):
        write_report(made.folder, out)
    assert (out.read_bytes() if out.is_file() else None) == before


def test_where_something_is_wrong_the_earlier_report_stays(make, tmp_path):
    made = make(LEVELS)
    out = tmp_path / "report.html"
    write_report(made.folder, out)
    before = out.read_bytes()
    path = made.folder / "part2_mask.png"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(InputError, match="changed since"):
        write_report(made.folder, out)
    assert out.read_bytes() == before


@pytest.mark.parametrize("count", [100, pytest.param(2000, marks=pytest.mark.slow)])
def test_two_thousand_images_stay_below_25_megabytes_and_nobody_is_lost(make, tmp_path, count):
    made = make({f"part{n}": level for n, level in enumerate((0.05, 0.2, 0.45, 0.95))})
    entries = []
    for number in range(count):
        source = made.record.images[number % 4]
        name = f"many/{number}"
        sources, places = (Outputs.of(made.folder, one).files for one in (source.result, name))
        for kind in source.written:
            places[kind].parent.mkdir(exist_ok=True)
            places[kind].hardlink_to(sources[kind])
        entries.append(source.model_copy(update={"result": name}))
    made.record.model_copy(update={"images": entries}).write(made.folder)
    found = write_report(made.folder, tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text("utf-8"))
    assert len(page.rows) == count
    assert found.undrawn == 0
    # What is no picture grows with the images, and pictures have a budget.
    drawn = len(page.raw["pictures"]) + sum(len(image["src"]) for image in page.of("img"))
    budget = pictures._LARGE_BUDGET + pictures._SMALL_BUDGET
    assert (found.bytes - drawn) / count * 2000 + budget < 25e6
    assert drawn < budget * count / 2000 + 1e6
    assert found.bytes < 25e6


def test_it_needs_no_torch(make, tmp_path):
    made = make(LEVELS)
    code = """
import sys
sys.modules["torch"] = None  # importing it raises
from obftnet.reporting import write_report
print(write_report(sys.argv[1], sys.argv[2]).bytes)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, made.folder, tmp_path / "r.html"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == (tmp_path / "r.html").stat().st_size


def test_every_text_is_used_and_every_text_there_is():
    from importlib.resources import files

    package = files("obftnet.reporting")
    source = "".join(
        path.read_text("utf-8")
        for folder in (package, package / "page")
        for path in folder.iterdir()
        if path.name.endswith((".py", ".j2", ".js")) and path.name != "texts.py"
    )
    computed = {
        f"{name}{ending}"
        for name in ("misses", "elsewhere", "false_alarms", "worst", "borderline")
        for ending in ("", "_about")
    }
    computed |= {f"form_{name}" for name in ("masks", "folders", "mvtec", "neu_seg")}
    computed |= {"area_mm", "length_mm", "setting_versions"}
    computed |= {f"not_kept_{name}" for name in ("mask", "score", "overlay")}
    computed |= {key for key in ENGLISH if f'("{key.removeprefix("setting_")}", ' in source}
    unused = [key for key in ENGLISH if key not in computed and not re.search(rf"\b{key}\b", source)]
    assert unused == []
    wanted = set(re.findall(r"\bt\.(\w+)", source)) | set(re.findall(r'(?:_say\(|texts\[)"(\w+)"', source))
    assert wanted | computed <= set(ENGLISH)
    # A template would take these for methods of the mapping.
    assert not set(ENGLISH) & set(dir(dict))
