"""Every text is there in every language, and no language's file has more."""

import json
import re
from pathlib import Path

import pytest

from obftnet.ui.server import STATIC

TEXTS = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (STATIC / "texts").glob("*.json")
}


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_languages_say_the_same_things(language):
    assert TEXTS[language].keys() == TEXTS["en"].keys()
    for key, text in TEXTS[language].items():
        assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", TEXTS["en"][key])), key


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
