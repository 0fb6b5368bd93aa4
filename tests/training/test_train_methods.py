"""Every method is trained by the same loop, and evaluated from its run's folder."""

import json

import pytest
import torch

from obftnet.methods.learned import LearnedConfig
from obftnet.methods.registry import TRAINED
from obftnet.safefile import read_safetensors
from obftnet.training import loop
from obftnet.training.config import TrainConfig
from obftnet.training.loop import train

FIXED = ("--backbone", "compact", "--backbone-weights", "random", "--size", 64, "--steps", 2, "--batch", 2)


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    monkeypatch.setattr("obftnet.training.log._tensorboard", lambda folder, step: None)
    monkeypatch.setattr("obftnet.evaluation.evaluate.TIMED", 1)
    monkeypatch.setattr("obftnet.evaluation.evaluate.GOOD_LIMIT", 1)


@pytest.mark.parametrize("method", TRAINED)
def test_train_and_evaluate_by_name(obftnet, textures, tmp_path, method):
    out = tmp_path / "run"
    options = ("--method", method, "--recipe", "paper", "--test-fold", "leather", "--shots", 2)
    status, _, err = obftnet("train", "--data", textures, *FIXED, *options, "--out", out)
    assert status == 0, err
    evaluated = ("--fold", "leather", "--weights", out, "--seeds", 1, "--pictures", 0, "--shots", 2)
    status, _, err = obftnet("evaluate", "--data", textures, *evaluated, "--out", tmp_path / "r.json")
    assert status == 0, err
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["method"] == {"obftnet": "obftnet_cues"}.get(method, method)
    assert 0 <= found["mean_miou"] <= 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--method", "maskrcnn"), "unknown method 'maskrcnn': there are obftnet, hsnet"),
        (("--method", "hsnet", "--transport", "none"), "--transport: --method hsnet does not have it"),
        (("--method", "panet", "--shots-rule", "vote"), "--shots-rule: --method panet does not have it"),
        (("--method", "panet", "--cache", "c"), "cache c: only obftnet and hsnet have something to keep"),
    ],
)
def test_what_does_not_go_together(obftnet, textures, tmp_path, options, said):
    status, _, err = obftnet("train", "--data", textures, *FIXED, *options, "--out", tmp_path / "run")
    assert status == 2
    assert said in err
    assert err.count("\n") == 1


def test_weights_of_another_method_than_named(obftnet, textures, tmp_path):
    obftnet("train", "--data", textures, *FIXED, "--method", "panet", "--out", tmp_path / "run")
    options = ("--weights", tmp_path / "run", "--method", "sg_one", "--out", tmp_path / "r.json")
    status, _, err = obftnet("evaluate", "--data", textures, *options)
    assert status == 2
    assert "--method sg_one: the weights" in err
    assert "are of panet" in err


def test_a_cut_run_goes_on_bit_for_bit(backbone, collection, folds, tmp_path, monkeypatch):
    """Dropout and stochastic choices too are a function of the step."""
    monkeypatch.setattr(loop, "SAVE_EVERY", 1)

    def run(name, stop=None):
        def progress(done, total, loss):
            if done == stop:
                raise KeyboardInterrupt

        config = TrainConfig(steps=4, batch=2, optimizer="sgd", momentum=0.9, lr=1e-2, loss="ce")
        method_config = LearnedConfig(method="canet", backbone="compact", size=64)
        out = tmp_path / name
        return train(
            method_config,
            config,
            backbone,
            collection,
            folds,
            out,
            device=torch.device("cpu"),
            progress=progress,
        )

    whole = read_safetensors(run("whole"))[0]
    with pytest.raises(KeyboardInterrupt):
        run("cut", stop=2)
    cut = read_safetensors(run("cut"))[0]
    assert all(torch.equal(whole[key], cut[key]) for key in whole)
