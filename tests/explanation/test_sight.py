"""Where things are in photographs, and what is said of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from obftnet.config import CuesConfig, EncoderConfig
from obftnet.explanation.explain import explain_sights, reads_transport
from obftnet.explanation.nearest import Likeness
from obftnet.explanation.sight import Sight, Spot
from obftnet.imaging.tiles import Part
from obftnet.model import OBFTNet
from obftnet.segmenter import Segmenter

WHOLE = Part(0, (0, 0), (48, 60), (48, 60))
SIGHT = Sight(
    point=(3, 40),
    score=0.934,
    is_defect=True,
    looks=(0.7, 0.934),
    part=WHOLE,
    here=Likeness(0.91, 0.95, 0.62, 0.873, 0.8),
    typical=Likeness(0.4, 0.41, 0.97, 0.02, 0.9),
    defect=Spot("scratch.png", WHOLE, (12, 30), 0.91),
    good=Spot("good.png", WHOLE, (5, 6), 0.62),
    good_in_support=False,
    own_defect=Spot("q", WHOLE, (4, 44), 0.97),
    own_good=Spot("q", WHOLE, (50, 1), 0.5),
    certain=None,
)


def test_words_of_a_point():
    assert SIGHT.words == (
        "point 3,40: defect, score 0.93 (0.70 at the first look); "
        "most like the defect of scratch.png at 12,30: 0.91 (typical 0.40); "
        "like a turned or mirrored view of a defect: 0.95 (typical 0.41); "
        "most like good material in good.png at 5,6: 0.62 (typical 0.97); "
        "87 % of the mass on the defect (typical 2 %); "
        "like the rest of this image: 0.80 (typical 0.90); "
        "second look: of what the first was certain, 0.97 like its own defect position at 4,44 and 0.50 like "
        "its own good position at 50,1"
    )


@pytest.mark.parametrize(
    ("change", "said", "unsaid"),
    [
        ({"looks": (0.93,)}, "defect, score 0.93; most like", "look"),
        ({"is_defect": False, "score": 0.1}, ": good, score 0.10", ": defect, score"),
        ({"good_in_support": True}, "good.png at 5,6 (outside its defect): 0.62", ""),
        ({"certain": "good"}, "second look: the first was certain that this position is good", "own"),
        (
            {"own_defect": None},
            "of what the first was certain, 0.50 like its own good position",
            "own defect",
        ),
        ({"own_defect": None, "own_good": None}, "certain of no position, so it changed nothing", "own"),
        ({"defect": None}, "the guidance has no defect position at this level", "scratch.png"),
        ({"here": Likeness(0.9, None, 0.6, 0.8, None)}, "on the defect", "turned"),
        ({"here": Likeness(0.9, None, 0.6, 0.8, None)}, "on the defect", "rest of"),
        (
            {"part": Part(0, (8, 16), (32, 32), (48, 60))},
            "(the tile of 32 pixels at 16,8 alone: 0.70 at the first look, 0.93 at the second look)",
            "",
        ),
        (
            {"part": Part(0, (8, 16), (32, 32), (48, 60)), "looks": (0.5,)},
            "(the tile of 32 pixels at 16,8 alone: 0.50)",
            "look",
        ),
    ],
)
def test_words_say_what_is_there(change, said, unsaid):
    words = replace(SIGHT, **change).words
    assert said in words
    assert not unsaid or unsaid not in words
    assert "\n" not in words


@pytest.mark.parametrize(
    ("config", "transport"),
    [
        (EncoderConfig(), True),
        (CuesConfig(cues="abnsolp"), True),
        (CuesConfig(cues="abl"), True),
        (CuesConfig(cues="abnsutm", coreset=64, self_support=True), False),
    ],
)
def test_which_models_read_the_transport(config, transport):
    assert reads_transport(config) is transport


def look(model: OBFTNet, tile: int | None, images: list[np.ndarray], mask: np.ndarray, points):
    support, good, query = images
    segmenter = Segmenter(model, device="cpu", tile=tile).fit([(support, mask)], [good])
    picture = segmenter.read(query)
    prediction = segmenter.predict(picture)
    sights = explain_sights(segmenter, picture, prediction, points, 0, ["s"], ["g"])
    return segmenter, prediction.score, sights


@pytest.fixture
def seeing():
    torch.manual_seed(0)
    return OBFTNet(CuesConfig(backbone="compact", size=64, cues="abnsut", self_support=True)).eval()


@pytest.mark.parametrize("tile", [64, None])
def test_a_patch_is_found_where_it_was_copied_from(seeing, tile):
    """The query holds a piece of the support, and one of the background, cell for cell."""
    rng = np.random.default_rng(0)
    shape = (160, 208) if tile else (64, 64)
    images = [rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for _ in range(3)]
    support, good, query = images
    mask = np.zeros(shape, bool)
    if tile:
        # One tile of each is the other's, whole: tiles start at multiples of 48 here.
        mask[60:100, 60:100] = True
        # Around its defect a tile of the support lies at (48, 48).
        query[48:112, 96:160] = support[48:112, 48:112]
        query[96:160, 0:64] = good[0:64, 0:64]
        at_defect, at_good = (96 + 36, 48 + 36), (20, 96 + 20)
        from_defect, from_good = (48 + 36, 48 + 36), (20, 20)
    else:
        mask[24:40, 24:40] = True
        query[:, :] = support
        at_defect, from_defect = (36, 36), (36, 36)
        at_good, from_good = (4, 60), (4, 60)
    segmenter, score, (defect, sound) = look(seeing, tile, images, mask, [at_defect, at_good])
    assert defect.defect is not None
    assert sound.good is not None
    assert defect.defect.pixel == from_defect
    assert defect.defect.similarity == pytest.approx(1, abs=1e-4)
    assert sound.good.pixel == from_good
    assert sound.good.similarity == pytest.approx(1, abs=1e-4)
    assert sound.good_in_support is (tile is None)
    assert defect.score == pytest.approx(float(score[at_defect[1], at_defect[0]]))
    if tile is None:
        # The second look at the whole image is the score itself.
        assert defect.looks[1] == pytest.approx(defect.score, abs=1e-5)
    else:
        assert (defect.part.corner, defect.part.size) == ((48, 96), (64, 64))
        assert sound.part.corner == (96, 0)
        assert defect.defect.part == segmenter.parts[0][0]
        assert sound.good.part in segmenter.parts[1]


def test_the_first_look_is_the_model_without_its_second(seeing):
    rng = np.random.default_rng(1)
    images = [rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(3)]
    mask = np.zeros((64, 64), bool)
    mask[8:20, 8:20] = True
    with torch.no_grad():
        for parameter in list(seeing.reader.parameters())[-2:]:
            parameter.mul_(1e4)
    _, score, (sight,) = look(seeing, None, images, mask, [(30, 30)])
    once = OBFTNet(seeing.config.model_copy(update={"self_support": False}), seeing.backbone)
    once.reader.load_state_dict(seeing.reader.state_dict())
    _, first, (alone,) = look(once.eval(), None, images, mask, [(30, 30)])
    assert not np.array_equal(score, first)
    assert sight.looks == pytest.approx((first[30, 30], score[30, 30]), abs=1e-5)
    assert alone.looks == pytest.approx((first[30, 30],), abs=1e-5)
    assert alone.own_defect is alone.own_good is None


@pytest.mark.parametrize("tile", [64, None])
def test_of_several_kinds_a_point_is_explained_by_its_own(seeing, tile):
    """Pieces of two supports' defects, each of another kind, in one query."""
    rng = np.random.default_rng(1)
    shape = (112, 112) if tile else (64, 64)
    cut, dent, good, query = (rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for _ in range(4))
    mask = np.zeros(shape, bool)
    mask[8:40, 8:40] = True
    query[:64, :64] = dent[:64, :64]
    segmenter = Segmenter(seeing, device="cpu", tile=tile)
    segmenter.fit({"cut": [(cut, mask)], "dent": [(dent, mask)]}, [good])
    picture = segmenter.read(query)
    prediction = segmenter.predict(picture)
    assert prediction.best is not None
    points = [tuple(int(at[0]) for at in np.nonzero(kind == prediction.best.T)) for kind in (0, 1)]
    points.append((24, 24))
    sights = explain_sights(segmenter, picture, prediction, points, 0, ["cut/s", "dent/s"], ["g"])
    for sight, point in zip(sights, points, strict=True):
        kind = ("cut", "dent")[prediction.best[point[1], point[0]]]
        assert sight.kind == kind
        assert f"most like the defect of {kind}/s at" in sight.words
        assert kind in sight.verdict
        if tile is None:
            assert sight.looks[-1] == pytest.approx(sight.score, abs=1e-6)
            own = prediction.score[point[1], point[0]]
            assert sight.score == pytest.approx(float(own))
