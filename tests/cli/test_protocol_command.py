import json

import pytest

from obftnet.protocols import names, read_protocol


@pytest.mark.parametrize("name", names())
def test_a_protocol_is_shown(command, name):
    status, out, err = command("protocol", name)
    assert status == 0, err
    assert out.startswith(f"{name}: ")
    assert ("missing " in out) == bool(read_protocol(name).missing)


def test_a_folder_that_differs(command, world):
    status, out, err = command("protocol", "pool", "--data", world / "data")
    assert status == 2
    assert "leather" in out
    assert len(err) == 1
    assert "differs from pool in 11 of 11 facts, first fabric_00 images: none, 37 is wanted" in err[0]


@pytest.fixture
def pool(world):
    """The sound data set under the pool's names."""
    names = ["leather", "tile", "wood", "magtile", *(f"fabric_{n:02}" for n in range(7))]
    for name in names:
        (world / "data" / name).symlink_to(world / "data" / "cork")
    return world / "data"


def test_evaluate_by_a_protocol(command, pool, world):
    fixed = ("--method", "prototype", "--backbone", "compact", "--backbone-weights", "random", "--size", 64)
    fixed += ("--seeds", 1, "--pictures", 0, "--fold", "fabric", "--out", world / "r.json")
    status, _, err = command("evaluate", "--data", pool, "--protocol", "pool", *fixed)
    assert status == 0, err
    found = json.loads((world / "r.json").read_text())
    assert found["protocol"] == "pool"
    assert len(found["folds"]["fabric"]["classes"]) == 7


TRAIN = ("--backbone", "compact", "--backbone-weights", "random", "--size", 64, "--steps", 1, "--batch", 1)


def test_train_by_a_protocol(command, pool, world):
    options = ("--protocol", "pool", "--test-fold", "fabric", *TRAIN, "--out", world / "run")
    status, _, err = command("train", "--data", pool, *options)
    assert status == 0, err
    run = json.loads((world / "run" / "run.json").read_text())
    assert set(run["folds"]) == {"leather", "tile", "wood", "magtile"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--protocol", "pascal"), "unknown protocol 'pascal'"),
        (("--protocol", "mvtec_unseen"), "no carpet, leather, tile, wood, grid in it"),
        (("--protocol", "pool", "--layout", "mvtec"), "--layout mvtec: --protocol pool says what it is"),
        (("--protocol", "pool", "--background-source", "window"), "--background-source window: --protocol"),
        (("--protocol", "pool", "--folds", "f.json"), "--folds f.json: --protocol pool"),
    ],
)
def test_what_does_not_go_together(command, world, options, said):
    status, _, err = command("train", "--data", world / "data", *options, *TRAIN, "--out", world / "run")
    assert status == 2
    assert len(err) == 1
    assert said in err[0]
    assert not (world / "run").exists()
