"""The last layer adapted to a guidance: it learns what is annotated, travels in the pack, and is refused
where it cannot be."""

import numpy as np
import pytest
import torch

from obftnet.backbones.weights import load_backbone
from obftnet.config import CuesConfig, model_config
from obftnet.decision import Decision
from obftnet.errors import InputError, InputWarning
from obftnet.exporting.graph import ScoreGraph
from obftnet.imaging.write import write_png
from obftnet.model import OBFTNet
from obftnet.packs import Pack, read_pack
from obftnet.segmenter import Segmenter
from obftnet.tensors import to_tensor
from obftnet.weights import save_model

SIDE = 64


def image(seed: int, corner: tuple[int, int] | None = None) -> np.ndarray:
    """Grey noise, with a bright square of 20 pixels where `corner` says."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(60, 110, (SIDE, SIDE, 1), dtype=np.uint8).repeat(3, 2)
    if corner is not None:
        pixels[square(corner)] += 120
    return pixels


def square(corner: tuple[int, int]) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[corner[0] : corner[0] + 20, corner[1] : corner[1] + 20] = True
    return mask


CORNERS = [(4, 8), (36, 30), (20, 40)]
SUPPORTS = [(image(index, corner), square(corner)) for index, corner in enumerate(CORNERS)]
GOODS = [image(10), image(11)]
QUERY, TRUTH = image(20, (30, 10)), square((30, 10))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Model files with random weights at 64 px, by what is special of them."""
    folder = tmp_path_factory.mktemp("weights")

    def made(name: str = "cues", **options: object):
        path = folder / f"{name}.safetensors"
        if not path.exists():
            torch.manual_seed(0)
            values = {"backbone": "compact", "size": SIDE, **options}
            config = model_config(values) if "reader" in values else CuesConfig(**values)
            save_model(path, OBFTNet(config, load_backbone("compact", "random", seed=0)).eval())
        return path

    return made


def fit(weights, supports=SUPPORTS, goods=GOODS, adapt=True, **options) -> Segmenter:
    return Segmenter.from_pretrained(weights, "cpu", **options).fit(supports, goods, adapt=adapt)


def iou(found: np.ndarray, truth: np.ndarray) -> float:
    return (found & truth).sum() / (found | truth).sum()


def test_what_is_annotated_is_learnt(weights):
    """Of a reader that was never trained."""
    before, after = (fit(weights(), adapt=adapt).predict(QUERY).mask for adapt in (False, True))
    assert iou(before, TRUTH) < 0.2
    assert iou(after, TRUTH) > 0.4
    assert fit(weights()).predict(image(21)).mask.mean() < 0.02


def test_the_order_of_images_changes_no_bit(weights):
    one, other = fit(weights()), fit(weights(), SUPPORTS[::-1], GOODS[::-1])
    np.testing.assert_array_equal(one.predict(QUERY).score, other.predict(QUERY).score)


def test_the_model_itself_stays_as_it_was(weights):
    segmenter = fit(weights(), adapt=False)
    score = segmenter.predict(QUERY).score
    segmenter.fit(SUPPORTS, GOODS, adapt=True)
    assert segmenter.guidance.readout is not None
    np.testing.assert_array_equal(segmenter.fit(SUPPORTS, GOODS).predict(QUERY).score, score)


def test_it_travels_in_the_pack_and_is_done_again_by_other_weights(weights, tmp_path):
    first = fit(weights(), tile=SIDE)
    first.save(tmp_path / "a.pack")
    second = Segmenter.load(tmp_path / "a.pack", "cpu", weights=weights())
    np.testing.assert_array_equal(second.predict(QUERY).score, first.predict(QUERY).score)
    with pytest.warns(InputWarning, match="fitted with other weights"):
        third = Segmenter.load(tmp_path / "a.pack", "cpu", weights=weights("more", cues="abns"))
    assert third.guidance.readout is not None
    second.decision = Decision(interest=np.ones((SIDE, SIDE), bool))
    assert second.guidance.readout is not None


def test_a_pack_of_it_is_of_another_guidance(weights, tmp_path):
    hashes = {
        fit(weights(), adapt=adapt).save(tmp_path / "a.pack").content.guidance_sha256 for adapt in (0, 1)
    }
    assert len(hashes) == 2


@pytest.mark.parametrize("says", [True, False])
def test_a_pack_that_says_one_thing_and_holds_another_is_refused(says, weights, tmp_path):
    fit(weights(), adapt=not says).save(tmp_path / "a.pack")
    pack = read_pack(tmp_path / "a.pack")
    forged = Pack(pack.content.model_copy(update={"adapt": says}), pack.files, pack.fitted, pack.name)
    with pytest.raises(InputError, match="damaged"):
        Segmenter.load(forged, "cpu", weights=weights())


def test_of_two_kinds_each_learns_its_own(weights):
    dark = [image(index, corner) for index, corner in enumerate(CORNERS[:2], 30)]
    for pixels, corner in zip(dark, CORNERS, strict=False):
        pixels[square(corner)] = 20
    kinds = {
        "bright": SUPPORTS,
        "dark": [(pixels, square(corner)) for pixels, corner in zip(dark, CORNERS, strict=False)],
    }
    before, after = (fit(weights(), kinds, adapt=adapt).predict(QUERY) for adapt in (False, True))
    assert after.kinds == ("bright", "dark")
    assert iou(after.mask, TRUTH) > iou(before.mask, TRUTH)
    apart = [one.score[TRUTH].mean() / one.score[~TRUTH].mean() for one in (before, after)]
    assert apart[1] > 2 * apart[0]


def test_a_kind_of_one_support_is_left_in(weights):
    kinds = {"bright": SUPPORTS, "other": [(image(30, (2, 2)), square((2, 2)))]}
    assert fit(weights(), kinds).guidance.readout is not None


@pytest.mark.parametrize("presence", [False, True])
def test_the_graph_scores_as_the_model(presence, weights):
    options = {"cues": "abns", "self_support": True, "presence": presence}
    segmenter = fit(weights(f"graph{presence}", **options))
    images = torch.stack([to_tensor(pixels, (SIDE, SIDE)) for pixels in (QUERY, image(21))])
    with torch.inference_mode():
        wanted = segmenter.model.kind_scores(segmenter.model.extract(images), segmenter.guidance)
        found = ScoreGraph(segmenter.model, segmenter.guidance)(images)
    torch.testing.assert_close(found, wanted, atol=2e-4, rtol=0)


def test_the_presence_goes_by_the_layer_it_was_fitted_to(weights):
    segmenter = fit(weights("present", cues="ab", presence=True))
    model, guidance = segmenter.model, segmenter.guidance
    with torch.no_grad():
        model.reader.presence.linear.weight.normal_()
        relation = model.relate(segmenter.features(QUERY), guidance)
        (one, trained), (other, adapted) = (
            model.judge(relation, (SIDE, SIDE), readout) for readout in (None, guidance.readout)
        )
    assert torch.equal(trained, adapted)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    ("supports", "goods"),
    [(SUPPORTS[:1], GOODS), (SUPPORTS, GOODS[:1]), ({"a": SUPPORTS[:1], "b": SUPPORTS[1:2]}, GOODS)],
)
def test_too_few_images_are_refused(supports, goods, weights):
    with pytest.raises(InputError, match=r"adapt: \d support\(s\) of a kind and \d good image\(s\)"):
        fit(weights(), supports, goods)


@pytest.mark.parametrize(
    ("supports", "goods"), [([SUPPORTS[0], SUPPORTS[0]], GOODS), (SUPPORTS, [GOODS[0], GOODS[0].copy()])]
)
@pytest.mark.filterwarnings("ignore::obftnet.errors.InputWarning")
def test_one_picture_given_twice_is_one(supports, goods, weights):
    """Left out in one place, it would stand in the other; a network that learns of good images alone marks
    nothing."""
    with pytest.raises(InputError, match=r"adapt: .*different pictures"):
        fit(weights(), supports, goods)


@pytest.mark.parametrize("options", [{"reader": "encoder4d"}, {"cues": "ab", "shots_rule": "vote"}])
def test_weights_that_cannot_be_adapted_are_refused(options, weights):
    with pytest.raises(InputError, match="these weights cannot be adapted"):
        fit(weights("-".join(options.values()), **options))


def test_the_command_adapts_and_the_pack_says_so(weights, tmp_path, obftnet):
    for index, (pixels, mask) in enumerate(SUPPORTS):
        write_png(tmp_path / f"guidance/support/s{index}.png", pixels)
        write_png(tmp_path / f"guidance/support/s{index}_mask.png", mask)
    for index, pixels in enumerate(GOODS):
        write_png(tmp_path / f"guidance/background/g{index}.png", pixels)
    command = [
        "fit",
        "--guidance",
        tmp_path / "guidance",
        "--weights",
        weights(),
        "--out",
        tmp_path / "a.pack",
    ]
    assert obftnet(*command, "--adapt")[0] == 0
    assert "adapted      yes" in obftnet("pack", "show", tmp_path / "a.pack")[1]
    assert obftnet(*command)[0] == 0
    assert "adapted      no" in obftnet("pack", "show", tmp_path / "a.pack")[1]
    (tmp_path / "guidance/background/g1.png").unlink()
    code, _, err = obftnet(*command, "--adapt")
    assert code == 2
    assert "3 support(s) of a kind and 1 good image(s)" in err
