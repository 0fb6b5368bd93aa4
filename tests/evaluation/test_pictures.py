from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from obftnet.data import default_folds, read_layout
from obftnet.evaluation.answers import Protocol
from obftnet.evaluation.evaluate import draw_fold
from obftnet.evaluation.pictures import draw_grid, spread_out


def test_a_grid_has_a_row_an_episode(collection, tmp_path):
    episodes = draw_fold(collection, "leather", ["leather"], Protocol(), 0)
    heights = []
    for count in (1, 3):
        rows = [(e, e.query.load_mask().astype(np.float32)) for e in episodes[:count]]
        draw_grid(tmp_path / f"{count}.png", rows, 0.5, "title")
        with Image.open(tmp_path / f"{count}.png") as picture:
            assert picture.format == "PNG"
            assert len(np.unique(np.asarray(picture.convert("L")))) > 50
            heights.append(picture.height)
    assert heights[1] > 2 * heights[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.png", "3.png"]


@pytest.mark.parametrize("source", ["complement", "window"])
def test_steel_is_drawn_too(steel, tmp_path, source):
    data = read_layout("neu_seg", steel)
    (episode, *_) = draw_fold(
        data, "steel", default_folds(data)["steel"], Protocol(background_source=source), 0
    )
    draw_grid(tmp_path / "steel.png", [(episode, np.zeros((80, 96), np.float32))], 0.5, "steel")
    assert (tmp_path / "steel.png").stat().st_size > 1000


@pytest.mark.parametrize("name", [r"$\frac$", "$x$ [/red] %s {0}", "木材"])
def test_names_are_drawn_as_they_are(collection, tmp_path, name, recwarn):
    (episode, *_) = draw_fold(collection, "leather", ["leather"], Protocol(), 0)
    named = replace(episode, query=replace(episode.query, material=name, kind=name))
    draw_grid(tmp_path / "a.png", [(named, np.zeros((32, 64), np.float32))], 0.5, name)
    assert (tmp_path / "a.png").stat().st_size > 1000
    assert not recwarn.list


def test_rows_are_chosen_by_place():
    assert spread_out(list(range(10)), 4) == [0, 2, 5, 7]
    assert spread_out(list(range(3)), 4) == [0, 1, 2]
    assert spread_out([], 4) == []
