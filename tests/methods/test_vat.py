import pytest
import torch

from obftnet.backbones.registry import backbone_spec
from obftnet.backbones.weights import load_backbone
from obftnet.methods.learned import LearnedConfig, Shots
from obftnet.methods.registry import build
from obftnet.methods.vat import VAT, correlations, grid
from obftnet.methods.vat.embedding import STEPS, PooledConv4d, VolumeEmbedding
from obftnet.voting import vote

CHANNELS, LEVELS = (5, 6, 7, 8), (2, 1, 1)


def episode(b: int, k: int, side: tuple[int, int] = (12, 12), support: tuple[int, int] | None = None):
    def maps(*lead, side):
        return tuple(
            torch.randn(*lead, c, -(-side[0] // s), -(-side[1] // s))
            for c, s in zip(CHANNELS, (1, 1, 2, 4), strict=True)
        )

    support = support or side
    mask = torch.zeros(b, k, 8 * support[0], 8 * support[1])
    mask[..., 16:60, 16:70] = 1
    return maps(b, side=side), Shots(maps(b, k, side=support), mask)


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = VAT(CHANNELS, LEVELS).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network


def test_parameters_on_resnet50():
    """Layer by layer; the published code's are these and what it does not use."""

    def conv(inside, outside, side):
        return side * side * inside * outside + outside

    def blocks(dim, count, biases):
        attention = 4 * (dim * dim + dim) + 4 * biases
        return count * (attention + 8 * dim * dim + 5 * dim + 4 * dim)

    embedding = 0
    for layers, steps in zip((4, 6, 3), STEPS, strict=True):
        for step in steps:
            embedding += 2 * conv(layers, step.channels, 3) + 2 * step.channels
            layers = step.channels
    stages = sum(blocks(dim, 2, 15**2) + 2 * dim for dim in (128, 128, 64))
    decoder = conv(512, 32, 1) + conv(512, 16, 1) + conv(128, 96, 1) + conv(128, 48, 1)
    expected = embedding + blocks(128, 8, 7**4) + stages + decoder + conv(64, 32, 3) + conv(32, 2, 3)
    found = sum(p.numel() for p in VAT.on(backbone_spec("resnet50")).parameters())
    assert found == expected == 3_118_682
    unused_projection, unused_norms, stride_4 = conv(1024, 64, 1), 3 * 2 * 128, conv(256, 16, 1)
    assert found + unused_projection + unused_norms - conv(512, 16, 1) + stride_4 == 3_180_954


@pytest.mark.parametrize(
    ("side", "support", "size"),
    [((12, 12), None, (96, 96)), ((17, 12), (12, 20), (136, 90)), ((8, 8), None, (64, 64))],
)
def test_a_logit_at_any_size(network, side, support, size):
    logit = network(*episode(1, 1, side, support), size)
    assert logit.shape == (1, *size)
    assert logit.isfinite().all()
    assert logit.std() > 0


def test_grids_follow_the_input():
    """Sides of the finest maps of inputs of 64, 96, 128, 136, 256, 376, 384, 400 and 473 px."""
    sides = (8, 12, 16, 17, 32, 47, 48, 50, 60)
    assert [grid(torch.empty(1, side, side))[0] for side in sides] == [16, 16, 16, 32, 32, 32, 64, 64, 64]
    assert grid(torch.empty(1, 12, 40)) == (16, 32)


def test_correlations_by_hand():
    """Cosines 1, 0.6 and -0.6 with a defect, of which the last is cut off; 0 with what is none."""
    query = torch.tensor([[2.0, 3, -3], [0, 4, 4]]).reshape(1, 2, 1, 3)
    support = torch.tensor([[5.0, 1], [0, 1]]).reshape(1, 2, 1, 2)
    found = correlations((query,), (support,), torch.tensor([[[1.0, 0]]]), (1, 3), (1, 2))
    assert found.shape == (1, 1, 1, 3, 1, 2)
    assert found[0, 0, 0, :, 0, 0].tolist() == pytest.approx([1, 0.6, 0])
    assert found[..., 1].abs().max() == 0


def test_correlations_have_a_channel_a_tap():
    query, shots = episode(2, 1)
    support = tuple(maps[:, 0] for maps in shots.features)
    found = correlations(query[:2], support[:2], shots.fraction[:, 0], (16, 16), (16, 16))
    assert found.shape == (2, 2, 16, 16, 16, 16)
    alone = correlations(query[1:2], support[1:2], shots.fraction[:, 0], (16, 16), (16, 16))
    assert torch.equal(found[:, 1:], alone)


@pytest.mark.parametrize(("query", "guidance"), [(2, 2), (1, 2), (2, 1)])
def test_the_convolution_is_its_definition(query, guidance):
    """Position by position: each plane of the kernel over the maxima of the other plane's cells."""
    torch.manual_seed(0)
    layer = PooledConv4d(2, 3, query, guidance).double()
    x = torch.randn(1, 2, 4, 6, 4, 2, dtype=torch.float64)
    found = layer(x)
    assert found.shape == (1, 3, 4 // query, 6 // query, 4 // guidance, 2 // guidance)

    def plane(weight, values, at, stride):
        """Sum over the kernel around `at`, zeros outside; values: (c, h, w)."""
        total = 0
        for dy in range(3):
            for dx in range(3):
                y, z = at[0] * stride + dy - 1, at[1] * stride + dx - 1
                if 0 <= y < values.shape[1] and 0 <= z < values.shape[2]:
                    total = total + weight[:, :, dy, dx] @ values[:, y, z]
        return total

    for a, b, c, d in torch.cartesian_prod(*(torch.arange(n) for n in found.shape[2:])).tolist():
        cells = [slice(i * s, (i + 1) * s) for i, s in ((a, query), (b, query), (c, guidance), (d, guidance))]
        over_query = x[0, :, :, :, cells[2], cells[3]].amax((3, 4))
        over_guidance = x[0, :, cells[0], cells[1]].amax((1, 2))
        expected = plane(layer.query.weight, over_query, (a, b), query) + layer.query.bias
        expected = expected + plane(layer.guidance.weight, over_guidance, (c, d), guidance)
        torch.testing.assert_close(found[0, :, a, b, c, d], expected + layer.guidance.bias)


def test_all_levels_are_embedded_on_one_guidance_grid():
    shapes = [
        tuple(VolumeEmbedding(2, steps)(torch.rand(1, 2, *[side] * 4)).shape[1:])
        for steps, side in zip(STEPS, (16, 8, 4), strict=True)
    ]
    assert shapes == [(128, 8, 8, 2, 2), (128, 4, 4, 2, 2), (128, 2, 2, 2, 2)]


def test_the_coarser_level_guides_the_finer(network):
    """Without what the finer levels find themselves, the result still depends on the coarsest features."""
    query, shots = episode(1, 1)
    other = (*query[:3], torch.randn_like(query[3]))
    assert not torch.allclose(network(query, shots, (96, 96)), network(other, shots, (96, 96)))


def test_several_shots_vote_over_single_passes(network):
    query, shots = episode(2, 3)
    size = (96, 96)
    alone = [
        network(
            query, Shots(tuple(x[:, k : k + 1] for x in shots.features), shots.fraction[:, k : k + 1]), size
        )
        for k in range(3)
    ]
    torch.testing.assert_close(network.score(query, shots, size), vote(alone))
    torch.testing.assert_close(network(query, shots, size), torch.stack(alone).mean(0))
    one = Shots(tuple(x[:, :1] for x in shots.features), shots.fraction[:, :1])
    torch.testing.assert_close(network.score(query, one, size), alone[0].sigmoid())


def test_a_vote_by_hand():
    logits = [torch.tensor([[[1.0, 1, -1, -1]]]), torch.tensor([[[2.0, -1, -3, -1]]])]
    assert vote(logits)[0, 0].tolist() == [1, 0.5, 0, 0]
    assert vote([-logit.abs() for logit in logits]).max() == 0


def test_the_query_is_looked_at_through_its_first_and_last_fine_tap(network):
    """Appearance alone: with no defect in the support the correlations say nothing."""
    query, shots = episode(1, 1)
    nothing = Shots(shots.features, torch.zeros_like(shots.fraction))
    before = network(query, nothing, (96, 96))
    for tap, changes in enumerate((True, True, False, False)):
        other = list(query)
        other[tap] = torch.randn_like(query[tap])
        assert torch.allclose(network(tuple(other), nothing, (96, 96)), before) != changes


def test_it_reads_every_tap():
    model = build(LearnedConfig(method="vat", size=64), load_backbone("mobilenet_v2", "random"))
    assert len(model.extract(torch.rand(1, 3, 64, 64)).taps) == 14
    assert model.network.levels == (3, 7, 4)


@pytest.mark.parametrize("levels", [(2, 2), (1, 1, 1), (4, 0, 0)])
def test_levels_that_do_not_fit(levels):
    with pytest.raises(ValueError, match="levels must be 3 counts >= 1 that add up to 4 taps"):
        VAT(CHANNELS, levels)
