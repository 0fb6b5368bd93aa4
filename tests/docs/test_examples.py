"""The examples in docstrings give what they say."""

import ast
import doctest
import importlib
from pathlib import Path

import pytest

import obftnet

ROOT = Path(obftnet.__file__).parent
#: Modules that show how they are used: at least these.
SHOWN = {"segmenter", "decision.masks", "transport.sinkhorn", "guidance.columns", "relation.scan"}


def modules() -> list[str]:
    """Names below `obftnet` of the modules with an example."""
    paths = (path for path in sorted(ROOT.rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8"))
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]


def test_what_a_reader_asks_for_first_has_an_example():
    assert set(modules()) >= SHOWN


@pytest.mark.parametrize("name", modules())
def test_the_examples_of_a_module(name):
    result = doctest.testmod(importlib.import_module(f"obftnet.{name}"))
    assert result.attempted
    assert not result.failed


def test_every_module_and_public_name_of_the_api_pages_is_there():
    pages = sorted((ROOT.parents[1] / "docs" / "api").glob("*.md"))
    named = [
        line.removeprefix(".. automodule:: ")
        for page in pages
        for line in page.read_text(encoding="utf-8").splitlines()
        if line.startswith(".. automodule:: ")
    ]
    assert len(named) == len(set(named)) > 20
    for name in named:
        source = Path(importlib.import_module(name).__file__ or "")
        assert ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))), f"{name}: no docstring"
