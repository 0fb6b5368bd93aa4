"""Fit on examples, predict the rest."""

import numpy as np
import pytest
import torch
from PIL import Image

from obftnet.backbones.weights import load_backbone
from obftnet.config import CuesConfig
from obftnet.errors import InputError, InputWarning
from obftnet.model import OBFTNet
from obftnet.segmenter import Segmenter, resolve_device
from obftnet.weights import save_model


def picture(seed: int, height: int = 90, width: int = 70) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def mask_of(height: int = 90, width: int = 70) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[20:40, 10:30] = True
    return mask


@pytest.fixture
def segmenter(tiny_model) -> Segmenter:
    return Segmenter(tiny_model, device="cpu")


@pytest.fixture
def fitted(segmenter) -> Segmenter:
    return segmenter.fit([(picture(0), mask_of())], [picture(1), picture(2, 64, 100)])


def test_scores_have_the_source_images_size(fitted):
    for size in ((90, 70), (33, 200), (64, 64), (5, 7)):
        found = fitted.predict(picture(3, *size))
        assert found.score.shape == found.mask.shape == size
        assert found.score.dtype == np.float32
        assert found.mask.dtype == np.bool_
        assert found.score.min() >= 0
        assert found.score.max() <= 1
        assert np.ptp(found.score) > 0


def test_the_mask_is_the_score_above_the_threshold(tiny_model):
    guidance = ([(picture(0), mask_of())], [picture(1)])
    score = Segmenter(tiny_model, device="cpu").fit(*guidance).predict(picture(3)).score
    middle = float(np.median(score))
    found = Segmenter(tiny_model, device="cpu", threshold=middle).fit(*guidance).predict(picture(3))
    np.testing.assert_array_equal(found.score, score)
    np.testing.assert_array_equal(found.mask, score > middle)
    assert 0 < found.mask.mean() < 1


def test_arrays_pil_images_and_paths_are_the_same(segmenter, tmp_path):
    image, mask, good, query = picture(0), mask_of(), picture(1), picture(3)
    for name, pixels in (
        ("image", image),
        ("good", good),
        ("query", query),
        ("mask", mask.astype(np.uint8) * 255),
    ):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    forms = [
        (image, mask, good, query),
        (
            image / np.float32(255),
            mask.astype(np.uint8) * 255,
            good / np.float32(255),
            query / np.float32(255),
        ),
        (Image.fromarray(image), Image.fromarray(mask), Image.fromarray(good), Image.fromarray(query)),
        tuple(tmp_path / f"{name}.png" for name in ("image", "mask", "good", "query")),
        tuple(str(tmp_path / f"{name}.png") for name in ("image", "mask", "good", "query")),
    ]
    scores = [segmenter.fit([(a, b)], [c]).predict(d).score for a, b, c, d in forms]
    for score in scores[1:]:
        np.testing.assert_array_equal(score, scores[0])


def test_sixteen_bit_grey_is_grey(fitted, tmp_path):
    ramp = (np.linspace(0, 65535, 90 * 70).reshape(90, 70)).astype(np.uint16)
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    from_file = fitted.predict(tmp_path / "ramp.png").score
    np.testing.assert_array_equal(from_file, fitted.predict(ramp).score)
    np.testing.assert_array_equal(from_file, fitted.predict(ramp / np.float32(65535)).score)
    white = fitted.predict(np.full((90, 70), 65535, np.uint16)).score
    assert not np.array_equal(from_file, white)


def test_the_same_question_has_the_same_answer(tiny_model):
    guidance = ([(picture(0), mask_of()), (picture(4, 50, 60), mask_of(50, 60))], [picture(1)])
    scores = []
    for _ in range(2):
        segmenter = Segmenter(tiny_model, device="cpu").fit(*guidance)
        segmenter.predict(picture(5))
        scores.append(segmenter.predict(picture(3)).score)
    np.testing.assert_array_equal(*scores)


def test_a_second_fit_replaces_the_first(segmenter):
    second = ([(picture(8), mask_of())], [picture(9)])
    segmenter.fit([(picture(0), mask_of())], [picture(1)])
    first = segmenter.predict(picture(3)).score
    again = segmenter.fit(*second).predict(picture(3)).score
    assert not np.array_equal(first, again)
    assert segmenter.saw(picture(8))
    assert not segmenter.saw(picture(0))


def test_the_guidance_is_worked_on_once(segmenter, monkeypatch):
    calls = []
    extract = OBFTNet.extract

    def counted(self, images, masks=None):
        calls.append(len(images))
        return extract(self, images, masks)

    monkeypatch.setattr(OBFTNet, "extract", counted)
    segmenter.fit([(picture(0), mask_of()), (picture(1), mask_of())], [picture(2), picture(3), picture(4)])
    assert sum(calls) == 5
    calls.clear()
    segmenter.predict(picture(5))
    segmenter.predict(picture(6))
    assert calls == [1, 1]


def test_votes_of_several_shots_work_on_the_query_once(monkeypatch):
    model = OBFTNet(
        CuesConfig(backbone="compact", size=64, shots_rule="vote"),
        load_backbone("compact", "random"),
    )
    segmenter = Segmenter(model, device="cpu")
    segmenter.fit([(picture(i), mask_of()) for i in range(3)], [picture(9)])
    calls = []
    extract = OBFTNet.extract
    monkeypatch.setattr(
        OBFTNet, "extract", lambda self, *given: calls.append(len(given[0])) or extract(self, *given)
    )
    score = segmenter.predict(picture(5)).score
    assert calls == [1]
    assert score.shape == (90, 70)


def test_a_support_is_known_again_pixel_for_pixel(fitted):
    assert fitted.saw(picture(0))
    assert fitted.saw(Image.fromarray(picture(0)))
    assert not fitted.saw(picture(1))
    changed = picture(0)
    changed[0, 0, 0] ^= 1
    assert not fitted.saw(changed)


def test_bad_guidance_is_named(segmenter, tmp_path):
    good, mask = picture(0), mask_of()
    cases = [
        ([], [good], "no support"),
        ([(good, mask)], [], "no background"),
        ([(good, mask), (good, np.zeros_like(mask))], [good], "mask of support 1: an empty mask.*support 1"),
        ([(good, mask[:50])], [good], "mask of support 0: a mask of 70 x 50 pixels.*70 x 90"),
        ([(good, mask)], [good, np.zeros((4, 4, 2))], "background 1"),
        ([(tmp_path / "none.png", mask)], [good], "none.png"),
    ]
    for supports, backgrounds, message in cases:
        with pytest.raises(InputError, match=message):
            segmenter.fit(supports, backgrounds)
    with pytest.raises(InputError, match="call fit"):
        segmenter.predict(good)


def test_weights_by_file(tiny_model, tmp_path, fitted):
    save_model(tmp_path / "model.safetensors", tiny_model)
    loaded = Segmenter.from_pretrained(tmp_path, device="cpu", threshold=0.3, tile=None)
    assert loaded.threshold == 0.3
    assert len(loaded.weights_hash) == 64
    loaded.fit([(picture(0), mask_of())], [picture(1), picture(2, 64, 100)])
    np.testing.assert_array_equal(loaded.predict(picture(3)).score, fitted.predict(picture(3)).score)


def test_devices():
    assert resolve_device("cpu").type == "cpu"
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(InputError, match=r"'tpu9'.*auto, cpu, cuda"):
        resolve_device("tpu9")
    with pytest.raises(InputError, match=r"cuda:99.*CUDA devices are here; use cpu or auto"):
        resolve_device("cuda:99")
    for unsupported in ("mps", "cpu:5", "meta"):
        with pytest.raises(InputError, match=rf"{unsupported}.*use auto, cpu, cuda"):
            resolve_device(unsupported)


def marked(top: int, left: int) -> np.ndarray:
    mask = np.zeros((90, 70), bool)
    mask[top : top + 15, left : left + 15] = True
    return mask


def test_one_kind_with_a_name_scores_as_without(segmenter, fitted):
    expected = fitted.predict(picture(3))
    named = segmenter.fit({"cut": [(picture(0), mask_of())]}, [picture(1), picture(2, 64, 100)])
    found = named.predict(picture(3))
    np.testing.assert_array_equal(found.score, expected.score)
    assert (expected.kinds, found.kinds) == (("defect",), ("cut",))
    assert found.best is expected.best is None
    np.testing.assert_array_equal(found.kind, found.mask)


@pytest.mark.parametrize("tile", [None, 64])
def test_a_pixels_kind_is_the_best_ones_and_none_where_none_decides(tiny_model, tile):
    cut, dent = [(picture(0), marked(5, 5)), (picture(4), marked(20, 40))], [(picture(5), marked(60, 30))]
    segmenter = Segmenter(tiny_model, device="cpu", tile=tile)
    found = segmenter.fit({"cut": cut, "dent": dent}, [picture(1)]).predict(picture(3))
    assert found.kinds == ("cut", "dent")
    assert found.best is not None
    assert found.best.dtype == np.uint8
    assert found.best.shape == found.score.shape == (90, 70)
    assert set(np.unique(found.best)) == {0, 1}
    # The other way round, the same kinds have the same pixels: kinds stand in the order of their names.
    other = segmenter.fit({"dent": dent, "cut": cut}, [picture(1)]).predict(picture(3))
    assert other.kinds == found.kinds
    np.testing.assert_array_equal(other.score, found.score)
    np.testing.assert_array_equal(other.best, found.best)
    segmenter.threshold = float(np.median(other.score))
    decided = segmenter.predict(picture(3))
    np.testing.assert_array_equal(decided.kind, np.where(decided.mask, decided.best + 1, 0))
    assert set(np.unique(decided.kind)) == {0, 1, 2}


def test_what_another_kind_marks_of_the_same_picture_is_no_good_material(segmenter, tmp_path):
    """Its defect, black in this kind's mask, is found again in a query and stays unlike good material."""
    both = picture(0)
    Image.fromarray(both).save(tmp_path / "copy.png")
    supports = {"cut": [(both, marked(5, 5))], "dent": [(tmp_path / "copy.png", marked(60, 40))]}
    guidance = segmenter.fit(supports, [picture(1)]).guidance
    (finest, *_), (ignored, *_) = guidance.defect, guidance.ignored
    assert torch.equal(ignored, finest.flip(0))
    assert finest.any(-1).any(-1).all()
    columns = guidance.columns[0]
    assert columns.counts[1] == 2 * (finest[0].numel() - int(finest.sum()))
    supports["dent"] = [(picture(7), marked(60, 40))]
    assert segmenter.fit(supports, [picture(1)]).guidance.ignored == ()


def test_supports_of_kinds_are_named_by_them(segmenter):
    supports = {"cut": [(picture(0), mask_of())], "dent": [(picture(4), mask_of().T)]}
    with pytest.raises(InputError, match="mask of support 0 of dent"):
        segmenter.fit(supports, [picture(1)])


def test_one_picture_twice_in_a_kind_is_asked_about(segmenter):
    """What only the other's mask marks would be good material in it."""
    pairs = [(picture(0), mask_of()), (picture(0), np.roll(mask_of(), 30, 0))]
    with pytest.warns(InputWarning, match="support 1: the same image as support 0"):
        segmenter.fit(pairs, [picture(1)])
    segmenter.fit({"one": pairs[:1], "other": pairs[1:]}, [picture(1)])
