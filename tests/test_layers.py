"""Which package may import which: only what stands below it. Read from the code, lazy imports too."""

import ast
from collections.abc import Iterator
from pathlib import Path

import obftnet

#: From the bottom to the top. A package (or a module of the first level) imports from lower lines alone.
LAYERS = (
    ("children", "errors", "transport", "version", "wording"),
    ("files", "kinds", "packaged", "web"),
    ("regions",),
    ("decision",),
    ("imaging",),
    ("inputs", "json_files", "prediction", "safeheader"),
    ("safefile", "data", "scoring", "synthetic", "tiling"),
    ("protocols", "tensors", "voting", "backbones", "annotations"),
    ("guidance", "contract"),
    ("relation",),
    ("config", "readers"),
    ("model",),
    ("methods", "shown"),
    ("adaptation", "weights", "loading", "packs"),
    ("exported",),
    ("segmenter", "evaluation"),
    ("obftnet",),
    ("segmentation", "explanation", "training"),
    (
        "exporting",
        "packing",
        "calibration",
        "demo",
        "reproduction",
        "doctor",
        "checking",
        "reporting",
        "watching",
    ),
    ("serving", "ui"),
    ("cli",),
    ("__main__",),
)

ROOT = Path(obftnet.__file__).parent
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


#: Packages and modules right below the root; its own `__init__` goes by the root's name.
FIRST_LEVEL = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {
    "obftnet" if path.stem == "__init__" else path.stem for path in ROOT.glob("*.py")
}


def imported(tree: ast.AST) -> Iterator[str]:
    """What of the first level a module's code imports, wherever the import stands."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole path"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            top, _, rest = name.partition(".")
            if top == "obftnet":
                below = rest.split(".")[0]
                yield below if below in FIRST_LEVEL else "obftnet"


def imports() -> Iterator[tuple[str, str, Path]]:
    """Every import of one package by another, and the file that has it."""
    for path in sorted(ROOT.rglob("*.py")):
        here = path.relative_to(ROOT)
        importer = "obftnet" if here == Path("__init__.py") else here.parts[0].removesuffix(".py")
        for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
            if name != importer:
                yield importer, name, here


def test_every_package_has_its_place():
    assert set(LEVEL) == FIRST_LEVEL
    assert len(LEVEL) == sum(map(len, LAYERS))


def test_no_package_imports_one_that_stands_beside_or_above_it():
    wrong = [
        f"{path}: {importer} imports {name}"
        for importer, name, path in imports()
        if LEVEL[name] >= LEVEL[importer]
    ]
    assert not wrong, "\n".join(wrong)


def test_the_reading_of_imports_sees_every_form():
    code = "import obftnet\nimport obftnet.cli\ndef f():\n    from obftnet import data, InputError\n"
    code += "    from obftnet.model import OBFTNet\n    import numpy\n"
    assert sorted(imported(ast.parse(code))) == ["cli", "data", "model", "obftnet", "obftnet"]
