"""What is told of a position, against a search through everything by hand."""

import numpy as np
import pytest
import torch

from obftnet.backbones.features import Features, unit_features
from obftnet.backbones.weights import load_backbone
from obftnet.config import CuesConfig
from obftnet.explanation.nearest import Place, nearest
from obftnet.guidance.columns import Columns
from obftnet.model import OBFTNet

GRIDS = [(8, 8), (8, 8), (4, 4), (4, 4), (2, 2), (2, 2)]
CELLS = [(0, 0), (3, 5), (7, 2)]
TAP = 1


def made(**options) -> OBFTNet:
    torch.manual_seed(0)
    return OBFTNet(
        CuesConfig(backbone="compact", size=64, **options), load_backbone("compact", "random")
    ).eval()


def features(n: int, seed: int, views: tuple = ()) -> Features:
    generator = torch.Generator().manual_seed(seed)
    channels = [tap.channels for tap in made().backbone.spec.taps]
    taps = (torch.randn(n, c, *grid, generator=generator) for c, grid in zip(channels, GRIDS, strict=True))
    return Features(tuple(unit_features(x) for x in taps), (64, 64), views=views)


@pytest.fixture
def masks():
    found = torch.zeros(2, 64, 64)
    found[0, 8:24, 16:40] = 1
    found[1, 40:48, 0:8] = 1
    return found


def by_hand(point: torch.Tensor, maps: torch.Tensor, allowed: torch.Tensor) -> Place:
    """The most similar allowed cell of (n, c, h, w), one after the other."""
    best = Place(0, (0, 0), (8, 8), -2)
    for image, row, column in allowed.nonzero().tolist():
        similarity = float(point.double() @ maps[image, :, row, column].double())
        if similarity > best.similarity:
            best = Place(image, (row, column), (8, 8), similarity)
    return best


def same(found: Place | None, wanted: Place) -> None:
    assert found is not None
    assert (found.image, found.cell, found.grid) == (wanted.image, wanted.cell, wanted.grid)
    assert found.similarity == pytest.approx(wanted.similarity, abs=1e-5)


@pytest.mark.parametrize("rule", ["joint", "vote"])
def test_the_nearest_places_are_those_of_a_search_by_hand(masks, rule):
    model = made(cues="abnsu", shots_rule=rule)
    supports, backgrounds, query = features(2, 1), features(2, 2), features(1, 3)
    guidance = model.guide(supports, masks, backgrounds)
    marked = guidance.defect[TAP]
    in_supports = 0
    for cell, found in zip(CELLS, nearest(model, query, guidance, TAP, CELLS), strict=True):
        point = query.taps[TAP][0, :, *cell]
        same(found.defect, by_hand(point, supports.taps[TAP], marked))
        rest = by_hand(point, supports.taps[TAP], ~marked)
        good = by_hand(point, backgrounds.taps[TAP], torch.ones(2, 8, 8, dtype=torch.bool))
        assert found.good_in_support == (rest.similarity > good.similarity)
        same(found.good, rest if found.good_in_support else good)
        assert found.here.good == pytest.approx(max(rest.similarity, good.similarity), abs=1e-5)
        assert found.here.views is None
        assert found.own_defect is found.own_good is found.certain is None
        in_supports += found.good_in_support
    # The mass, and what is typical, from all similarities at once.
    rows = query.taps[TAP][0].flatten(1).double()
    whole = (rows.mT @ supports.taps[TAP].double().transpose(0, 1).flatten(1) / 0.05).exp()
    goods = (rows.mT @ backgrounds.taps[TAP].double().transpose(0, 1).flatten(1) / 0.05).exp()
    whole, goods = (
        x.reshape(64, 2, 64).sum(2) if x is goods else x.reshape(64, 2, 64) for x in (whole, goods)
    )
    on_defect = (whole * marked.flatten(1)).sum(2)
    share = (
        on_defect.sum(1) / (whole.sum((1, 2)) + goods.sum(1))
        if rule == "joint"
        else (on_defect / (whole.sum(2) + goods)).mean(1)
    )
    told = nearest(model, query, guidance, TAP, CELLS)
    for (row, column), found in zip(CELLS, told, strict=True):
        assert found.here.mass == pytest.approx(float(share[row * 8 + column]), rel=1e-4)
        assert found.typical.mass == pytest.approx(float(share.median()), rel=1e-4)


def test_it_is_what_the_cues_say(masks):
    """Each number is the value of the cue map that the reader is given, also after the second look."""
    model = made(cues="abnutm", self_support=True)
    supports = features(2, 1, tuple(features(3, 4 + i).taps for i in range(2)))
    supports = Features(
        supports.taps,
        supports.size,
        views=tuple(tuple(x[0].flatten(1) for x in one) for one in supports.views),
    )
    guidance, query = model.guide(supports, masks, features(1, 2)), features(1, 3)
    _confident(model)
    maps = model.relate(query, guidance, second_look=True).levels[0]
    first = model.relate(query, guidance).levels[0]
    assert not torch.equal(maps[:, 11], first[:, 11]), "the first look is certain of something"
    for (row, column), found in zip(CELLS, nearest(model, query, guidance, TAP, CELLS), strict=True):
        # Of the second tap: after the six cues of the first.
        a, b, n, u, t, _ = first[0, 6:12, row, column].tolist()
        m = float(maps[0, 11, row, column])
        here = found.here
        assert here.defect == pytest.approx(a, abs=1e-5)
        assert here.good == pytest.approx(max(b, n), abs=1e-5)
        assert here.distant == pytest.approx(u, abs=1e-5)
        assert here.views == pytest.approx(t, abs=1e-5)
        assert here.mass == pytest.approx(m, abs=1e-5)


def test_the_second_looks_own_positions_are_the_querys(masks, monkeypatch):
    model = made(cues="abnsu", self_support=True)
    query = features(1, 3)
    guidance = model.guide(features(2, 1), masks, features(1, 2))
    unit = query.taps[TAP][0].flatten(1)
    defect, good = torch.tensor([29, 60]), torch.tensor([3, 4, 50])
    own = Columns(
        unit[:, torch.cat([defect, good])].contiguous(),
        (2, 0, 3, 0),
        torch.ones(5),
        torch.cat([defect, good]),
    )
    tap = query.taps[TAP][0]
    monkeypatch.setattr("obftnet.model.own_columns", lambda maps, _: own if torch.equal(maps, tap) else None)
    for cell, found in zip(CELLS, nearest(model, query, guidance, TAP, CELLS), strict=True):
        similarity = unit.mT @ unit[:, cell[0] * 8 + cell[1]]
        for place, among in ((found.own_defect, defect), (found.own_good, good)):
            assert place is not None
            best = int(among[similarity[among].argmax()])
            assert place.cell == (best // 8, best % 8)
            assert place.similarity == pytest.approx(float(similarity[best]), abs=1e-5)
        assert found.certain == ("defect" if cell == (3, 5) else None)


def test_a_mask_lost_between_two_cells_leaves_no_defect_to_be_like():
    model = made(cues="abnsu", mask_resize="bilinear")
    marked = torch.zeros(1, 64, 64)
    marked[0, 13, 13] = 1
    guidance = model.guide(features(1, 1), marked, features(1, 2))
    (found,) = nearest(model, features(1, 3), guidance, TAP, [(0, 0)])
    assert found.defect is None
    assert found.here.defect is None
    assert found.here.mass == 0
    assert np.isfinite(found.here.good)


def _confident(model: OBFTNet) -> None:
    """Make a first look certain of something: large scores of either sign."""
    with torch.no_grad():
        for parameter in list(model.reader.parameters())[-2:]:
            parameter.mul_(1e4)
