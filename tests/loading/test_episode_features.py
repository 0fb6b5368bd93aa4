from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from obftnet.backbones.features import Features
from obftnet.config import CuesConfig
from obftnet.data import Background, Episode, Sample
from obftnet.guidance.columns import VIEWS
from obftnet.guidance.guidance import masked_guidance
from obftnet.loading.features import EpisodeReader
from obftnet.model import OBFTNet
from obftnet.segmenter import Segmenter


class Pixels:
    """A method whose features are the pixels of its input."""

    size = 8
    reads_masks = False

    def __init__(self) -> None:
        self.backbone = SimpleNamespace(mean=torch.zeros(1))
        self.looked = 0

    def extract(self, images, masks=None):
        self.looked += 1
        assert images.shape[-2:] == (8, 8)
        return Features((images, images[..., ::2, ::2]), (8, 8))

    def guide(self, supports, masks, backgrounds, usable=None):
        self.given = (supports, masks, backgrounds, usable)
        return masked_guidance(supports, masks, backgrounds, usable)


@pytest.fixture
def sample(tmp_path):
    """A 16 x 24 sample with a defect in the rows and columns given; a good one without."""

    def sample(name, rows=None, columns=None):
        image = np.random.default_rng(len(name)).integers(0, 256, (16, 24, 3), dtype=np.uint8)
        Image.fromarray(image).save(tmp_path / f"{name}.png")
        if rows is None:
            return Sample("m", "good", tmp_path / f"{name}.png", None, name)
        mask = np.zeros((16, 24), np.uint8)
        mask[rows, columns] = 255
        Image.fromarray(mask).save(tmp_path / f"{name}_mask.png")
        return Sample("m", "cut", tmp_path / f"{name}.png", tmp_path / f"{name}_mask.png", name)

    return sample


@pytest.fixture
def episode(sample):
    supports = (sample("first", slice(0, 4), slice(0, 6)), sample("second!", slice(8, 9), slice(21, 22)))
    backgrounds = (Background(sample("good")), Background(sample("window?", 0, 0), (4, 6, 8, 9)))
    return Episode(sample("query-query", 3, 3), supports, backgrounds, 0, 0)


def test_shapes_of_a_non_square_episode(episode):
    method = Pixels()
    guidance = EpisodeReader(method).guidance(episode)
    assert [tuple(x.shape) for x in guidance.supports] == [(2, 3, 8, 8), (2, 3, 4, 4)]
    assert [tuple(x.shape) for x in guidance.backgrounds] == [(2, 3, 8, 8), (2, 3, 4, 4)]
    query = EpisodeReader(method).query(episode.query)
    assert [tuple(x.shape) for x in query.taps] == [(1, 3, 8, 8), (1, 3, 4, 4)]
    assert query.size == (8, 8)


def test_masks_are_the_defects_share_of_each_cell(episode):
    method = Pixels()
    guidance = EpisodeReader(method).guidance(episode)
    masks = method.given[1]
    assert masks.shape == (2, 8, 8)
    # Cells are 2 x 3 px. The first defect fills 2 x 2 cells, the second is one pixel of one.
    assert masks[0].nonzero().tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert masks[0].sum() == 4
    assert masks[1].nonzero().tolist() == [[4, 7]]
    assert masks[1, 4, 7] == pytest.approx(1 / 6)
    assert guidance.defect[1][1].nonzero().tolist() == [[2, 3]]


def test_a_window_is_cropped(episode, sample):
    method = Pixels()
    reader = EpisodeReader(method)
    reader.guidance(episode)
    background = episode.backgrounds[1]
    crop = torch.from_numpy(background.sample.load_image()[4:12, 6:15]).permute(2, 0, 1)[None]
    expected = torch.nn.functional.interpolate(crop, (8, 8), mode="bilinear", antialias=True)
    torch.testing.assert_close(method.given[2].taps[0][1:], expected)
    # The same image as a whole is another picture to the store.
    assert not torch.equal(reader.query(background.sample).taps[0], method.given[2].taps[0][1:])


def test_all_of_a_good_background_is_usable(episode):
    method = Pixels()
    assert all(bool(cells.all()) for cells in EpisodeReader(method).guidance(episode).usable)
    assert method.given[3] is None


def test_of_a_complement_only_what_is_not_defect_is_usable(episode):
    support = episode.supports[0]
    method = Pixels()
    complement = Episode(episode.query, (support,), (Background(support, complement=True),), 0, 0)
    guidance = EpisodeReader(method).guidance(complement)
    assert (~guidance.usable[0][0]).nonzero().tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert torch.equal(guidance.usable[0], ~guidance.defect[0])
    assert method.looked == 1  # support and background are one picture


def test_a_picture_met_before_comes_from_the_store(episode):
    method = Pixels()
    reader = EpisodeReader(method)
    reader.guidance(episode)
    reader.query(episode.query)
    assert method.looked == 5
    reader.guidance(episode)
    reader.query(episode.query)
    assert method.looked == 5


def test_no_gradient_is_kept(episode):
    assert not any(x.requires_grad for x in EpisodeReader(Pixels()).query(episode.query).taps)


def columns_apart(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """The largest difference of each pair of columns: (c, n), (c, m) -> (n, m)."""
    return (one.unsqueeze(2) - other.unsqueeze(1)).abs().amax(0)


def test_an_evaluation_and_a_segmenter_see_the_same_views(episode):
    torch.manual_seed(0)
    model = OBFTNet(CuesConfig(backbone="compact", size=64, cues="abnstm")).eval()
    reader = EpisodeReader(model)
    evaluated = reader.guidance(episode)
    segmenter = Segmenter(model, device="cpu").fit(
        [(sample.image, sample.mask) for sample in episode.supports],
        [background.load()[0] for background in episode.backgrounds],
    )
    for given, wanted in zip(segmenter.guidance.columns, evaluated.columns, strict=True):
        assert given.counts == wanted.counts
        assert given.counts[VIEWS] > 0
        # A segmenter takes its guidance in an order of its own; each part's columns are the same.
        for part in given.slices():
            apart = columns_apart(given.matrix[:, part], wanted.matrix[:, part])
            assert (apart.amin(0) <= 1e-5).all()
            assert (apart.amin(1) <= 1e-5).all()
    model.backbone.forward = None  # a second look at the same supports needs no backbone
    again = reader.guidance(episode)
    assert torch.equal(again.columns[0].matrix, evaluated.columns[0].matrix)


def test_a_support_is_not_its_image_to_a_method_that_reads_masks(episode):
    """The same image as a query, or as a support with another mask, has other features or none of views."""
    model = OBFTNet(CuesConfig(backbone="compact", size=64, cues="abt")).eval()
    reader = EpisodeReader(model)
    first = episode.supports[0]
    other = replace(first, mask=episode.supports[1].mask)
    alone = [reader.guidance(replace(episode, supports=(support,))).columns[0] for support in (first, other)]
    assert not torch.equal(*(one.matrix[:, one.slices()[VIEWS]][:, :1] for one in alone))
    assert reader.query(first).views == ()
