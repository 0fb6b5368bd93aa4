"""Every text is there in every language, and no language's file has more; so is every line of a refusal."""

import ast
import json
import re
from pathlib import Path

import pytest

import obftnet
from obftnet import wording
from obftnet.ui import lines
from obftnet.ui.lines import LINES
from obftnet.ui.server import STATIC

TEXTS = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (STATIC / "texts").glob("*.json")
}


#: English ones stand in the code, once.
ENGLISH = TEXTS["en"] | {f"line.{name}": str(line) for name, line in LINES.items()}
PACKAGE = Path(obftnet.__file__).parent


@pytest.mark.parametrize("language", sorted(TEXTS.keys() - {"en"}))
def test_languages_say_the_same_things(language):
    assert TEXTS[language].keys() == ENGLISH.keys()
    for key, text in TEXTS[language].items():
        assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", ENGLISH[key])), key


def test_every_line_is_said_somewhere_and_with_its_values():
    said = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            of = node.value if isinstance(node, ast.Attribute) else None
            if isinstance(of, ast.Name) and of.id in ("wording", "lines"):
                said.add(node.attr.lower())
            call = node.func if isinstance(node, ast.Call) else None
            if isinstance(call, ast.Attribute) and getattr(call.value, "id", "") in ("wording", "lines"):
                name, given = call.attr, {one.arg for one in node.keywords}
                if call.attr.isupper() and None not in given:
                    assert given == LINES[name.lower()].names, f"{path}: {name}"
    assert sorted(LINES.keys() - said) == []
    assert LINES.keys() == wording.named(vars(wording)).keys() | wording.named(vars(lines)).keys()


def test_a_line_is_not_made_of_other_values():
    with pytest.raises(TypeError, match="image"):
        lines.NOT_PAINTED(name="a.png")


#: A line as the server says it, and as a German reads it.
GERMAN = [
    (
        "a.png: the file is empty (0 bytes); a PNG, TIFF, JPEG, WebP or BMP image is wanted",
        "a.png: Die Datei ist leer (0 Bytes); gebraucht wird ein Bild als PNG, TIFF, JPEG, WebP oder BMP",
    ),
    (str(lines.UNDER_WAY), "es läuft noch etwas; warten Sie, bis es fertig ist, oder halten Sie es an"),
    (
        wording.MASK_VALUES(mask="m.png", count="1,234", values=wording.GREY_VALUES, image="a: b.png"),
        "m.png: 1.234 Grauwerte, aber die Maske von a: b.png darf nur zwei haben, 0 (sauber) und einen "
        "anderen (Fehler); speichern Sie sie ohne Glättung und nicht als JPEG",
    ),
    (
        wording.AND_MORE(
            line=wording.ABOUT(
                file="/x/a.x",
                reason=wording.UNKNOWN_ENDING(ending=".x", wanted=wording.SAVE_AS(endings=".png")),
            ),
            count=2,
        ),
        "/x/a.x: die Endung .x ist nicht die eines Bildes; speichern Sie es als eines von .png (und 2 "
        "weitere dieser Art)",
    ),
    (
        "/x/a.pdf: a PDF image, a kind that is not read; save it as one of .png, .bmp",
        "/x/a.pdf: ein PDF-Bild, das nicht gelesen wird; speichern Sie es als eines von .png, .bmp",
    ),
    (
        "x.pdf: not looked at, a PDF image, a kind that is not read; save it as one of .png",
        "x.pdf: nicht angesehen, ein PDF-Bild, das nicht gelesen wird; speichern Sie es als eines von .png",
    ),
    (
        wording.FLOATS_BEYOND(file="f.tiff", low="0", high="1.25"),
        "f.tiff: Kommazahlen von 0 bis 1,25; sie müssen von 0 bis 1 reichen (oder speichern Sie mit 8 Bit)",
    ),
    (
        wording.PLAN_FINER(
            plan=wording.PLAN_TILES(defect=9, side=1600, tile=512, looks=12), finer=256, looks=35
        ),
        "Fehler von 9 px in 1600: Kacheln von 512, 12 Blicke je Bild; Kacheln von 256 zeigten sie besser, "
        "in 35",
    ),
    ("a.png: something that nobody translated", "a.png: something that nobody translated"),
]


@pytest.fixture
def empty(window):
    """A page that holds nothing, and gets the page's own files: no other request is answered."""
    window.page.route("**/*", lambda route: route.fulfill(**served(route.request.url)))
    window.page.goto("http://page.invalid/")
    return window.page


def test_a_score_has_as_many_digits_as_tell_it_from_0_and_1_and_is_never_rounded_up(empty):
    scores = [0, 1, 0.5, 0.129, 0.0349, 0.00999, 0.0001, 0.00009, 0.996, 0.99999, 0.9999999]
    said = empty.evaluate(
        """async (scores) => {
          const texts = await import("/static/texts.js");
          await texts.choose("en", ["en"]);
          return scores.map(texts.score);
        }""",
        scores,
    )
    assert said == (
        [
            "0.00",
            "1.00",
            "0.50",
            "0.12",
            "0.03",
            "0.009",
            "0.0001",
            "< 0.0001",
            "0.996",
            "0.99999",
            "0.9999999",
        ]
    )


def test_lines_of_the_server_are_read_in_german(empty, client):
    said = empty.evaluate(
        """async ([templates, lines]) => {
          const texts = await import("/static/texts.js"), { learn, told } = await import("/static/told.js");
          learn(templates);
          await texts.choose("en", ["de", "en"]);
          const english = lines.map(told);
          await texts.choose("de", ["de", "en"]);
          return [english, lines.map(told)];
        }""",
        [client.ask("lines"), [line for line, _ in GERMAN]],
    )
    assert said[0] == [line for line, _ in GERMAN]
    assert said[1] == [german for _, german in GERMAN]


def served(url: str) -> dict:
    path = url.removeprefix("http://page.invalid/static/")
    if path == url:
        return {"body": "<!doctype html><title>empty</title>", "content_type": "text/html"}
    kind = "text/javascript" if path.endswith(".js") else "application/json"
    return {"body": (STATIC / path).read_bytes(), "content_type": kind}


def used() -> set[str]:
    """Keys that are written out whole in the page."""
    found = set()
    for path in Path(STATIC).glob("*.*"):
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r"\bt\(\"([\w.-]+)\"", text))
        found |= set(re.findall(r"data-t(?:-label)?=\"([\w.-]+)\"", text))
    return found


def test_every_text_that_is_asked_for_is_there():
    assert sorted(used() - TEXTS["en"].keys()) == []
    assert len(used()) > 100


def test_nothing_of_the_page_is_fetched_from_elsewhere():
    for path in Path(STATIC).rglob("*.*"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", text), path
