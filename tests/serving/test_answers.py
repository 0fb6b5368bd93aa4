"""What is answered is what `obftnet segment --pack` writes, to the bit."""

import base64
import hashlib
import io
import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from obftnet.packs import read_pack
from obftnet.regions import read_regions
from obftnet.regions.coco import expanded
from obftnet.segmentation import segment_files
from obftnet.serving.worker import Asked, Desk, Load, Look, Refused

from .conftest import picture, png


@pytest.fixture(scope="module")
def segmented(tmp_path_factory, packs):
    """Files of several kinds, and the results of the command for them."""
    folder = tmp_path_factory.mktemp("segmented")
    (folder / "in").mkdir()
    for seed in range(4):
        (folder / f"in/{seed}.png").write_bytes(png(picture(seed)))
    Image.fromarray(picture(5, (70, 50))).convert("L").save(folder / "in/grey.tiff")
    Image.fromarray(picture(6)).save(folder / "in/jpeg.jpg", quality=90)
    for name, path in packs.files.items():
        segment_files([folder / "in"], None, folder / name, pack=path, weights=packs.weights, device="cpu")
    return folder


@pytest.mark.parametrize("name", ["leather", "tile"])
def test_the_answer_is_what_segment_writes(server, segmented, packs, name):
    entries = json.loads((segmented / name / "segment.json").read_text())["images"]
    assert {entry["verdict"] for entry in entries} == {"pass", "fail"}
    for entry in entries:
        path = segmented / "in" / entry["file"].rsplit("/", 1)[-1]
        answer = server.ask(name, path.read_bytes(), mask="png", score=True)
        assert answer.status_code == 200, answer.text
        said = answer.json()
        for field in ("verdict", "image_score", "defect_area", "max_score"):
            assert said[field] == entry[field], field
        assert said["image"] == {key: entry[key] for key in ("sha256", "width", "height")}
        results = segmented / name / entry["result"]
        score = base64.b64decode(said["score"]["data"])
        assert score == results.with_name(f"{results.name}_score.tiff").read_bytes()
        mask = base64.b64decode(said["mask"]["data"])
        assert mask == results.with_name(f"{results.name}_mask.png").read_bytes()
        written = results.with_name(f"{results.name}_regions.json")
        regions = read_regions(written) if written.exists() else []
        for region, one in zip(regions, said["regions"], strict=True):
            wanted = {
                key: list(value) if isinstance(value, tuple) else value for key, value in vars(region).items()
            }
            in_mm = {
                "area_mm2": region.area / 100,
                "length_mm": region.length / 10,
                "width_mm": region.width / 10,
            }
            assert one == {key: value for key, value in wanted.items() if key != "runs"} | in_mm
        sha256 = hashlib.sha256(packs.files[name].read_bytes()).hexdigest()
        assert said["pack"] == {"name": name, "sha256": sha256}


def test_run_lengths_are_the_mask_s(server):
    for seed in range(4):
        both = [
            server.ask("leather", png(picture(seed)), mask=form).json()["mask"] for form in ("png", "rle")
        ]
        mask = np.asarray(Image.open(io.BytesIO(base64.b64decode(both[0]["data"]))))
        height, width = both[1]["size"]
        runs = expanded(both[1]["counts"])
        flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
        assert np.array_equal(flat.reshape(width, height).T, mask == 255)
        assert set(np.unique(mask)) <= {0, 255}


def test_only_what_is_asked_for_is_sent(server):
    said = server.ask("leather", png(picture(0))).json()
    assert said["mask"] is None
    assert said["score"] is None


def score_of(found: dict) -> np.ndarray:
    return tifffile.imread(io.BytesIO(base64.b64decode(found["score"]["data"])))


def test_images_looked_at_together_are_answered_as_one_by_one(packs):
    """A batch rounds otherwise in the last bits, and no verdict here is as near to the threshold."""
    desk = Desk(str(packs.weights), "cpu")
    pack = read_pack(packs.files["leather"])
    assert desk.answer(Load("a", pack)) == ""
    support = Asked("image", pack.image(pack.content.supports[0]).data, "png", True)
    images = [Asked("image", png(picture(seed)), "png", True) for seed in range(4)]
    one_by_one = [desk.answer(Look("a", (image,)))[0] for image in images]
    together = desk.answer(Look("a", (images[0], support, *images[1:])))
    assert isinstance(together.pop(1), Refused)
    for alone, found in zip(one_by_one, together, strict=True):
        assert (alone["batch"], found["batch"]) == (1, 4)
        assert np.abs(score_of(alone) - score_of(found)).max() <= 2e-6
        for field in ("verdict", "mask", "image", "kinds", "decision"):
            assert alone[field] == found[field], field
        assert [one["area"] for one in alone["regions"]] == [one["area"] for one in found["regions"]]


def test_the_support_and_its_mask_are_no_images_to_judge(server, packs):
    pack = read_pack(packs.files["leather"])
    entry = pack.content.supports[0]
    for encoded, what in (
        (pack.image(entry), "same image as the support"),
        (pack.mask(entry), "mask of the"),
    ):
        answer = server.ask("leather", encoded.data)
        assert answer.status_code == 422
        assert what in answer.json()["error"]
    assert server.ask("tile", pack.image(entry).data).status_code == 200
    good = server.ask("leather", pack.image(pack.content.backgrounds[0]).data).json()
    assert "background" in good["warnings"][0]
