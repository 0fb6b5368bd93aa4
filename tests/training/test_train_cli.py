import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from obftnet.data import collection as collection_module
from obftnet.safefile import read_safetensors
from obftnet.weights import load_model, read_notes


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    monkeypatch.setattr("obftnet.training.log._tensorboard", lambda folder, step: None)


@pytest.fixture
def weights() -> str:
    """The shared MobileNetV2 weights where they are, else none: the command takes both."""
    path = Path(__file__).parents[3] / "shared" / "weights" / "mobilenet_v2.safetensors"
    return str(path) if path.is_file() else "random"


def light(textures, out, *more):
    options = (
        "--backbone",
        "compact",
        "--backbone-weights",
        "random",
        "--size",
        64,
        "--steps",
        2,
        "--batch",
        2,
    )
    return ("train", "--data", textures, "--out", out, *options, *more)


def spy(monkeypatch, opened):
    for name in ("read_image", "read_mask"):
        read = getattr(collection_module, name)
        monkeypatch.setattr(
            collection_module,
            name,
            lambda path, *rest, _read=read, **more: opened.add(Path(path)) or _read(path, *rest, **more),
        )


def test_the_command_other_tools_call(obftnet, textures, weights, tmp_path):
    status, out, err = obftnet(
        *("train", "--data", textures, "--layout", "mvtec", "--test-fold", "leather"),
        *("--backbone", "mobilenet_v2", "--backbone-weights", weights, "--size", 128),
        *("--steps", 3, "--seed", 0, "--out", tmp_path / "run"),
    )
    assert status == 0, err
    assert out.strip() == str(tmp_path / "run" / "model.safetensors")
    notes = read_notes(tmp_path / "run" / "model.safetensors")
    assert notes["trained_on"] == {"fabric": ["fabric_00", "fabric_01"], "tile": ["tile"]}
    with (tmp_path / "run" / "log.csv").open() as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["1", "2", "3"]


@pytest.mark.parametrize("select", ["last", "held_out"])
def test_no_pixel_of_the_tested_fold_is_read(obftnet, textures, tmp_path, monkeypatch, select):
    opened: set[Path] = set()
    spy(monkeypatch, opened)
    status, _, err = obftnet(
        *light(textures, tmp_path, "--test-fold", "leather", "--select", select, "--validate-every", 1)
    )
    assert status == 0, err
    materials = {path.relative_to(textures).parts[0] for path in opened}
    assert materials
    assert "leather" not in materials


def test_the_leak_is_named(obftnet, textures, tmp_path, monkeypatch):
    opened: set[Path] = set()
    spy(monkeypatch, opened)
    status, _, err = obftnet(*light(textures, tmp_path, "--test-fold", "leather", "--select", "test_leak"))
    assert status == 0, err
    assert read_notes(tmp_path / "model.safetensors")["selected_by"] == "TESTED classes"
    assert textures / "leather" in {path.parents[2] for path in opened}


def test_folds_of_a_file(obftnet, textures, tmp_path):
    folds = tmp_path / "folds.json"
    folds.write_text('{"first": ["tile", "fabric_00"], "second": ["leather"]}')
    status, _, err = obftnet(*light(textures, tmp_path / "run", "--folds", folds, "--test-fold", "second"))
    assert status == 0, err
    notes = read_notes(tmp_path / "run" / "model.safetensors")
    assert notes["trained_on"] == {"first": ["fabric_00", "tile"]}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--test-fold", "steel"), "fold 'steel': no such fold; there are fabric, leather, tile"),
        (("--batch", 0), "--batch"),
        (("--size", 8), "--size"),
        (("--lr", -1), "--lr"),
        (("--reader", "cues", "--cues", "xyz"), "cues must be distinct letters"),
        (("--reader", "cues", "--fusion", "top_down"), "cues reader does not read fusion"),
        (("--reader", "encoder4d", "--width", 20), "--width"),
        (("--reader", "cues", "--width", 64), "cues reader does not read width"),
        (("--reader", "cues", "--cosine-channels"), "cues reader does not read cosine_channels"),
        (("--backbone", "vgg99"), "unknown backbone 'vgg99'"),
        (("--backbone-weights", "absent.safetensors"), "absent.safetensors: no such file"),
        (("--layout", "coco"), "unknown layout 'coco'"),
        (("--data", "absent"), "absent"),
        (("--device", "abacus"), "abacus"),
        (("--select", "test_leak"), "--test-fold"),
    ],
)
def test_bad_input_is_one_line_and_status_two(obftnet, textures, tmp_path, options, said):
    status, out, err = obftnet(*light(textures, tmp_path / "run", *options))
    assert status == 2
    assert out == ""
    assert said in err
    assert err.count("\n") == 1
    assert err.startswith("obftnet: ")
    assert not (tmp_path / "run").exists()


def test_the_same_folder_for_another_run_is_refused(obftnet, textures, tmp_path):
    assert obftnet(*light(textures, tmp_path))[0] == 0
    status, _, err = obftnet(*light(textures, tmp_path, "--seed", 5))
    assert status == 2
    assert "seed was 0 and is now 5" in err


def test_a_fold_without_another_leaves_nothing_to_train_on(obftnet, textures, tmp_path):
    folds = tmp_path / "folds.json"
    folds.write_text('{"all": ["tile", "leather"]}')
    status, _, err = obftnet(*light(textures, tmp_path / "run", "--folds", folds, "--test-fold", "all"))
    assert status == 2
    assert "nothing is left to train on without fold 'all'" in err


def several(textures, out, *more):
    launch = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2, "-m", "obftnet")
    return subprocess.run(
        [str(part) for part in (sys.executable, *launch, *light(textures, out, *more))],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_two_processes_are_one_run(obftnet, textures, tmp_path):
    options = ("--reader", "encoder4d", "--device", "cpu")
    ended = several(textures, tmp_path / "two", *options)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == [str(tmp_path / "two" / "model.safetensors")]  # one process speaks
    with (tmp_path / "two" / "log.csv").open() as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["1", "2"]
    assert obftnet(*light(textures, tmp_path / "one", *options))[0] == 0
    one, two = (read_safetensors(tmp_path / name / "model.safetensors")[0] for name in ("one", "two"))
    assert one.keys() == two.keys()
    for key in one:
        # Adam turns rounding in a gradient near 0 into a step of up to the learning rate, 1e-3 here.
        difference = (one[key].float() - two[key].float()).abs()
        assert difference.max() <= 4e-3, key
        assert difference.mean() < 1e-4, key


def test_a_batch_that_cannot_be_shared_is_refused(textures, tmp_path, monkeypatch):
    from obftnet.backbones.weights import load_backbone
    from obftnet.config import CuesConfig
    from obftnet.data import default_folds, read_layout
    from obftnet.errors import InputError
    from obftnet.training import loop
    from obftnet.training.config import TrainConfig

    monkeypatch.setattr(loop, "_join_processes", lambda device: (0, 2))
    data = read_layout("mvtec", textures)
    with pytest.raises(InputError, match="a batch of 3 cannot be shared equally by 2 processes"):
        loop.train(
            CuesConfig(backbone="compact", size=64),
            TrainConfig(steps=1, batch=3),
            load_backbone("compact", "random"),
            data,
            default_folds(data),
            tmp_path / "run",
            device=torch.device("cpu"),
        )
    assert not (tmp_path / "run").exists()


def test_goes_on_from_a_trained_model(obftnet, textures, tmp_path):
    first = tmp_path / "first"
    assert obftnet(*light(textures, first))[0] == 0
    more = ("train", "--data", textures, "--start", first, "--steps", 1, "--batch", 2)
    status, _, err = obftnet(*more, "--lr", 1e-9, "--size", 96, "--out", tmp_path / "second")
    assert status == 0, err
    before, after = (read_safetensors(run / "model.safetensors") for run in (first, tmp_path / "second"))
    # A step of a vanishing rate: what it began with is what the first run ended with.
    for key, tensor in before[0].items():
        if key.endswith(("weight", "bias")):
            assert torch.allclose(after[0][key], tensor, atol=1e-5), key
    assert '"size":96' in after[1]["config"]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [("--epsilon", 0.1, "--epsilon"), ("--cues", "ab", "all of its own cues"), ("--cues", "abx", "cues")],
)
def test_a_start_settles_the_method(obftnet, textures, tmp_path, option, value, message):
    status, _, err = obftnet(
        *("train", "--data", textures, "--out", tmp_path, "--start", "obftnet-compact", option, value)
    )
    assert status == 2
    assert message in err
    assert not list(tmp_path.iterdir())


def test_a_start_may_be_given_more_cues(obftnet, textures, tmp_path):
    started = load_model("obftnet-compact")[0].config
    assert started.coreset > 0
    more = "".join(dict.fromkeys(started.cues + "tm"))
    command = ("train", "--data", textures, "--start", "obftnet-compact", "--cues", more, "--size", 64)
    status, _, err = obftnet(*command, "--steps", 1, "--batch", 1, "--out", tmp_path)
    assert status == 0, err
    trained = load_model(tmp_path / "model.safetensors")[0].config
    # A coreset belongs to the use of a model; `tools/ship.py` chooses it.
    assert (trained.cues, trained.coreset, trained.size) == (more, 0, 64)


def test_a_start_may_look_twice_from_now_on(obftnet, textures, tmp_path):
    command = ("train", "--data", textures, "--start", "obftnet-compact", "--self-support", "--size", 64)
    rates = ("--lr", 1e-4, "--backbone-lr", 1e-5)
    status, _, err = obftnet(*command, *rates, "--steps", 2, "--batch", 2, "--out", tmp_path)
    assert status == 0, err
    assert load_model(tmp_path / "model.safetensors")[0].config.self_support


def test_another_start_is_another_run(obftnet, textures, tmp_path):
    runs = [tmp_path / "one", tmp_path / "two"]
    for seed, run in enumerate(runs):
        assert obftnet(*light(textures, run, "--seed", seed))[0] == 0
    more = ("train", "--data", textures, "--steps", 1, "--batch", 2, "--out", tmp_path / "on")
    assert obftnet(*more, "--start", runs[0])[0] == 0
    status, _, err = obftnet(*more, "--start", runs[1])
    assert status == 2
    assert "another" in err
    assert str(tmp_path / "on") in err
