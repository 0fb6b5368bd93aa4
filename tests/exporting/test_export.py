"""A pack leaves as a folder that scores the same; what would not is refused, and nothing is left of it."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest

from obftnet.decision import Decision, decide
from obftnet.errors import InputError
from obftnet.exported import ENGINES, ExportedSegmenter, read_export
from obftnet.exporting import parity
from obftnet.exporting.export import export_pack
from obftnet.files import file_hash
from obftnet.imaging.encoded import encode_mask
from obftnet.imaging.picture import Picture
from obftnet.packs import read_pack
from obftnet.segmenter import Segmenter

from .conftest import FULL, model_file, picture


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_predicts_what_the_pack_does(engine, packed, exported):
    pack, weights = packed
    one = Segmenter.load(pack, "cpu", weights=weights)
    other = ExportedSegmenter.load(exported, engine)
    assert other.kinds == one.guidance.names == ("dent", "scratch")
    for image in (picture(7, 50, 120), picture(8, 64, 64)):
        wanted, found = one.predict(image), other.predict(image)
        np.testing.assert_allclose(found.score, wanted.score, atol=parity.LIMIT)
        assert (found.mask != wanted.mask).mean() < 0.01
    assert other.saw(picture(0)) is not None
    assert other.saw(picture(9)) is None


def test_any_number_of_images_is_one_call(exported):
    engine = ExportedSegmenter.load(exported).engine
    images = np.random.default_rng(0).random((4, 3, 64, 64), dtype=np.float32)
    together = engine(images)
    for index in range(4):
        np.testing.assert_allclose(together[index], engine(images[index : index + 1])[0], atol=1e-4)


def test_the_contract_says_what_the_graph_is(packed, exported):
    graph = onnx.load(exported / "model.onnx").graph
    contract = json.loads((exported / "contract.json").read_text())
    assert [one.name for one in graph.input] == [contract["input"]["name"]]
    sides = [side.dim_value for side in graph.input[0].type.tensor_type.shape.dim]
    assert sides[1:] == contract["input"]["shape"][1:]
    assert sides[0] == 0  # any number of images
    assert [one.name for one in graph.output] == [contract["output"]["name"]]
    assert contract["graph"]["sha256"] == file_hash(exported / "model.onnx")
    pack = read_pack(packed[0])
    assert contract["pack"] == json.loads(pack.content.model_dump_json())
    assert [proof["engine"] for proof in contract["proofs"]] == ["onnx", "openvino"]
    for proof in contract["proofs"]:
        assert 0 <= proof["largest"] <= proof["limit"] == parity.LIMIT
    assert sorted(path.name for path in exported.iterdir()) == ["contract.json", "guidance.png", "model.onnx"]


def test_a_region_of_interest_travels(exported, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(exported, folder)
    interest = np.zeros((70, 80), bool)
    interest[:, 30:] = True
    drawn = encode_mask(interest, "interest")
    (folder / "interest.png").write_bytes(drawn.data)
    said = json.loads((folder / "contract.json").read_text())
    said["pack"]["interest"] = {
        "image": {"tensor": "interest", "sha256": drawn.sha256},
        "width": 80,
        "height": 70,
    }
    said["pack"]["decision"] |= {"threshold": 0.1, "min_area": 0.5, "unit": "mm"}
    said["pack"]["scale"] = 10
    (folder / "contract.json").write_text(json.dumps(said))
    model = ExportedSegmenter.load(folder)
    assert model.decision == Decision(0.1, 50, interest=interest)
    query = picture(4, 70, 80)
    found = model.predict(query)
    assert found.mask.any()
    assert not found.score[:, :30].any()
    # What lies outside changes no score inside.
    other = np.where(interest[..., None], query, picture(5, 70, 80))
    np.testing.assert_array_equal(model.predict(other).score, found.score)
    with pytest.raises(InputError, match="region of interest"):
        model.predict(picture(4, 70, 81))
    (folder / "interest.png").write_bytes(b"another")
    with pytest.raises(InputError, match=r"interest\.png: not as it was written"):
        read_export(folder)
    # The guidance in an earlier graph has seen what is painted out of queries.
    said["pack"]["fitted"].pop("outside")
    (folder / "contract.json").write_text(json.dumps(said))
    with pytest.raises(InputError, match="still counts what lies outside of the region of interest"):
        read_export(folder)


def test_the_guidance_is_compared_as_it_was_fitted(packed, exported, monkeypatch):
    segmenter = Segmenter.load(packed[0], "cpu", weights=packed[1])
    interest = np.ones((64, 64), bool)
    interest[:, :20] = False
    segmenter = segmenter.decided_by(Decision(0.5, interest=interest))
    # Without its region, which is not of the other pictures' size, it would be another guidance.
    monkeypatch.setattr(Segmenter, "fit", lambda *_, **__: pytest.fail("fitted again"))
    assert parity.prove(segmenter, ExportedSegmenter.load(exported), [_square(7)]).images == 1


class _Wrong:
    """An engine that scores as another, but one pixel."""

    def __init__(self, engine, change):
        self._engine, self._change = engine, change
        self.name, self.version = engine.name, engine.version

    def __call__(self, images):
        scores = self._engine(images)
        self._change(scores)
        return scores


def _one_pixel(scores):
    scores[:, 0, 5, 9] += np.where(scores[:, 0, 5, 9] > 0.5, -0.002, 0.002)


def _not_a_number(scores):
    scores[-1, 0, 5, 9] = np.nan


def _in_batches_only(scores):
    if len(scores) > 1:
        scores[:] = scores[::-1].copy()


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (_one_pixel, r"pixel \(9, 5\) scores"),
        (_not_a_number, r"pixel \(9, 5\) scores .* nan"),
        (_in_batches_only, r"2 in one call: pixel"),
    ],
)
def test_scores_that_differ_are_refused_and_nothing_is_left(
    change, where, packed, same_graph, tmp_path, monkeypatch
):
    pack, weights = packed
    load = ExportedSegmenter.__init__

    def changed(self, *arguments):
        load(self, *arguments)
        self.engine = _Wrong(self.engine, change)

    monkeypatch.setattr(ExportedSegmenter, "__init__", changed)
    # Pictures of the network's size: a pixel of the graph's is a pixel of the picture's.
    monkeypatch.setattr("obftnet.exporting.export._pictures", lambda *_: [_square(1), _square(2)])
    with pytest.raises(InputError, match=where):
        export_pack(pack, tmp_path / "model", weights=weights)
    assert list(tmp_path.iterdir()) == []


def _square(seed: int) -> Picture:
    return Picture(picture(seed, 64, 64), 255, f"square {seed}")


class _Says:
    """Predicts one score map."""

    def __init__(self, segmenter, score):
        self._segmenter, self._score = segmenter, score

    def predict(self, image):
        found = self._segmenter.predict(image)
        return replace(
            found, score=self._score, mask=decide(self._score, self._segmenter.decision), best=None
        )


@pytest.mark.parametrize(
    ("pixels", "what"),
    [
        ([(5, 5)], "verdict"),
        # Two regions, between which a pixel may lie.
        ([(20, 20), (20, 22), (20, 21)], "number of regions"),
    ],
)
def test_a_decision_that_a_small_difference_changes_is_refused(pixels, what, packed):
    segmenter = Segmenter.load(packed[0], "cpu", weights=packed[1])
    segmenter.decision = Decision(0.5)
    one = np.full((64, 64), 0.1, np.float32)
    for place in pixels[:-1]:
        one[place] = 0.9
    other = one.copy()
    one[pixels[-1]], other[pixels[-1]] = 0.5 - 2e-4, 0.5 + 2e-4
    found = parity.Compared()
    with pytest.raises(InputError, match=what):
        parity.compare(
            _Says(segmenter, one), _Says(segmenter, other), _square(3), segmenter.decision, "one", found
        )
    parity.compare(_Says(segmenter, one), _Says(segmenter, one), _square(3), segmenter.decision, "one", found)
    assert (found.images, found.largest, found.pixels) == (1, 0, 0)


def _damage(folder, name, old, new):
    path = folder / name
    path.write_bytes(path.read_bytes().replace(old, new, 1))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder: (folder / "model.onnx").unlink(), "model.onnx: no such file"),
        (lambda folder: _damage(folder, "model.onnx", b"image", b"imago"), "not as it was written"),
        (lambda folder: (folder / "contract.json").unlink(), "contract.json: no such file"),
        (lambda folder: _damage(folder, "contract.json", b"export-1", b"export-9"), "obftnet-export-9"),
        (lambda folder: _damage(folder, "contract.json", b'"NCHW"', b'"NHWC"'), "input.layout"),
        (lambda folder: _damage(folder, "contract.json", b"0.25", b"0.5"), "tiles.overlap"),
        (lambda folder: _damage(folder, "contract.json", b'"limit": 0.001', b'"limit": 0.9'), "a proof of"),
        (lambda folder: _damage(folder, "contract.json", b'"dent"', b'"bump"'), "kinds are not those"),
        (lambda folder: _damage(folder, "contract.json", b"{", b"["), "not JSON"),
        (lambda folder: _damage(folder, "contract.json", b'"openvino"', b'"onnx"'), "not by openvino"),
    ],
)
def test_a_damaged_export_is_refused_in_one_line(harm, said, exported, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(exported, folder)
    harm(folder)
    with pytest.raises(InputError, match=said) as caught:
        ExportedSegmenter.load(folder, "openvino")
    assert str(folder) in str(caught.value)


def test_a_graph_that_is_not_what_its_contract_says_is_refused(exported, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(exported, folder)
    text = (folder / "contract.json").read_text()
    (folder / "contract.json").write_text(text.replace(": 64", ": 96").replace(" 64", " 96"))
    with pytest.raises(InputError, match="where its contract says"):
        ExportedSegmenter.load(folder)


def test_an_engine_that_is_not_there_is_named(exported, tmp_path):
    with pytest.raises(InputError, match="there are onnx, openvino"):
        ExportedSegmenter.load(exported, "tensorrt")
    code = (
        "import sys; sys.modules['openvino'] = None\n"
        "from obftnet.exported import ExportedSegmenter\n"
        f"ExportedSegmenter.load({str(exported)!r}, 'openvino')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "OpenVINO is not installed" in done.stderr


def test_the_command(packed, same_graph, tmp_path, obftnet):
    pack, weights = packed
    status, out, err = obftnet("export", "--pack", pack, "--weights", weights, "--out", tmp_path / "model")
    assert (status, err.count("\n")) == (0, err.count("compare"))
    assert "onnx" in out
    status, _, err = obftnet("export", "--pack", pack, "--weights", weights, "--out", tmp_path / "model")
    assert status == 2
    assert "is there already" in err
    status, _, err = obftnet("export", "--pack", weights, "--out", tmp_path / "other")
    assert status == 2
    assert err.count("\n") == 1


def test_a_pack_that_would_be_fitted_anew_is_refused(packed, tmp_path):
    pack, _ = packed
    other = model_file(tmp_path, "other", spread=10.0, **FULL)
    with pytest.raises(InputError, match="fitted with other weights"):
        export_pack(pack, tmp_path / "model", weights=other)
    assert not (tmp_path / "model").exists()


def test_what_is_compared_of_a_tiled_pack_are_its_tiles(packed):
    segmenter = Segmenter.load(packed[0], "cpu", weights=packed[1])
    given = [("a", picture(0)), ("b", picture(1)), ("c", picture(0)), ("d", picture(2))]
    found = parity.pictures_of(segmenter, given)
    supports, backgrounds = segmenter.parts
    assert len(found) == len(supports) + len(backgrounds)
    assert {one.shape for one in found} == {(64, 64)}
    for one, part in zip(found, supports, strict=False):
        y, x = part.corner
        np.testing.assert_array_equal(one.samples, given[part.image][1][y : y + 64, x : x + 64])
