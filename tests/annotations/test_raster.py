import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from obftnet.annotations.forms import Ellipse, FormError, Polygon, Runs, TurnedBox, box
from obftnet.annotations.raster import ellipse, fill

SIZE = (23, 31)
Y, X = np.mgrid[:23, :31] + 0.5


def inside(ring: np.ndarray) -> np.ndarray:
    """Whether centres lie inside, by the winding of the ring around each: the sum of angles is 2 pi or 0."""
    vectors = (ring[:, 0] + 1j * ring[:, 1])[:, None, None] - (X + 1j * Y)
    angles = np.angle(np.roll(vectors, -1, axis=0) / vectors)
    return np.abs(angles.sum(0)) > np.pi


@pytest.mark.parametrize("seed", range(20))
def test_a_pixel_is_marked_where_its_centre_lies_inside(seed):
    rng = np.random.default_rng(seed)
    # Points around a middle, in order: a star, which does not cross itself.
    angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
    reach = rng.uniform(2, 11, 9)
    ring = np.stack([15.3 + reach * np.cos(angles), 11.7 + reach * np.sin(angles)], 1)
    assert (fill([ring], SIZE) == inside(ring)).all()
    assert (fill([ring[::-1]], SIZE) == inside(ring)).all()


def test_a_rectangle_on_whole_numbers_is_those_pixels():
    marked = box(3, 5, 9, 7).mask(SIZE)
    wanted = np.zeros(SIZE, bool)
    wanted[5:7, 3:9] = True
    assert (marked == wanted).all()
    assert (box(9, 7, 3, 5).mask(SIZE) == wanted).all()


def test_a_ring_within_a_ring_is_a_hole():
    outer, inner = [(2.0, 2.0), (12.0, 2.0), (12.0, 12.0), (2.0, 12.0)], [(5.0, 5.0), (8.0, 5.0), (8.0, 8.0)]
    both = Polygon((tuple(outer), tuple(inner))).mask(SIZE)
    assert (both == (Polygon((tuple(outer),)).mask(SIZE) & ~Polygon((tuple(inner),)).mask(SIZE))).all()
    assert both.sum() < 100


@given(arrays(np.float64, (5, 2), elements=st.floats(-1, 24).map(lambda value: round(value * 4) / 4)))
def test_outlines_that_share_edges_share_no_pixel_and_leave_none_out(points):
    # A fan around the middle: whatever its corners are, even crossing ones, parity adds up.
    middle = np.array([[11.5, 11.25]])
    fan = [np.concatenate([middle, points[[i, (i + 1) % 5]]]) for i in range(5)]
    parts = np.sum([fill([part], SIZE).astype(int) for part in fan], axis=0)
    assert ((parts % 2 == 1) == fill([points], SIZE)).all()


def test_what_lies_outside_is_cut_off():
    ring = np.array([(-50.0, -50.0), (500.0, -50.0), (500.0, 500.0), (-50.0, 500.0)])
    assert fill([ring], SIZE).all()
    assert not fill([ring + 1000], SIZE).any()


def test_an_ellipse():
    marked = ellipse((15.2, 11.1), (9.0, 4.0), 30.0, SIZE)
    angle = np.radians(30)
    x, y = X - 15.2, Y - 11.1
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    assert (marked == (along**2 / 81 + across**2 / 16 <= 1)).all()
    assert abs(marked.sum() - np.pi * 36) < 6
    # Clockwise as seen: with y down, the right end of the long axis comes down.
    rows, columns = np.nonzero(marked)
    assert np.cov(columns, rows)[0, 1] > 0


def test_a_box_turned_by_90_degrees_about_its_corner():
    # Width goes down and height to the left.
    assert (TurnedBox((20.0, 3.0), (10.0, 4.0), 90.0).mask(SIZE) == box(16, 3, 20, 13).mask(SIZE)).all()
    assert (TurnedBox((20.0, 3.0), (5.0, 4.0), 0.0).mask(SIZE) == box(20, 3, 25, 7).mask(SIZE)).all()


@pytest.mark.parametrize("by_column", [True, False])
def test_runs_of_a_window(by_column):
    rng = np.random.default_rng(1)
    wanted = np.zeros(SIZE, bool)
    wanted[4:11, 7:20] = rng.random((7, 13)) > 0.5
    part = wanted[4:11, 7:20]
    flat = np.concatenate([[False], part.ravel("F" if by_column else "C"), [True]])
    edges = np.flatnonzero(np.diff(flat.astype(int), append=2))
    counts = np.diff(np.concatenate([[0], edges])).tolist()
    counts[-1] += part.size - sum(counts)
    assert (Runs(counts, (7, 4, 13, 7), by_column).mask(SIZE) == wanted).all()


@pytest.mark.parametrize(
    ("form", "says"),
    [
        (Polygon((((1.0, 1.0), (2.0, 2.0)),)), "2 point"),
        (Polygon((((1.0, 1.0), (2.0, 2.0), (33.0, 3.0)),)), "outside the image of 31 x 23"),
        (Polygon((((1.0, 1.0), (2.0, 2.0), (3.0, -2.0)),)), "outside"),
        (Polygon((((1.0, 1.0), (2.0, 2.0), (float("nan"), 3.0)),)), "nan"),
        (Polygon((((1.0, 1.0), (2.0, 2.0), (1e300, 3.0)),)), "beyond"),
        (box(0, 0, float("inf"), 2), "inf"),
        (TurnedBox((1.0, 1.0), (float("nan"), 1.0), 5.0), "nan"),
        (Ellipse((5.0, 5.0), (0.0, 3.0)), "above 0"),
        (Ellipse((5.0, 5.0), (1e300, 3.0)), "beyond"),
        (Ellipse((50.0, 5.0), (3.0, 3.0)), "outside"),
        (Runs([3, 4], None, True), "7 pixels for 31 x 23"),
        (Runs([-1, 2], (0, 0, 1, 1), True), "fewer than 0"),
        (Runs([10**18], (0, 0, 31, 23), True), "pixels for"),
        (Runs([4], (30, 0, 2, 2), True), "outside"),
        (Runs([0], (3, 3, 0, 0), True), "outside"),
    ],
)
def test_what_cannot_be_drawn_says_why(form, says):
    with pytest.raises(FormError, match=says):
        form.mask(SIZE)


def test_a_point_may_lie_a_rounding_outside():
    assert box(-0.5, -1, 31.9, 24).mask(SIZE).all()
