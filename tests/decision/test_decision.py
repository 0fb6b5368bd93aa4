import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from obftnet.decision import Decision, Verdict, decide, image_score, judge
from obftnet.errors import InputError

#: Few values, so that ties and plateaus are common; or as many as pixels.
SCORES = arrays(
    np.float32,
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    elements=st.one_of(
        st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.floats(0, 1, width=32, allow_subnormal=False)
    ),
)


def regions(mask):
    """The regions of a mask as lists of pixels, by walking from neighbour to neighbour."""
    left = set(zip(*np.nonzero(mask), strict=True))
    found = []
    while left:
        region, edge = [], [left.pop()]
        while edge:
            y, x = edge.pop()
            region.append((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            edge += near
        found.append(region)
    return found


def feret(region):
    sides = ((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5))
    points = np.array([(y + dy, x + dx) for y, x in region for dy, dx in sides])
    return np.sqrt(((points[:, None] - points) ** 2).sum(-1).max())


def by_hand(score, threshold, area, length):
    mask = np.zeros(score.shape, bool)
    for region in regions(score > threshold):
        if len(region) >= area and feret(region) >= length - 1e-9:
            mask[tuple(np.array(region).T)] = True
    return mask


@given(SCORES, st.integers(0, 30), st.sampled_from([0, 1, 2, 2.2, 3, 4.5, 8]), st.floats(0, 1, width=32))
@settings(deadline=None, max_examples=300)
def test_the_image_score_is_above_a_threshold_where_a_region_of_the_least_size_is(
    score, area, length, threshold
):
    value = image_score(score, Decision(min_area=area, min_length=length))
    for level in (threshold, *np.unique(score)):
        mask = decide(score, Decision(float(level), area, length))
        assert np.array_equal(mask, by_hand(score, level, area, length))
        assert mask.any() == (value > level)


LEVELS = st.floats(0, 1, width=32, exclude_min=True)


@given(SCORES, st.integers(0, 6), LEVELS, LEVELS)
@settings(deadline=None, max_examples=200)
def test_a_low_threshold_draws_whole_regions_and_marks_no_other_image(score, area, one, other):
    low, threshold = sorted([one, other])
    seeds = by_hand(score, threshold, area, 0)
    wanted = np.zeros(score.shape, bool)
    for region in regions(score > low):
        place = tuple(np.array(region).T)
        wanted[place] = seeds[place].any()
    decision = Decision(threshold, area, low_threshold=low)
    mask = decide(score, decision)
    assert np.array_equal(mask, wanted)
    assert image_score(score, decision) == image_score(score, Decision(threshold, area))
    assert judge(image_score(score, decision), decision) == ("fail" if mask.any() else "pass")


@pytest.mark.parametrize("low", [-0.1, 0, 0.7, np.nan, np.inf])
def test_a_low_threshold_is_at_most_the_threshold(low):
    with pytest.raises(InputError, match="low_threshold"):
        Decision(0.6, low_threshold=low)


@pytest.mark.parametrize("area", [2, 20, 400, 3000])
@pytest.mark.parametrize("sigma", [0, 2])
def test_the_image_score_of_maps_of_many_scores(area, sigma):
    """So large that the search goes through its graph; the next score above must leave no region."""
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(area).random((96, 80), np.float32)
    score = gaussian_filter(noise, sigma) if sigma else noise
    value = image_score(score, Decision(min_area=area))
    assert value in score
    assert decide(score, Decision(float(np.nextafter(np.float32(value), np.float32(0))), area)).any()
    assert not decide(score, Decision(value, area)).any()


def test_no_region_can_be_larger_than_the_image():
    score = np.ones((4, 5), np.float32)
    assert image_score(score, Decision(min_area=20)) == 1
    assert image_score(score, Decision(min_area=20.5)) == 0
    assert image_score(score, Decision(min_length=100)) == 0


HALF = np.zeros((30, 40), bool)
HALF[:, :20] = True


@pytest.mark.parametrize(
    ("decision", "says"),
    [
        (Decision(min_area=1200), None),
        (Decision(min_area=1201), "a least region of 1201 pixels, and the image has 1200"),
        (Decision(min_length=50), None),
        (Decision(min_length=50.1), "50.1 pixels in length, and the image has 50"),
        (Decision(min_area=600, interest=HALF), None),
        (Decision(min_area=601, interest=HALF), "and the region of interest has 600"),
        (Decision(min_area=1e30), "nothing could ever be marked"),
    ],
)
def test_a_least_region_that_no_image_can_hold_is_told(decision, says):
    if says is None:
        decision.check_markable((30, 40), "a.png")
    else:
        with pytest.raises(InputError, match=says):
            decision.check_markable((30, 40), "a.png")


def test_a_number_is_a_threshold_alone():
    score = np.array([[0.0, 0.5, 0.500001, 1.0]], np.float32)
    assert decide(score).tolist() == [[False, False, True, True]]
    assert decide(score, 0).tolist() == [[False, True, True, True]]
    assert not decide(score, 1).any()
    assert image_score(score) == 1


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.7, 0.9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_threshold_is_not_rounded(threshold, dtype):
    """0.1 as float32 is more than 0.1, 0.7 as float32 less: image score and mask must see it alike."""
    score = np.array([[dtype(threshold), np.float32(threshold)]], dtype)
    wanted = [[float(value) > threshold for value in score[0]]]
    assert decide(score, threshold).tolist() == wanted
    assert (image_score(score) > threshold) == any(wanted[0])


def test_a_scratch_is_long_without_being_large():
    score = np.zeros((32, 32), np.float32)
    score[np.arange(20), np.arange(20)] = 1  # a diagonal, one pixel wide
    score[24:30, 2:8] = 1  # a spot of more pixels
    scratch, spot = decide(score, Decision(min_length=15)), decide(score, Decision(min_area=30))
    assert (scratch.sum(), spot.sum()) == (20, 36)
    assert not decide(score, Decision(min_area=30, min_length=15)).any()


def test_nothing_is_marked_outside_of_the_region_of_interest():
    score = np.full((6, 6), 0.9, np.float32)
    interest = np.zeros((6, 6), bool)
    interest[:, :2] = True
    decision = Decision(interest=interest)
    assert np.array_equal(decide(score, decision), interest)
    # A region ends where the interest does.
    assert image_score(score, Decision(min_area=13, interest=interest)) == 0
    assert image_score(score, Decision(min_area=12, interest=interest)) == pytest.approx(0.9)
    with pytest.raises(ValueError, match="6 x 6 pixels for a score map of 7 x 6"):
        decide(np.zeros((6, 7), np.float32), decision)


@pytest.mark.parametrize(
    ("value", "verdict"), [(0.2, "pass"), (0.3, "pass"), (0.31, "review"), (0.7, "review"), (0.71, "fail")]
)
def test_a_band_is_for_review(value, verdict):
    assert judge(value, Decision(0.5, review=(0.3, 0.7))) == verdict


@given(SCORES, st.integers(0, 9), st.sampled_from([None, (0.25, 0.5), (0.5, 0.5), (0.25, 0.75)]))
@settings(deadline=None)
def test_verdicts_agree_with_masks(score, area, review):
    decision = Decision(0.5, area, review=review)
    verdict, marked = judge(image_score(score, decision), decision), decide(score, decision).any()
    assert (verdict, marked) not in ((Verdict.PASS, True), (Verdict.FAIL, False))
    assert review is not None or verdict != Verdict.REVIEW


def test_millimetres_become_pixels_by_the_scale():
    decision = Decision(min_area=0.5, min_length=2, unit="mm")
    assert decision.in_pixels(10) == Decision(min_area=50, min_length=20)
    assert Decision(min_area=7).in_pixels(None) == Decision(min_area=7)
    score = np.ones((3, 3), np.float32)
    with pytest.raises(ValueError, match="in_pixels"):
        decide(score, decision)
    for scale, said in ((None, "needs the scale"), (0, "above 0"), (float("nan"), "above 0")):
        with pytest.raises(ValueError, match=said):
            decision.in_pixels(scale)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"threshold": -0.1}, r"threshold must lie in 0\.\.1"),
        ({"threshold": 1.1}, r"threshold must lie in 0\.\.1"),
        ({"threshold": float("nan")}, r"threshold must lie in 0\.\.1"),
        ({"min_area": -1}, "min_area must be"),
        ({"min_length": float("inf")}, "min_length must be"),
        ({"unit": "inch"}, "unit must be"),
        ({"review": (0.6, 0.7)}, "review must be"),
        ({"review": (0.4, 1.7)}, "review must be"),
        ({"interest": np.zeros((2, 2))}, "interest must be"),
    ],
)
def test_numbers_outside_their_range_are_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        Decision(**wrong)


@pytest.mark.parametrize(
    "score",
    [
        np.zeros(3, np.float32),
        np.zeros((0, 3), np.float32),
        np.zeros((2, 2), np.uint8),
        np.full((2, 2), np.nan, np.float32),
        np.full((2, 2), 1.5, np.float32),
    ],
)
def test_what_is_no_score_map_is_refused(score):
    for question in (decide, image_score):
        with pytest.raises(ValueError, match="score"):
            question(score)


def test_decisions_are_equal_where_they_decide_alike():
    interest = np.eye(3, dtype=bool)
    assert Decision(0.4, interest=interest) == Decision(0.4, interest=interest.copy())
    assert Decision(0.4, interest=interest) != Decision(0.4)
    assert Decision(0.4, interest=interest) != Decision(0.4, interest=~interest)
    assert Decision(0.4) != Decision(0.4, min_area=1)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_an_image_score_outside_its_range_is_refused(value):
    with pytest.raises(ValueError, match="image score"):
        judge(value, Decision())


@pytest.mark.parametrize(("area", "length"), [(1, 0), (3, 0), (7.5, 0), (0, 4), (0, 9.5), (5, 6), (12, 3)])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_a_large_map_is_looked_at_by_windows_of_rows(monkeypatch, area, length, share):
    """As all at once: regions across windows, and such as reach from one through another."""
    noise = np.random.default_rng(int(100 * share)).random((2000, 6), np.float32)
    score = np.where(noise < share, noise.clip(0.01), np.float32(0)) ** np.float32(0.1)
    score[300:900, 2] = score[::7, 5].max() - np.float32(0.01)
    decision = Decision(0.2, area, length)
    wanted = decide(score, decision), image_score(score, decision)
    assert wanted[0].any()
    monkeypatch.setattr("obftnet.decision.level._WINDOW", 1)
    assert np.array_equal(decide(score, decision), wanted[0])
    assert image_score(score, decision) == wanted[1]
