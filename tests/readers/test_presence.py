import pytest
import torch

from obftnet.readers.cues import CuesReader
from obftnet.readers.presence import Presence, summary
from obftnet.relation.relation import Relation


def look(b=2, c=3, h=9, w=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(b, 1, 2 * h, 2 * w, generator=generator), torch.randn(b, c, h, w, generator=generator)


def test_of_the_same_everywhere_it_is_that_value():
    logit, cues = (
        torch.full((1, 1, 8, 12), -1.5),
        torch.tensor([0.3, -0.2])[None, :, None, None].expand(1, 2, 4, 6),
    )
    score = torch.tensor(-1.5).sigmoid()
    logs = [float((score**power + 1e-5).log()) for power in (1, 4)]
    wanted = torch.tensor([[-1.5] * 5 + logs + [0.3, -0.2] * 2])
    torch.testing.assert_close(summary(logit, cues), wanted, rtol=1e-5, atol=1e-5)


def test_cues_count_where_something_is_marked():
    logit = torch.full((1, 1, 8, 8), -20.0)
    logit[..., 2:4, 4:6] = 20.0
    cues = torch.zeros(1, 1, 4, 4)
    cues[0, 0, 1, 2] = 1.0
    found = summary(logit, cues)[0]
    assert found[-2:].tolist() == pytest.approx([1, 1], abs=1e-3)
    assert found[0] == 20
    assert found[1] == pytest.approx((4 * 20 - 5 * 20) / 9)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (9, 7), (40, 40)])
def test_maps_of_any_size_and_items_that_do_not_meet(size):
    logit, cues = look(h=size[0], w=size[1])
    together = summary(logit, cues)
    assert together.isfinite().all()
    torch.testing.assert_close(summary(logit[1:], cues[1:]), together[1:])


def test_before_it_is_fitted_chances_are_even():
    assert Presence(3)(*look()).tolist() == [0, 0]


def test_a_reader_judges_by_the_cues_that_it_read_and_its_own_logit():
    torch.manual_seed(0)
    reader = CuesReader((2, 1), presence=True).eval()
    assert reader.presence is not None
    torch.nn.init.normal_(reader.presence.linear.weight)
    relation = Relation((torch.randn(2, 2, 8, 8), torch.randn(2, 1, 4, 4)))
    logit, present = reader.judge(relation, (20, 24))
    torch.testing.assert_close(logit, reader(relation, (20, 24)))
    own, cues = reader.look(relation)
    torch.testing.assert_close(present, reader.presence(own, cues))
    assert (own.shape, cues.shape) == ((2, 1, 16, 16), (2, 3, 8, 8))
