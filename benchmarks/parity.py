"""Every way to a result: scores, verdicts, regions and masks of the same images, against obftnet segment.

    obftnet fit --guidance GUIDANCE --tile none --out a.pack
    obftnet export --pack a.pack --out model --openvino
    python benchmarks/parity.py --case a.pack model QUERIES --runtime v/bin/obftnet-runtime --work /tmp/parity

v is an environment of its own with obftnet-runtime and without PyTorch. That command, `obftnet segment`, the
page and the server run in processes of their own. A few images at a time go through all ways, and the same
command goes on where it was stopped; --no-server, --no-page and so on leave a way out.
"""

import argparse
import base64
import io
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

OBFTNET = [sys.executable, "-m", "obftnet"]


@dataclass
class Found:
    """What a way says of an image."""

    score: np.ndarray
    mask: np.ndarray
    verdict: str
    regions: int


def of_folder(out: Path) -> dict[str, Found]:
    """The results of a folder by their names."""
    from obftnet.imaging.read import image_size, read_mask, read_picture
    from obftnet.segmentation.outputs import Outputs
    from obftnet.segmentation.record import read_record

    found = {}
    for entry in read_record(out).images:
        files = Outputs.of(out, entry.result)
        mask = read_mask(files.mask, like=image_size(files.mask), allow_empty=True)
        score = read_picture(files.score).samples
        found[entry.result] = Found(score, mask, str(entry.verdict), entry.regions)
    return found


def by_command(command: list[str]) -> Callable[[Path, Path], dict[str, Found]]:
    def run(images: Path, out: Path) -> dict[str, Found]:
        words = [*command, str(images), "--out", str(out), "--keep", "mask,score"]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{words}: {done.stderr}")
        return of_folder(out)

    return run


def in_python(segmenter: Any, decision: Any) -> Callable[[Path, Path], dict[str, Found]]:
    from obftnet.decision import image_score, judge
    from obftnet.regions import find_regions

    def run(images: Path, out: Path) -> dict[str, Found]:
        found = {}
        for path in sorted(images.iterdir()):
            seen = segmenter.predict(path)
            verdict = judge(image_score(seen.score, decision), decision)
            found[path.stem] = Found(
                seen.score, seen.mask, str(verdict), len(find_regions(seen.mask, seen.score))
            )
        return found

    return run


@contextmanager
def page(pack: Path, project: Path) -> Iterator[Callable[[Path, Path], dict[str, Found]]]:
    """The page's server, asked as the page asks it to run a folder."""
    with serving(["ui", str(project), "--port", "0", "--device", "cpu", "--threads", "1"]) as address:
        # As if it had been fitted there.
        (project / "fit.pack").write_bytes(pack.read_bytes())

        def run(images: Path, out: Path) -> dict[str, Found]:
            number = ask(f"{address}api/batches", {"folder": str(images)})["number"]
            while (state := ask(f"{address}api/batches/{number}")["state"]) not in ("done", "pause"):
                time.sleep(0.5)
            if state == "pause":
                sys.exit("the page could not run the folder")
            return of_folder(project / f"batches/{number}/results")

        yield run


@contextmanager
def server(pack: Path, folder: Path) -> Iterator[Callable[[Path, Path], dict[str, Found]]]:
    from obftnet.imaging.encoded import Encoded
    from obftnet.imaging.read import as_mask

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "one.pack").write_bytes(pack.read_bytes())
    words = ["serve", "--packs", str(folder), "--port", "0", "--device", "cpu", "--threads", "1"]
    with serving([*words, "--timeout", "3600"]) as address:

        def run(images: Path, out: Path) -> dict[str, Found]:
            found = {}
            for path in sorted(images.iterdir()):
                asked = urllib.request.Request(
                    f"{address}packs/one/segment?mask=png&score=true",
                    path.read_bytes(),
                    {"Content-Type": "application/octet-stream"},
                )
                said = until_ready(asked)
                score = Encoded("score", base64.b64decode(said["score"]["data"])).picture().samples
                mask = as_mask(
                    Encoded("mask", base64.b64decode(said["mask"]["data"])),
                    like=score.shape,
                    allow_empty=True,
                )
                found[path.stem] = Found(score, mask, said["verdict"], len(said["regions"]))
            return found

        yield run


@contextmanager
def serving(words: list[str]) -> Iterator[str]:
    """A command that says its address on its first line."""
    with subprocess.Popen([*OBFTNET, *words], stdout=subprocess.PIPE, text=True) as process:
        try:
            address = process.stdout.readline().split()[-1]
            yield address.rstrip("/") + "/"
        finally:
            process.terminate()


def ask(address: str, body: object = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def until_ready(request: urllib.request.Request) -> dict[str, Any]:
    """The answer, once the server has loaded the pack."""
    for _ in range(600):
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(io.TextIOWrapper(answer))
        except urllib.error.HTTPError as error:
            if error.code not in (404, 429, 503):
                raise
            time.sleep(1)
    sys.exit("the server does not come to have the pack")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--case", nargs=3, action="append", required=True, metavar=("PACK", "MODEL", "QUERIES"), type=Path
    )
    parser.add_argument("--work", type=Path, required=True, help="folder of results, and of what is known")
    parser.add_argument("--runtime", type=Path, help="obftnet-runtime of an environment without PyTorch")
    parser.add_argument("--most", type=int, default=50, help="images of each case, evenly spaced")
    parser.add_argument("--few", type=int, default=5, help="images that go through all ways at a time")
    for way in ("python", "onnx", "openvino", "page", "server"):
        parser.add_argument(f"--no-{way}", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    known = options.work / "compared.jsonl"
    options.work.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in known.read_text().splitlines()] if known.exists() else []
    try:
        with ExitStack() as stack:
            cases = [case(*paths, options, stack) for paths in options.case]
            for turn in range(-(-options.most // options.few)):
                for name, chosen, ways in cases:
                    few = chosen[turn * options.few :][: options.few]
                    for row in compare(name, few, ways, options.work / name / f"{turn:03}", rows):
                        rows.append(row)
                        with known.open("a") as file:
                            file.write(json.dumps(row) + "\n")
    finally:
        show(rows)


def case(pack: Path, model: Path, queries: Path, options: argparse.Namespace, stack: ExitStack) -> tuple:
    """What a case is called, its images, and its ways, `obftnet segment` first."""
    from obftnet.exported import ExportedSegmenter
    from obftnet.files import file_hash
    from obftnet.packs import read_pack
    from obftnet.segmentation.queries import find_queries
    from obftnet.segmenter import Segmenter

    content = read_pack(pack)
    supports = {entry.image.sha256 for entry in content.content.supports}
    found = [query.path for query in find_queries([queries]).queries]
    found = [path for path in found if file_hash(path) not in supports]
    chosen = [found[i] for i in np.linspace(0, len(found) - 1, min(options.most, len(found))).astype(int)]
    decision = content.decision.in_pixels(content.content.scale)
    here = options.work.absolute() / pack.stem

    def begun(way: Any) -> Callable[[], Any]:
        return lambda: stack.enter_context(way)

    ways: dict[str, Callable[[], Callable[[Path, Path], dict[str, Found]]]] = {
        "obftnet segment": lambda: by_command(
            [*OBFTNET, "segment", "--pack", str(pack), "--device", "cpu", "--threads", "1"]
        )
    }
    if not options.no_python:
        ways["Python"] = lambda: in_python(Segmenter.load(pack, "cpu"), decision)
    if not options.no_page:
        ways["page"] = begun(page(pack, here / "project"))
    if not options.no_server:
        ways["server"] = begun(server(pack, here / "packs"))
    if not options.no_onnx:
        ways["ONNX Runtime"] = lambda: in_python(ExportedSegmenter.load(model, "onnx", threads=1), decision)
    if not options.no_openvino:
        ways["OpenVINO"] = lambda: in_python(ExportedSegmenter.load(model, "openvino", threads=1), decision)
    if options.runtime:
        code = "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is not None)"
        if subprocess.run([options.runtime.with_name("python"), "-c", code]).returncode:
            sys.exit(f"{options.runtime}: PyTorch is in that environment")
        command = [str(options.runtime), "segment", "--model", str(model), "--threads", "1"]
        ways["obftnet-runtime"] = lambda: by_command(command)
    return pack.stem, chosen, {name: Once(way) for name, way in ways.items()}


class Once:
    """A way that is begun when it is first gone."""

    def __init__(self, begin: Callable[[], Callable[[Path, Path], dict[str, Found]]]) -> None:
        self.begin, self.way = begin, None

    def __call__(self, images: Path, out: Path) -> dict[str, Found]:
        if self.way is None:
            self.way = self.begin()
        return self.way(images, out)


@dataclass
class Row:
    case: str
    way: str
    image: str
    largest_difference: float
    verdict_changed: bool
    regions_changed: bool
    pixels_changed: int


def compare(
    name: str, few: list[Path], ways: dict[str, Once], here: Path, rows: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """What each way says of some images, where that is not known."""
    images = here / "images"
    images.mkdir(parents=True, exist_ok=True)
    for path in few:
        link = images / f"{path.parent.name}_{path.name}"
        if not link.exists():
            link.symlink_to(path.absolute())
    stems = sorted(path.stem for path in images.iterdir())
    reference, *others = ways
    wanted = None
    for way in others:
        done = {row["image"] for row in rows if (row["case"], row["way"]) == (name, way)}
        if not set(stems) - done:
            continue
        if wanted is None:
            wanted = ways[reference](images, here / "segment")
        got = ways[way](images, here / way.replace(" ", "_"))
        for stem in stems:
            if stem in done:
                continue
            one, other = wanted[stem], got[stem]
            yield asdict(
                Row(
                    name,
                    way,
                    stem,
                    float(np.abs(one.score - other.score).max()),
                    one.verdict != other.verdict,
                    one.regions != other.regions,
                    int(np.count_nonzero(one.mask != other.mask)),
                )
            )


def show(rows: list[dict[str, Any]]) -> None:
    print("way,images,verdicts_changed,regions_changed,pixels_changed,largest_difference")
    for way in dict.fromkeys(row["way"] for row in rows):
        of_way = [row for row in rows if row["way"] == way]
        sums = (
            sum(row[name] for row in of_way)
            for name in ("verdict_changed", "regions_changed", "pixels_changed")
        )
        print(way, len(of_way), *sums, f"{max(row['largest_difference'] for row in of_way):.1e}", sep=",")


if __name__ == "__main__":
    main()
