import csv
import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from obftnet.backbones.records import Tap
from obftnet.backbones.weights import load_backbone
from obftnet.data import read_layout
from obftnet.errors import InputError
from obftnet.training import distill as module
from obftnet.training.distill import distill, similarity_loss

CPU = torch.device("cpu")


class KilledError(Exception):
    pass


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    monkeypatch.setattr("obftnet.training.log._tensorboard", lambda folder, step: None)
    monkeypatch.setattr(module, "SAVE_EVERY", 2)


@pytest.fixture(scope="module")
def teacher():
    return load_backbone("mobilenet_v2", "random", seed=1)


@pytest.fixture
def run(teacher, collection):
    def run(out, kill_at=None, **options):
        def progress(done, total, loss):
            if done == kill_at:
                raise KilledError

        options = {"steps": 5, "batch": 4, "size": 64, **options}
        return distill("compact", teacher, collection, out, device=CPU, progress=progress, **options)

    return run


def maps(*channels: int, b: int = 4, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(b, c, 6, 5, generator=generator) for c in channels]


def taps(*strides: int) -> list[Tap]:
    return [Tap(str(i), {8: 0, 16: 1, 32: 2}[stride], 4, stride) for i, stride in enumerate(strides)]


def loss(given, own, wanted, theirs, seed=0):
    return similarity_loss(given, own, wanted, theirs, np.random.default_rng(seed))


def test_a_student_as_the_teacher_has_no_loss():
    wanted = maps(4, 4, 8)
    assert loss(wanted, taps(8, 16, 32), wanted, taps(8, 16, 32)).item() == pytest.approx(0, abs=1e-10)


def test_only_similarities_count():
    """A rotation of the channels and a factor a position leave every cosine as it is."""
    wanted = maps(4, 6)
    turned = []
    for level in wanted:
        rotation = torch.linalg.qr(torch.randn(level.shape[1], level.shape[1])).Q
        turned.append(torch.einsum("dc,bchw->bdhw", rotation, level) * (1 + torch.rand(4, 1, 6, 5)))
    assert loss(turned, taps(8, 16), wanted, taps(8, 16)).item() == pytest.approx(0, abs=1e-9)
    assert loss(maps(4, 6, seed=1), taps(8, 16), wanted, taps(8, 16)).item() > 0.1


def test_a_tap_is_held_against_the_mean_of_its_share_of_the_teacher():
    first, second, third, fourth = maps(4, 4, 4, 4)
    pair = loss([first, third], taps(8, 8), [first, first, third, third], taps(8, 8, 8, 8))
    assert pair.item() == pytest.approx(0, abs=1e-10)
    crossed = loss([first, third], taps(8, 8), [second, second, fourth, fourth], taps(8, 8, 8, 8))
    assert crossed.item() > 0.1


def test_a_constant_difference_costs_its_square_and_a_row_mean_is_free_of_the_rest():
    """Student: all cosines 1. Teacher: 1 within an image, 0 between the two."""
    alike = torch.ones(2, 2, 3, 3)
    wanted = torch.zeros(2, 2, 3, 3)
    wanted[0, 0] = wanted[1, 1] = 1
    # Differences are 0 (own image) and 1 (the other): mean square 1/2; about a row's mean, 1/4, four times.
    assert loss([alike], taps(8), [wanted], taps(8)).item() == pytest.approx(0.5 + 4 * 0.25)


def test_the_gradient_reaches_the_student_and_not_the_teacher():
    given, wanted = maps(4)[0].requires_grad_(), maps(4, seed=1)[0].requires_grad_()
    loss([given], taps(8), [wanted], taps(8)).backward()
    assert given.grad.abs().sum() > 0
    assert wanted.grad is None


def test_steps_run_and_weights_load(run, tmp_path):
    path = run(tmp_path)
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [1, 2, 3, 4, 5]
    assert all(math.isfinite(float(row["loss"])) and float(row["loss"]) > 0 for row in rows)
    learned = load_backbone("compact", path)
    assert all(value.isfinite().all() for value in learned.state_dict().values())
    assert json.loads((tmp_path / "run.json").read_text())["teacher"] == "mobilenet_v2"


@pytest.mark.parametrize("kill_at", [1, 4])
def test_a_killed_run_ends_with_the_same_file(run, tmp_path, kill_at):
    whole = run(tmp_path / "whole")
    with pytest.raises(KilledError):
        run(tmp_path / "cut", kill_at=kill_at)
    assert run(tmp_path / "cut").read_bytes() == whole.read_bytes()


def test_the_state_around_neither_matters_nor_changes(run, tmp_path):
    torch.manual_seed(1)
    first = run(tmp_path / "a", steps=1).read_bytes()
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert run(tmp_path / "b", steps=1).read_bytes() == first
    assert torch.equal(torch.get_rng_state(), state)


def test_the_teacher_is_left_as_it_was(run, teacher, tmp_path):
    before = {key: value.clone() for key, value in teacher.state_dict().items()}
    run(tmp_path, steps=2)
    assert all(torch.equal(value, before[key]) for key, value in teacher.state_dict().items())


def test_other_strides_are_refused(run, teacher, tmp_path, monkeypatch):
    finer = tuple(replace(tap, stride=tap.stride // 2) for tap in teacher.spec.taps)
    monkeypatch.setattr(teacher, "spec", replace(teacher.spec, name="finer", taps=finer))
    with pytest.raises(
        InputError, match=r"compact has strides \[8, 16, 32\], the teacher finer \[4, 8, 16\]"
    ):
        run(tmp_path)
    assert not list(tmp_path.iterdir())


def test_another_run_in_the_same_folder_is_refused_by_the_setting(run, tmp_path):
    run(tmp_path, steps=1)
    with pytest.raises(InputError, match=r"lr: it was 0\.002 and is now 0\.1; use another folder"):
        run(tmp_path, steps=1, lr=0.1)


def test_a_run_killed_after_its_last_state_still_ends_with_the_last_weights(run, tmp_path):
    whole = run(tmp_path / "whole")
    with pytest.raises(KilledError):
        run(tmp_path / "cut", kill_at=5)
    assert not (tmp_path / "cut" / "backbone.safetensors").exists()
    assert run(tmp_path / "cut").read_bytes() == whole.read_bytes()
    (tmp_path / "cut" / "backbone.safetensors").write_bytes(b"damaged")
    assert run(tmp_path / "cut").read_bytes() == whole.read_bytes()


def test_other_images_of_the_same_names_are_another_run_and_masks_do_not_matter(teacher, textures, tmp_path):
    shutil.copytree(textures, tmp_path / "copy")
    mask = next((tmp_path / "copy").rglob("*_mask.png"))
    image = next((tmp_path / "copy").rglob("good/*.png"))

    def call():
        copy = read_layout("mvtec", tmp_path / "copy")
        return distill("compact", teacher, copy, tmp_path / "out", steps=1, batch=2, size=64, device=CPU)

    def turn(path):
        Image.open(path).transpose(Image.Transpose.ROTATE_180).save(path)

    before = call().read_bytes()
    turn(mask)
    assert call().read_bytes() == before
    turn(image)
    with pytest.raises(InputError, match="another data_sha256"):
        call()


def test_a_loss_that_is_no_number_stops_the_run(run, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "similarity_loss", lambda given, *rest: given[0].sum() * float("nan"))
    with pytest.raises(InputError, match="the loss is nan at step 1"):
        run(tmp_path)
    assert not (tmp_path / "backbone.safetensors").exists()
