"""The examples in C++ and C# find what obftnet finds; they are compiled and run where they can be.

ONNXRUNTIME_ROOT names a folder with `include` and, unless the Python package's library is to be used, `lib`.
C# is compiled by Mono, against a stand-in for ONNX Runtime's package, which is restored by .NET alone.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from obftnet.decision import image_score, judge
from obftnet.exported import ExportedSegmenter
from obftnet.exporting.parity import LIMIT
from obftnet.regions import find_regions

from .conftest import picture

ROOT = Path(__file__).resolve().parents[2]


def _headers() -> Path:
    roots = [Path(os.environ["ONNXRUNTIME_ROOT"])] if "ONNXRUNTIME_ROOT" in os.environ else []
    roots += [Path("/usr"), Path("/usr/local")]
    for root in roots:
        for below in ("include", "include/onnxruntime", "include/onnxruntime/core/session"):
            if (root / below / "onnxruntime_cxx_api.h").exists():
                return root / below
    pytest.skip("ONNX Runtime's C++ headers are not here: ONNXRUNTIME_ROOT names a folder that has them")


def _library(folder: Path) -> Path:
    """A folder with libonnxruntime.so, by the names that it is linked and loaded by."""
    there = Path(os.environ.get("ONNXRUNTIME_ROOT", "/nowhere")) / "lib"
    if there.is_dir():
        return there
    found = list((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so*"))
    if not found:
        pytest.skip("ONNX Runtime's library is not here")
    for name in ("libonnxruntime.so", "libonnxruntime.so.1"):
        (folder / name).symlink_to(found[0])
    return folder


def _cpp(folder: Path) -> list[str]:
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler (g++) is here")
    headers = _headers()
    if not any(Path(root, "nlohmann/json.hpp").exists() for root in ("/usr/include", "/usr/local/include")):
        pytest.skip("nlohmann/json is not here (Debian: nlohmann-json3-dev)")
    library = _library(folder)
    source = ROOT / "runtime/examples/cpp/segment.cpp"
    words = [compiler, "-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", str(source)]
    words += ["-isystem", str(headers), "-L", str(library), "-lonnxruntime", f"-Wl,-rpath,{library}"]
    subprocess.run([*words, "-o", str(folder / "segment")], check=True)
    return [str(folder / "segment")]


#: Sides of the graph's input and output; with a file, what is in it goes through the graph.
_STAND_IN = """
import sys
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1])
shapes = [[n if isinstance(n, int) else -1 for n in value.shape]
          for value in (*session.get_inputs(), *session.get_outputs())]
if len(sys.argv) == 2:
    print(*shapes[0], *shapes[1])
else:
    image = np.fromfile(sys.argv[2], np.float32).reshape(1, *shapes[0][1:])
    session.run(None, {"image": image})[0].tofile(sys.argv[2])
"""


def _csharp(folder: Path) -> list[str]:
    if shutil.which("mcs") is None or shutil.which("mono") is None:
        pytest.skip("no C# compiler (Debian: mono-mcs) is here")
    stand_in = Path(__file__).with_name("onnxruntime_stand_in.cs")
    sources = [ROOT / "runtime/examples/csharp/Segment.cs", stand_in]
    libraries = [f"-r:System.{name}" for name in ("Core", "Xml", "Xml.Linq", "Runtime.Serialization")]
    words = ["mcs", "-langversion:7", "-warnaserror", f"-out:{folder / 'segment.exe'}", *libraries]
    subprocess.run([*words, *map(str, sources)], check=True)
    (folder / "stand_in.py").write_text(_STAND_IN)
    return ["env", f"STAND_IN={sys.executable}|{folder / 'stand_in.py'}", "mono", str(folder / "segment.exe")]


@pytest.fixture(scope="module", params=[_cpp, _csharp], ids=["cpp", "csharp"])
def program(request, tmp_path_factory) -> list[str]:
    """The command that the example is run by."""
    return request.param(tmp_path_factory.mktemp("example"))


@pytest.fixture
def model(exported, tmp_path) -> Path:
    shutil.copytree(exported, tmp_path / "model")
    return tmp_path / "model"


def change(model: Path, tiles: bool, **decision: object) -> None:
    said = json.loads((model / "contract.json").read_text())
    said["pack"]["decision"] |= decision
    if "mm" in decision.values():
        said["pack"]["scale"] = 2.0
    if not tiles:
        said["tiles"] = said["pack"]["tile"] = said["pack"]["plan"] = None
    (model / "contract.json").write_text(json.dumps(said))


@pytest.mark.parametrize(
    ("shape", "tiles", "decision"),
    [
        ((80, 100), True, {}),
        ((40, 100), True, {"min_area": 30, "review": [0.2, 1.0]}),
        ((33, 64), True, {"threshold": 0.9, "low_threshold": 0.2, "min_area": 5}),
        ((90, 47), False, {"threshold": 0.6, "min_area": 12.5, "unit": "mm"}),
        ((30, 200), False, {"threshold": 0.999, "review": [0.1, 0.9999]}),
    ],
)
def test_it_finds_what_obftnet_finds(shape, tiles, decision, program, model, tmp_path):
    change(model, tiles, **decision)
    segmenter = ExportedSegmenter.load(model)
    Image.fromarray(picture(31, *shape)).save(tmp_path / "part.ppm")
    wanted = segmenter.predict(picture(31, *shape))
    words = [*program, model, tmp_path / "part.ppm", tmp_path / "mask.pgm", tmp_path / "score.pfm"]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    found = (tmp_path / "score.pfm").read_bytes().split(b"\n", 3)[3]
    score = np.frombuffer(found, "<f4").reshape(shape)[::-1]
    np.testing.assert_allclose(score, wanted.score, atol=LIMIT)
    value = image_score(wanted.score, segmenter.decision)
    assert said["image_score"] == pytest.approx(value, abs=LIMIT)
    assert said["verdict"] == judge(value, segmenter.decision)
    assert said["regions"] == len(find_regions(wanted.mask, wanted.score))
    marked = np.asarray(Image.open(tmp_path / "mask.pgm")) > 0
    levels = [segmenter.decision.threshold, segmenter.decision.low_threshold or 0.5]
    near = np.min([np.abs(wanted.score - level) for level in levels], axis=0) <= LIMIT
    assert not ((marked != wanted.mask) & ~near).any()


@pytest.mark.parametrize(
    ("decision", "said"),
    [({"min_length": 4.0}, "least length"), ({"threshold": 0.5}, "not a PPM")],
)
def test_what_it_does_not_do_is_one_line(decision, said, program, model, tmp_path):
    change(model, True, **decision)
    Image.fromarray(picture(31, 80, 100)).save(tmp_path / "part.ppm")
    if "PPM" in said:
        (tmp_path / "part.ppm").write_bytes(b"P5\n4 4\n255\n" + bytes(16))
    words = [*program, model, tmp_path / "part.ppm", tmp_path / "mask.pgm"]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
    assert not (tmp_path / "mask.pgm").exists()
