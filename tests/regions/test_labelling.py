"""Regions by their rows' runs, compared with SciPy's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import ConvexHull

from obftnet.regions import labelling
from obftnet.regions.geometry import outline
from obftnet.regions.labelling import connected, label

MASKS = arrays(np.bool_, st.tuples(st.integers(1, 14), st.integers(1, 14)))


@given(MASKS, st.sampled_from([1, 20, 1 << 18]), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=300)
def test_numbers_boxes_areas_and_parts_are_scipy_s(mask, block, random):
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labelling, "_BLOCK", block)
        found = label(mask)
    assert found.count == count
    np.testing.assert_array_equal(found.numbers(), labels)
    np.testing.assert_array_equal(found.areas, np.bincount(labels.ravel(), minlength=count + 1)[1:])
    for number, box in enumerate(ndimage.find_objects(labels)):
        rows, columns, inside = found.part(number)
        assert (rows, columns) == box
        np.testing.assert_array_equal(inside, labels[box] == number + 1)
    keep = np.array([random.random() < 0.5 for _ in range(count)], np.bool_)
    np.testing.assert_array_equal(found.marked(keep), np.append(False, keep)[labels])


@pytest.mark.parametrize("sigma", [0, 1, 4])
def test_large_masks_with_bays_and_spirals(sigma):
    noise = np.random.default_rng(sigma).random((300, 211))
    field = ndimage.gaussian_filter(noise, sigma) if sigma else noise
    masks = [field > np.quantile(field, share) for share in (0.1, 0.5, 0.6, 0.9)]
    y, x = np.mgrid[-150:150, -105:106]
    masks.append((np.hypot(y, x) / 6 + np.arctan2(y, x) / 2 / np.pi) % 1 < 0.5)
    for mask in masks:
        labels, count = ndimage.label(mask, np.ones((3, 3)))
        found = label(mask)
        assert found.count == count
        np.testing.assert_array_equal(found.numbers(), labels)


@given(
    st.integers(0, 12).flatmap(
        lambda n: st.tuples(
            st.just(n), st.lists(st.tuples(*[st.integers(0, max(0, n - 1))] * 2), max_size=20 if n else 0)
        )
    )
)
@settings(deadline=None)
def test_a_graph_s_parts_are_scipy_s(graph):
    nodes, edges = graph
    ends = np.array(edges, np.int64).reshape(-1, 2).T
    count, part = connected(nodes, ends)
    if nodes:
        matrix = coo_array((np.ones(ends.shape[1]), tuple(ends)), shape=(nodes, nodes))
        wanted, parts = connected_components(matrix, directed=False)
        assert count == wanted
        np.testing.assert_array_equal(part, parts)
    else:
        assert (count, part.size) == (0, 0)


@given(MASKS)
@settings(deadline=None)
def test_the_outline_is_qhull_s(mask):
    if not mask.any():
        return
    sides = np.array([(0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5)])
    points = (np.argwhere(mask)[:, None] + sides).reshape(-1, 2)
    corners = outline(mask)
    assert set(map(tuple, corners)) == set(map(tuple, points[ConvexHull(points).vertices]))
    ahead = np.roll(corners, -1, 0) - corners
    further = np.roll(ahead, -1, 0)
    turns = ahead[:, 0] * further[:, 1] - ahead[:, 1] * further[:, 0]
    assert (turns < 0).all() or (turns > 0).all(), "in order around it, and no corner on a side"
