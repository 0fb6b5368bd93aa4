"""obftnet-runtime: obftnet's own modules, without torch, and the same results."""

import csv
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from obftnet.exporting.parity import LIMIT
from obftnet.imaging.read import read_image
from obftnet.segmentation import segment_exported, segment_files
from obftnet.segmentation.record import read_record

from .conftest import picture

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = ROOT / "runtime"
#: Pixels of the least region.
LEAST = 4
#: What obftnet needs and the runtime must do without.
FOREIGN = (
    *("torch", "torchvision", "scipy", "matplotlib", "imagecodecs", "onnx", "onnxscript", "psutil"),
    *("jinja2", "markupsafe", "defusedxml", "pyarrow"),
)

#: A process in which these cannot be imported; which of our modules were, on standard error.
WITHOUT = f"""
import sys
for name in {FOREIGN}:
    sys.modules[name] = None  # importing it raises
from obftnet_runtime.__main__ import main
try:
    main()
finally:
    print("MODULES", *(name for name in sys.modules if name.startswith("obftnet.")), file=sys.stderr)
"""


def run(*arguments: object, code: str = WITHOUT) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(RUNTIME / "src"), str(ROOT / "src")])
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path})


def lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if not line.startswith("MODULES")]


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(picture(20, 80, 100)).save(folder / "part0.png")
    Image.fromarray(picture(21, 64, 64)).save(folder / "part1.jpg")
    (folder / "sub").mkdir()
    tifffile.imwrite(folder / "sub/part2.tiff", picture(22, 70, 66), photometric="rgb")
    return folder


@pytest.fixture(scope="module")
def by_torch(packed, photos, tmp_path_factory) -> Path:
    pack, weights = packed
    out = tmp_path_factory.mktemp("by_torch") / "out"
    segment_files([photos], None, out, pack=pack, weights=weights, device="cpu", min_area=LEAST)
    return out


@pytest.fixture(scope="module")
def by_runtime(exported, photos, tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """What the command writes where nothing foreign can be imported."""
    out = tmp_path_factory.mktemp("by_runtime") / "out"
    done = run("segment", photos, "--model", exported, "--out", out, "--min-area", LEAST)
    assert done.returncode == 0, done.stderr
    return out, done


def test_it_writes_what_obftnet_segment_writes(by_torch, by_runtime):
    one, other = by_torch, by_runtime[0]
    listed = [sorted(str(path.relative_to(out)) for path in out.rglob("*.*")) for out in (one, other)]
    assert [name for name in listed[0] if name != "regions.parquet"] == listed[1]
    records = [read_record(out) for out in (one, other)]
    assert [record.engine for record in records] == ["torch", "onnx"]
    assert records[0].settled == records[1].settled
    assert records[0].guidance.sha256 == records[1].guidance.sha256
    assert (one / "guidance.png").read_bytes() == (other / "guidance.png").read_bytes()
    for mine, its in zip(records[0].images, records[1].images, strict=True):
        assert (mine.result, mine.verdict, mine.regions) == (its.result, its.verdict, its.regions)
        assert mine.image_score == pytest.approx(its.image_score, abs=LIMIT)
        scores = [read_image(out / f"{mine.result}_score.tiff") for out in (one, other)]
        np.testing.assert_allclose(*scores, atol=LIMIT)
        masks = [np.asarray(Image.open(out / f"{mine.result}_mask.png")) for out in (one, other)]
        near = np.abs(scores[0][:, :, 0] - records[0].settled.decision.threshold) <= LIMIT
        assert not ((masks[0] != masks[1]) & ~near).any()
    tables = [list(csv.DictReader((out / "images.csv").open())) for out in (one, other)]
    for mine, its in zip(*tables, strict=True):
        assert [mine[name] for name in ("image", "verdict", "regions", "kinds")] == [
            its[name] for name in ("image", "verdict", "regions", "kinds")
        ]


def test_nothing_is_done_twice_and_another_engine_s_results_are_not_taken(
    by_torch, by_runtime, exported, photos, packed
):
    out = by_runtime[0]
    again = segment_exported([photos], exported, out, min_area=LEAST)
    assert (again.done, again.kept) == (0, 3)
    decided = segment_exported([photos], exported, out, min_area=LEAST + 1)
    assert (decided.done, decided.decided) == (0, 3)
    segment_exported([photos], exported, out, min_area=LEAST)  # as it was
    before = (by_torch / "segment.json").read_bytes()
    taken = run("segment", photos / "part0.png", "--model", exported, "--out", by_torch, "--min-area", LEAST)
    assert taken.returncode == 2
    assert "by torch, now by onnx" in taken.stderr
    assert (by_torch / "segment.json").read_bytes() == before


def test_two_processes_write_what_one_writes(by_runtime, exported, photos, tmp_path):
    more = ("--workers", "2", "--min-area", LEAST)
    done = run("segment", photos, "--model", exported, "--out", tmp_path / "out", *more)
    assert done.returncode == 0, done.stderr
    for path in sorted(by_runtime[0].rglob("*.*")):
        if path.name not in ("segment.json", "regions.parquet"):
            name = path.relative_to(by_runtime[0])
            assert (tmp_path / "out" / name).read_bytes() == path.read_bytes(), name


def test_all_that_it_imports_is_in_its_wheel(by_runtime):
    used = next(line for line in by_runtime[1].stderr.splitlines() if line.startswith("MODULES")).split()[1:]
    assert {"obftnet.segmentation.job", "obftnet.imaging.tiff", "obftnet.decision.level"} <= set(used)
    said = tomllib.loads((RUNTIME / "pyproject.toml").read_text())
    listed = said["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    for source, target in listed.items():
        assert (RUNTIME / source).exists(), source
        where = {"../src/": "obftnet_runtime/modules/", "../": "obftnet_runtime/"}
        begin = next(one for one in where if source.startswith(one))
        assert target == where[begin] + source.removeprefix(begin)
    places = [(RUNTIME / source).resolve() for source in listed]
    for name in used:
        module = ROOT / "src" / name.replace(".", "/")
        file = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
        assert file.is_file()
        assert any(place in (file, *file.parents) for place in places), f"{name} is not in the wheel"


def test_its_libraries_are_obftnet_s_by_the_same_bounds():
    mine = tomllib.loads((RUNTIME / "pyproject.toml").read_text())["project"]
    its = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    known, asked = (
        {*said["dependencies"], *(one for extra in said["optional-dependencies"].values() for one in extra)}
        for said in (its, mine)
    )
    assert asked <= known


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--model", "nowhere"), "no such folder"),
        (("--model", "{exported}", "--engine", "tensorrt"), "there are onnx, openvino"),
        (("--model", "{exported}", "--threshold", "2"), "threshold"),
        (("--model", "{exported}", "--workers", "0"), "workers"),
        ((), "--model"),
    ],
)
def test_a_bad_call_is_one_line(arguments, said, exported, photos, tmp_path):
    given = [argument.format(exported=exported) for argument in arguments]
    done = run("segment", photos, *given, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert len(lines(done)) == 1
    assert said in lines(done)[0]
    assert not (tmp_path / "out").exists()


def test_a_file_that_needs_imagecodecs_is_refused_by_the_extra_s_name(exported, photos, tmp_path):
    packed, plain = tmp_path / "packed.tiff", photos / "sub/part2.tiff"
    tifffile.imwrite(packed, picture(22, 70, 66), photometric="rgb", compression="lzw")
    done = run("segment", packed, plain, "--model", exported, "--out", tmp_path / "out")
    assert done.returncode == 2
    (line,) = lines(done)
    assert f"{packed}: a TIFF of 8 bits, LZW needs imagecodecs" in line
    assert "pip install 'obftnet-runtime[codecs]'" in line
    assert (tmp_path / "out/part2_mask.png").exists()


def test_an_obftnet_of_another_version_is_refused(tmp_path):
    code = (
        "import importlib.metadata as m, obftnet_runtime\n"
        "m.version = lambda name: '9.9'\n"
        "try:\n    obftnet_runtime.find_modules()\n"
        "except ImportError as error:\n    print(error)\n"
    )
    done = run(code=code)
    assert done.stdout.startswith("obftnet-runtime 9.9 beside obftnet 0."), done.stderr


def test_the_python_of_the_documents(exported, photos):
    for document in (ROOT / "docs/export.md", RUNTIME / "README.md"):
        code = document.read_text().split("```py\n")[1].split("```")[0]
        for word, place in (("leather-model", exported), ("photos/part1.png", photos / "part0.png")):
            assert f'"{word}"' in code
            code = code.replace(word, str(place))
        done = run(code="import sys; sys.modules['torch'] = None\n" + code)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.split()) == 2


@pytest.mark.slow
def test_it_runs_in_an_environment_of_its_own(exported, photos, tmp_path, by_runtime):
    """From its wheel, where neither obftnet nor torch is; in less than 250 MB."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "-q", "--no-deps", "--wheel-dir", tmp_path, RUNTIME], check=True)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([tmp_path / "venv/bin/pip", "install", "-q", wheel], check=True)
    taken = sum(path.lstat().st_size for path in (tmp_path / "venv").rglob("*"))
    assert taken < 250e6, f"{taken / 1e6:.0f} MB"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [tmp_path / "venv/bin/obftnet-runtime", "segment", photos, "--model", exported]
    command += ["--min-area", str(LEAST)]
    for out, more in (("one", ()), ("two", ("--workers", "2"))):
        done = subprocess.run(
            [*command, "--out", tmp_path / out, *more], capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stderr
        masks = sorted(by_runtime[0].rglob("*_mask.png"))
        assert masks
        for path in masks:
            name = path.relative_to(by_runtime[0])
            assert (tmp_path / out / name).read_bytes() == path.read_bytes(), name
    code = "import importlib.util as u; print(*(u.find_spec(n) for n in ('torch', 'obftnet', 'scipy')))"
    python = tmp_path / "venv/bin/python"
    found = subprocess.check_output([python, "-c", code], text=True, env=environment)
    assert found.split() == ["None"] * 3
