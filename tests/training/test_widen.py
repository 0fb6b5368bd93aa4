"""A model that reads more than it was trained with says the same until it learns more."""

import pytest
import torch

from obftnet.config import CuesConfig
from obftnet.errors import InputError
from obftnet.model import OBFTNet
from obftnet.training.widen import widened


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = OBFTNet(CuesConfig(backbone="compact", cues="abns", size=64, query_skip=True))
    norm = model.reader.unet.norm
    norm.running_mean.uniform_(-1, 1)
    norm.running_var.uniform_(0.5, 2)
    return model.eval()


def episode():
    generator = torch.Generator().manual_seed(1)
    masks = torch.zeros(2, 64, 64)
    masks[:, 20:30, 8:50] = 1
    images = torch.rand(4, 3, 64, 64, generator=generator)
    return images[:1], images[1:3], masks, images[3:]


@pytest.mark.parametrize("cues", ["abnsutm", "mtsanb", "abns"])
def test_new_cues_weigh_nothing_at_first(model, cues):
    config = CuesConfig.model_validate(model.config.model_dump() | {"cues": cues})
    wide = widened(model, config).eval()
    assert wide.config.cues == cues
    with torch.no_grad():
        assert torch.allclose(wide(*episode()), model(*episode()), atol=1e-4)


def test_new_cues_can_be_learned(model):
    wide = widened(model, CuesConfig.model_validate(model.config.model_dump() | {"cues": "abnst"}))
    wide(*episode()).sum().backward()
    gradient = wide.reader.unet.entry.weight.grad
    assert (gradient[:, 4::5].abs().sum((0, 2, 3)) > 0).all()


def test_a_cue_less_is_refused(model):
    with pytest.raises(InputError, match="all of its own cues, 'abns'"):
        widened(model, CuesConfig.model_validate(model.config.model_dump() | {"cues": "abst"}))


def with_fields(model, **fields):
    return widened(model, CuesConfig.model_validate(model.config.model_dump() | fields)).eval()


@torch.no_grad()
def test_a_new_change_weighs_nothing_at_first(model):
    changed = with_fields(model, change=True)(*episode())
    torch.testing.assert_close(changed, model(*episode()), rtol=0, atol=1e-4)


def test_a_new_change_can_be_learned(model):
    wide = with_fields(model, change=True)
    wide(*episode()).sum().backward()
    assert wide.reader.unet.get_parameter("change.0.1.weight").grad.abs().sum() > 0


def test_a_change_that_was_trained_is_kept(model):
    with pytest.raises(InputError, match="change"):
        with_fields(with_fields(model, change=True), change=False)


@torch.no_grad()
def test_a_presence_is_left_behind_and_the_reader_is_not(model):
    judged = with_fields(model, presence=True)
    assert torch.equal(with_fields(judged, presence=False)(*episode()), model(*episode()))
