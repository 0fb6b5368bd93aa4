import csv
import re

import numpy as np
import pytest
from PIL import Image

from obftnet.reproduction import reproduce
from obftnet.reproduction.correspondences import draw_correspondences
from obftnet.reproduction.gains import Gain, gains, write_gains
from obftnet.reproduction.queries import drawn_queries
from obftnet.reproduction.run import episodes_for
from obftnet.reproduction.segmentations import draw_segmentations, segmentations
from obftnet.reproduction.tables import PaperRow
from obftnet.reproduction.unit import Unit

ROWS = {"panet": PaperRow(method="panet"), "prototype": PaperRow(method="prototype")}
OBFTNET = PaperRow(method="obftnet", settings={"reader": "encoder4d"})


@pytest.fixture
def steel_episodes(transfer):
    _, drawn = episodes_for(transfer, "tile", shots=1, seeds=1)
    return drawn["steel"][0]


def test_queries_are_of_as_many_classes_as_there_can_be(steel_episodes):
    chosen = drawn_queries(steel_episodes, 4, seed=0, fold="tile")
    assert len({episode.query.kind for episode in chosen[:3]}) == 3
    assert len({episode.query.image for episode in chosen}) == 4
    assert len(drawn_queries(steel_episodes, 100, seed=0, fold="tile")) == 6


def test_queries_depend_on_the_seed_alone(steel_episodes):
    by_seed = [
        [episode.query.image for episode in drawn_queries(steel_episodes, 3, seed, "tile")]
        for seed in (0, 0, 1, 2, 3)
    ]
    assert by_seed[0] == by_seed[1]
    assert any(images != by_seed[0] for images in by_seed[2:])


def test_good_queries_are_not_shown(setting):
    _, drawn = episodes_for(setting, "tile", shots=1, seeds=1)
    assert any(episode.query.mask is None for episode in drawn["tile"][0])
    chosen = drawn_queries(drawn["tile"][0], 100, seed=0, fold="tile")
    assert len(chosen) == 2
    assert all(episode.query.mask is not None for episode in chosen)


def test_segmentations_take_the_runs_of_the_table(setting, transfer, trained):
    reproduce(setting, ROWS, shots=(1,), seeds=(0,), folds=("cork", "tile"))
    trained.clear()
    told = []
    found = segmentations(
        setting, ROWS, ("cork", "tile"), count=2, draw_seed=0, progress=lambda *what: told.append(what)
    )
    assert trained == []
    assert told[-1] == ("", 4, 4)
    assert [(row.fold, row.episode.query.material) for row in found] == [
        ("cork", "cork"),
        ("cork", "cork"),
        ("tile", "tile"),
        ("tile", "tile"),
    ]
    for row in found:
        assert list(row.masks) == list(ROWS)
        assert {mask.shape for mask in row.masks.values()} == {(64, 64)}
    on_steel = segmentations(transfer, ROWS, ("cork",), count=3, draw_seed=0)
    assert trained == []
    assert {row.episode.query.kind for row in on_steel} == {"inclusion", "patches", "scratches"}


def test_segmentations_after_a_kill(setting, trained, killed):
    folds = ("cork", "tile")
    killed(lambda stop: segmentations(setting, ROWS, folds, count=1, draw_seed=0, progress=stop), done=2)
    assert trained == ["panet-compact-cork-seed0"]
    segmentations(setting, ROWS, folds, count=1, draw_seed=0)
    assert trained == ["panet-compact-cork-seed0", "panet-compact-tile-seed0"]


def test_the_picture_has_a_row_a_query(setting, tmp_path):
    heights = []
    for count in (1, 2):
        found = segmentations(setting, {"prototype": ROWS["prototype"]}, ("tile",), count=count, draw_seed=0)
        path = tmp_path / "pictures" / f"{count}.png"
        draw_segmentations(path, found, "title")
        with Image.open(path) as picture:
            heights.append(picture.height)
            assert np.asarray(picture).std() > 0
    assert heights[1] > 1.7 * heights[0]
    assert len(list((tmp_path / "pictures").iterdir())) == 2


def test_correspondences_of_the_tested_fold(setting, trained, tmp_path):
    for _ in range(2):
        draw_correspondences(tmp_path / "c.png", setting, OBFTNET, "tile", 0)
    assert [re.sub("-[0-9a-f]{8}-", "-", name) for name in trained] == ["obftnet-compact-tile-seed0"]
    with Image.open(tmp_path / "c.png") as picture:
        assert np.asarray(picture).std() > 0
    with pytest.raises(TypeError, match="prototype: an OBFTNet is wanted"):
        draw_correspondences(tmp_path / "d.png", setting, ROWS["prototype"], "tile", 0)
    assert not (tmp_path / "d.png").exists()


def test_gains_by_hand(tmp_path):
    def result(cut, hole):
        return {"folds": {"tile": {"classes": {"tile/cut": {"iou": cut}, "tile/hole": {"iou": hole}}}}}

    results = {
        Unit("hsnet", "compact", "tile", 1, 0): result(0.2, 0.5),
        Unit("obftnet", "compact", "tile", 1, 0): result(0.5, 0.3),
        Unit("hsnet", "compact", "tile", 1, 1): result(0.4, 0.5),
        Unit("obftnet", "compact", "tile", 1, 1): result(0.7, 0.5),
    }
    found = gains(results)
    assert [gain.name for gain in found] == ["tile/cut", "tile/hole"]
    assert found[0][1:] == pytest.approx((60, 30))
    assert [gain.gain for gain in found] == pytest.approx([30, -10])
    paths = write_gains(tmp_path, "g", [Gain("tile/cut", 60, 30)], "title")
    with paths[0].open(newline="") as file:
        assert next(csv.DictReader(file)) == {
            "class": "tile/cut",
            "obftnet": "60.00",
            "hsnet": "30.00",
            "gain": "30.00",
        }
    assert paths[1].stat().st_size > 1000
