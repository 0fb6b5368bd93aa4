import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score

from obftnet.decision import decide
from obftnet.evaluation.histogram import BINS, Histogram, bin_of, threshold_below

UNIT = st.floats(0, 1, width=32)


def example(seed, size=(40, 30), regions=3, sharp=1.0):
    """Scores of a query, and a truth of some boxes that they have something to do with."""
    rng = np.random.default_rng(seed)
    truth = np.zeros(size, bool)
    for _ in range(regions):
        y, x = rng.integers(0, size[0] - 6), rng.integers(0, size[1] - 6)
        truth[y : y + rng.integers(1, 6), x : x + rng.integers(1, 6)] = True
    logit = sharp * (rng.normal(size=size) + 2 * truth - 1)
    return (1 / (1 + np.exp(-logit))).astype(np.float32), truth


def components(truth):
    """Regions of a mask that touch by a side or a corner, as masks, by growing each until it rests."""
    left, found = truth.copy(), []
    while left.any():
        region = np.zeros_like(truth)
        region[tuple(np.argwhere(left)[0])] = True
        while True:
            padded = np.pad(region, 1)
            grown = truth & np.any(
                [
                    padded[dy : dy + truth.shape[0], dx : dx + truth.shape[1]]
                    for dy in range(3)
                    for dx in range(3)
                ],
                axis=0,
            )
            if (grown == region).all():
                break
            region = grown
        found.append(region)
        left &= ~region
    return found


def aupro_by_hand(scores, truths, limit):
    """The curve with a point for every score there is, as its definition has it."""
    rates, overlaps = [0.0], [0.0]
    for threshold in np.unique(np.concatenate([score.ravel() for score in scores]))[::-1]:
        masks = [score >= threshold for score in scores]
        false = sum((mask & ~truth).sum() for mask, truth in zip(masks, truths, strict=True))
        rates.append(false / sum((~truth).sum() for truth in truths))
        overlaps.append(
            np.mean([mask[r].mean() for mask, t in zip(masks, truths, strict=True) for r in components(t)])
        )
    area = 0.0
    for (r0, o0), (r1, o1) in zip(
        zip(rates, overlaps, strict=True), list(zip(rates, overlaps, strict=True))[1:], strict=False
    ):
        if r0 >= limit:
            break
        if r1 > limit:
            r1, o1 = limit, o0 + (o1 - o0) * (limit - r0) / (r1 - r0)
        area += (r1 - r0) * (o0 + o1) / 2
    return area / limit


def centred(score):
    """The scores with those of a bin made equal."""
    bins = bin_of(score)
    return bins.astype(np.float64) / BINS


@given(arrays(np.float32, 50, elements=UNIT))
def test_bins_are_in_the_order_of_scores(score):
    ordered = np.sort(score)
    assert (np.diff(bin_of(ordered)) >= 0).all()
    assert np.array_equal(bin_of(score) > BINS // 2, score > 0.5)


def test_the_range_fills_the_bins():
    assert bin_of(np.array([0, 0.5, 1], np.float32)).tolist() == [0, BINS // 2, BINS - 1]
    # The float32 next to 1 is not taken for 1.
    assert bin_of(np.nextafter(np.float32([1]), np.float32(0)))[0] < BINS - 1


@given(arrays(np.float32, (5, 5), elements=UNIT), st.integers(1, BINS - 1))
def test_a_threshold_parts_the_scores_where_the_bins_part(score, number):
    assert np.array_equal(decide(score, threshold_below(number)), bin_of(score) >= number)


@pytest.mark.parametrize("number", [1, 2, 128, BINS // 2 - 1, BINS // 2, BINS // 2 + 1, BINS - 2, BINS - 1])
def test_a_threshold_parts_scores_next_to_it(number):
    threshold = np.float32(threshold_below(number))
    near = [threshold]
    for towards in (np.float32(0), np.float32(1)):
        near += [np.nextafter(threshold, towards)]
    score = np.clip(np.array([near], np.float32), 0, 1)
    assert np.array_equal(decide(score, threshold_below(number)), bin_of(score) >= number)


@pytest.mark.parametrize("sharp", [0.1, 1, 8, 30])
@pytest.mark.parametrize("seed", range(3))
def test_average_precision_is_that_of_scikit_learn(seed, sharp):
    score, truth = example(seed, sharp=sharp)
    found = Histogram.of(score, truth)
    binned = average_precision_score(truth.ravel(), centred(score).ravel())
    assert found.average_precision == pytest.approx(binned, abs=1e-12)
    exact = average_precision_score(truth.ravel(), score.ravel())
    assert abs(found.average_precision - exact) <= found.average_precision_error + 1e-12


def test_the_errors_of_a_photograph_are_small():
    found = Histogram.of(*example(7, (256, 256), 12))
    assert found.average_precision_error < 0.01
    assert found.aupro_error() < 0.01


@given(st.integers(0, 10**6), st.sampled_from([0.02, 0.5, 3, 40]))
@settings(deadline=None, max_examples=60)
def test_the_errors_are_bounds(seed, sharp):
    score, truth = example(seed, (14, 11), 2, sharp)
    found = Histogram.of(score, truth)
    exact = average_precision_score(truth.ravel(), score.ravel())
    assert abs(found.average_precision - exact) <= found.average_precision_error + 1e-12
    by_hand = aupro_by_hand([score], [truth], 0.3)
    assert abs(found.aupro() - by_hand) <= found.aupro_error() + 1e-9
    best = max((mask & truth).sum() / (mask | truth).sum() for mask in (score >= t for t in np.unique(score)))
    assert found.iou.max() <= best + 1e-12
    assert best <= max(found.iou_bound.max(), found.iou.max()) + 1e-12


@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_aupro_is_that_of_its_definition(seed, limit):
    """Over several queries, one of them good, where those of a bin have one score."""
    pairs = [example(seed, (20, 16), 3), example(seed + 10, (12, 12), 1), example(seed + 20, (10, 10), 0)]
    found = sum((Histogram.of(*pair) for pair in pairs), Histogram.none())
    assert found.regions == sum(len(components(truth)) for _, truth in pairs)
    by_hand = aupro_by_hand([centred(score) for score, _ in pairs], [truth for _, truth in pairs], limit)
    assert found.aupro(limit) == pytest.approx(by_hand, abs=1e-9)


def test_small_regions_weigh_as_much_as_large_ones():
    truth = np.zeros((10, 10), bool)
    truth[:8, :5] = True
    truth[9, 9] = True
    small, large = np.zeros((10, 10), np.float32), np.zeros((10, 10), np.float32)
    small[9, 9], large[:8, :5] = 0.9, 0.9
    # At rate 0 half the regions are covered, and the curve rises to all of them at rate 1.
    assert Histogram.of(small, truth).aupro() == pytest.approx(0.5 + 0.5 * 0.3 / 2)
    assert Histogram.of(large, truth).aupro() == pytest.approx(0.5 + 0.5 * 0.3 / 2)
    assert Histogram.of(small, truth).average_precision < Histogram.of(large, truth).average_precision


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9])
def test_the_iou_of_a_bin_is_that_of_its_threshold(threshold):
    score, truth = example(5)
    number = int(bin_of(np.float32([threshold]))[0]) + 1
    mask = decide(score, threshold_below(number))
    assert Histogram.of(score, truth).iou[number] == (mask & truth).sum() / (mask | truth).sum()


def test_a_perfect_map_and_an_inverted_one():
    _, truth = example(1)
    perfect = Histogram.of(truth.astype(np.float32), truth)
    assert (perfect.average_precision, perfect.iou.max()) == (1, 1)
    assert perfect.aupro() == pytest.approx(1)
    assert (perfect.average_precision_error, perfect.aupro_error()) == (0, 0)
    inverted = Histogram.of((~truth).astype(np.float32), truth)
    assert inverted.average_precision == pytest.approx(truth.mean())
    assert inverted.aupro() == pytest.approx(0)


def test_where_there_is_nothing_to_find_there_is_no_figure():
    good = Histogram.of(*example(2, regions=0))
    assert (good.average_precision, good.aupro()) == (None, None)
    everything = Histogram.of(np.ones((3, 3), np.float32), np.ones((3, 3), bool))
    assert (everything.average_precision, everything.aupro()) == (1, None)
    assert (Histogram.none().average_precision_error, Histogram.none().aupro_error()) == (0, 0)


def test_sums_are_those_of_all_pixels():
    one, other = example(3), example(4, (16, 8))
    both = Histogram.of(*one) + Histogram.of(*other)
    labels = np.concatenate([one[1].ravel(), other[1].ravel()])
    scores = np.concatenate([centred(one[0]).ravel(), centred(other[0]).ravel()])
    assert both.average_precision == pytest.approx(average_precision_score(labels, scores), abs=1e-12)


def same(one, other):
    return one.regions == other.regions and all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("positive", "negative", "covered")
    )


@pytest.mark.parametrize("regions", [0, 4])
def test_packing_loses_nothing(regions):
    found = Histogram.of(*example(6, regions=regions))
    assert same(Histogram.unpacked(found.packed()), found)
    assert same(Histogram.unpacked(Histogram.none().packed()), Histogram.none())


def test_what_was_not_packed_is_refused():
    content = Histogram.of(*example(6)).packed()
    for damaged in (b"", b"notes", content[:-1], content[:20], b"\0" + content[1:]):
        with pytest.raises(ValueError, match="not a packed histogram"):
            Histogram.unpacked(damaged)


@pytest.mark.parametrize("limit", [0, -1, 1.1, float("nan")])
def test_a_limit_outside_its_range_is_refused(limit):
    with pytest.raises(ValueError, match="limit"):
        Histogram.of(*example(1)).aupro(limit)


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 2\).*\(2, 3\)"):
        Histogram.of(np.zeros((2, 2), np.float32), np.zeros((2, 3), bool))


@pytest.mark.parametrize("number", [0, -1, BINS])
def test_no_threshold_is_below_the_lowest_bin(number):
    with pytest.raises(ValueError, match="bin"):
        threshold_below(number)
