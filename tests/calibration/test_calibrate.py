import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from obftnet import Segmenter
from obftnet.calibration import calibrate_pack
from obftnet.calibration.supports import ask_supports
from obftnet.decision import Decision, image_score
from obftnet.errors import InputError
from obftnet.packing import fit_pack
from obftnet.packs import read_pack
from obftnet.weights import save_model

SHAPE = (48, 60)


@pytest.fixture(scope="module")
def world(tmp_path_factory, tiny_model):
    """A pack of two supports and one background, six good and three defective images."""
    folder = tmp_path_factory.mktemp("calibration")
    save_model(folder / "model.safetensors", tiny_model)
    rng = np.random.default_rng(0)
    names = [*(f"guidance/support/s{i}.png" for i in range(2)), "guidance/background/b.png"]
    names += [f"good/g{i}.png" for i in range(6)] + [f"defects/d{i}.png" for i in range(3)]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (*SHAPE, 3), dtype=np.uint8)).save(folder / name)
    for i in range(2):
        mask = np.zeros(SHAPE, np.uint8)
        mask[10:30, 20 : 40 + 4 * i] = 255
        Image.fromarray(mask).save(folder / f"guidance/support/s{i}_mask.png")
    fit_pack(folder / "guidance", folder / "fitted.pack", weights=folder / "model.safetensors", tile=None)
    return folder


@pytest.fixture
def place(world, tmp_path, monkeypatch):
    """A copy of it, where the network gives each image the score that its name says."""
    shutil.copytree(world, tmp_path / "w")
    here = tmp_path / "w"
    levels = {f"g{i}.png": 0.55 + 0.05 * i for i in range(6)}
    levels |= {"d0.png": 0.9, "d1.png": 0.95, "d2.png": 0.1}
    seen = []
    predict = Segmenter.predict

    def chosen(self, image):
        found, picture = predict(self, image), self.read(image)
        name = picture.name.rpartition("/")[2]
        if name not in levels:
            return found
        seen.append(name)
        score = np.zeros(SHAPE, np.float32)
        score[4:16, 4:16] = levels[name]  # 144 pixels
        score[40, 40] = 0.999
        return replace(found, score=score)

    monkeypatch.setattr(Segmenter, "predict", chosen)
    here.joinpath("seen").write_text("")
    return here, levels, seen


def calibrate(place, **options):
    here = place[0]
    arguments = {"weights": here / "model.safetensors", "device": "cpu", "false_alarms": 0.2}
    return calibrate_pack(here / "fitted.pack", [here / "good"], **(arguments | options))


def test_the_pack_is_decided_by_the_quantile_from_then_on(place):
    here, levels, _ = place
    found = calibrate(place, defects=[here / "defects"])
    # A quarter of 400 pixels; the lone pixel of 0.999 counts no more. ceil(7 x 0.8) = 6, the largest.
    assert (found.least.area, found.least.smallest) == (100, 400)
    assert found.bound.rank == 6
    assert found.decision.threshold == pytest.approx(0.8, abs=1e-6)
    assert (found.found, found.defects) == (2, 3)
    pack = read_pack(here / "fitted.pack")
    assert pack.decision == Decision(found.decision.threshold, 100, low_threshold=0.5)
    assert pack.content.calibration == json.loads(json.dumps(found.kept))
    assert "calibrated by 6 good image(s)" in pack.content.history[-1].what
    assert Segmenter.load(pack, "cpu", weights=here / "model.safetensors").decision == pack.decision
    for name, level in levels.items():
        score = np.zeros(SHAPE, np.float32)
        score[4:16, 4:16] = level
        assert (image_score(score, pack.decision) > pack.decision.threshold) == (name in ("d0.png", "d1.png"))


def test_supports_are_asked_without_themselves(place):
    found = calibrate(place)
    assert len(found.supports.scores) == 2
    assert found.supports.copied == 0
    assert 0 < found.supports.threshold < 1


def test_too_few_images_are_told_in_a_sentence(place):
    line = calibrate(place, false_alarms=0.01).sentences["too_few"]
    assert line == "6 good images cannot promise less than 14 %; 1 % takes 99"


def test_another_rate_needs_no_prediction_and_a_dry_run_leaves_the_pack(place):
    here, _, seen = place
    before = (here / "fitted.pack").read_bytes()
    found = calibrate(place, dry_run=True)
    assert not found.written
    assert (here / "fitted.pack").read_bytes() == before
    count = len(seen)
    other = calibrate(place, false_alarms=0.5)
    assert len(seen) == count
    assert other.decision.threshold < found.decision.threshold
    with (found.out / "curve.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 6


def test_a_good_image_that_was_none_is_taken_out_and_it_goes_on(place):
    """The decision that a calibration has made of a pack is no other setting for the next score maps."""
    here, _, seen = place
    calibrate(place)
    count = len(seen)
    (here / "good/g5.png").unlink()
    (here / "good/g4.png").rename(here / "good/other.png")
    found = calibrate(place)
    assert found.bound.images == 5
    assert len(seen) == count


def test_images_of_the_guidance_and_those_given_twice_have_no_part(place):
    here, *_ = place
    shutil.copy(here / "guidance/background/b.png", here / "good" / "copy.png")
    Image.open(here / "guidance/support/s0.png").save(here / "good" / "again.bmp")
    shutil.copy(here / "good/g3.png", here / "good" / "twice.png")
    Image.open(here / "good/g4.png").save(here / "good" / "h4.tif")
    said = []
    assert calibrate(place, notice=said.append).bound.images == 6
    assert sum("the same image as background/b.png in the pack" in line for line in said) == 1
    assert sum("again.bmp: the same image as" in line for line in said) == 1
    assert sum("twice.png: the same image as" in line for line in said) == 1
    assert sum("h4.tif: the same image as" in line for line in said) == 1
    for folder in ("guidance/background", "guidance/support"):
        with pytest.raises(InputError, match="no good image to calibrate by"):
            calibrate_pack(here / "fitted.pack", [here / folder], weights=here / "model.safetensors")


def test_an_image_cannot_be_good_and_defective(place):
    here, *_ = place
    shutil.copy(here / "good/g3.png", here / "defects" / "x.png")
    with pytest.raises(InputError, match="among the good images and among the defective ones"):
        calibrate(place, defects=[here / "defects"])


def test_scores_of_one_leave_no_threshold(place):
    here, levels, _ = place
    levels |= {name: 1.0 for name in levels if name.startswith("g")}
    before = (here / "fitted.pack").read_bytes()
    with pytest.raises(InputError, match="6 of 6 good images score 1 in a region of the least size"):
        calibrate(place)
    assert (here / "fitted.pack").read_bytes() == before


def test_the_threshold_stays_above_a_half(place):
    levels = place[1]
    levels |= dict.fromkeys(levels, 0.2)
    found = calibrate(place)
    assert found.decision.threshold == 0.5
    assert "it stays there" in found.sentences["lowest"]


def test_a_least_region_that_is_given_is_taken(place):
    found = calibrate(place, min_area=1)
    assert found.least is None
    assert found.decision.threshold == pytest.approx(0.999, abs=1e-6), "of the lone pixel"


def test_a_pack_that_changes_meanwhile_is_not_overwritten(place, monkeypatch):
    here, *_ = place

    def changed(*_):
        fit_pack(here / "guidance", here / "fitted.pack", weights=here / "model.safetensors", tile=None)

    monkeypatch.setattr("obftnet.calibration.calibrate.ask_supports", changed)
    with pytest.raises(InputError, match="changed while it was calibrated"):
        calibrate(place)


@pytest.mark.parametrize("rate", [0, 1, -0.1, float("nan"), 5])
def test_a_rate_that_is_none_is_refused(place, rate):
    with pytest.raises(InputError, match="rate of false alarms"):
        calibrate(place, false_alarms=rate)


def test_the_command(place, obftnet):
    here, *_ = place
    arguments = ["--pack", here / "fitted.pack", "--good", here / "good", "--defects", here / "defects"]
    arguments += ["--weights", here / "model.safetensors", "--false-alarms", "20%", "--device", "cpu"]
    status, out, err = obftnet("calibrate", *arguments)
    assert status == 0, err
    assert "least region 100 pixels, a quarter of the smallest annotated defect (400)" in out
    assert "threshold    0.8" in out
    assert "false alarms 14 % promised, 20 % asked for" in out
    assert "recall       2 of 3 defective images, 67 %" in out
    assert (here / "fitted.calibration" / "curve.png").is_file()
    status, _, err = obftnet("calibrate", *arguments, "--false-alarms", "many")
    assert (status, "a rate such as 1%" in err) == (2, True)


def test_a_lone_support_is_copied_within_the_region_of_interest(world, tmp_path):
    guidance = tmp_path / "guidance"
    shutil.copytree(world / "guidance", guidance)
    for path in guidance.glob("support/s1*"):
        path.unlink()
    region = np.zeros(SHAPE, np.uint8)
    # Turned by half a turn, the defect at 10..30, 20..40 would lie outside.
    region[:32, :42] = 255
    Image.fromarray(region).save(tmp_path / "region.png")
    by = {"weights": world / "model.safetensors", "device": "cpu"}
    pack = fit_pack(guidance, tmp_path / "a.pack", interest=tmp_path / "region.png", tile=None, **by)
    segmenter = Segmenter.from_pretrained(world / "model.safetensors", "cpu", tile=None)
    said = ask_supports(pack, segmenter, pack.decision, None)
    assert said.copied == 1
    assert 0 < said.scores[0] <= 1


@pytest.mark.parametrize(("supports", "unadapted"), [(3, 0), (2, 2)])
def test_supports_are_asked_by_the_network_as_the_pack_has_it(supports, unadapted, world, tmp_path):
    guidance = tmp_path / "guidance"
    shutil.copytree(world / "guidance", guidance)
    shutil.copy(world / "good/g0.png", guidance / "background/c.png")
    if supports == 3:
        shutil.copy(world / "defects/d0.png", guidance / "support/s2.png")
        shutil.copy(guidance / "support/s0_mask.png", guidance / "support/s2_mask.png")
    by = {"weights": world / "model.safetensors", "device": "cpu", "tile": None}
    pack = fit_pack(guidance, tmp_path / "a.pack", adapt=True, **by)
    segmenter = Segmenter.from_pretrained(world / "model.safetensors", "cpu", tile=None)
    assert ask_supports(pack, segmenter, pack.decision, None).unadapted == unadapted
    assert (segmenter.guidance.readout is None) == (unadapted > 0)
