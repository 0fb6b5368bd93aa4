"""The reader as a whole: parameter counts, shapes, shots, gradients, messages."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from obftnet.readers.encoder4d import Encoder4DReader
from obftnet.readers.encoder4d.encoder import recipes
from obftnet.relation.relation import Relation


def correlations(
    channels: Sequence[int],
    query: Sequence[tuple[int, int]] = ((8, 6), (4, 3), (2, 2)),
    guidance: Sequence[tuple[int, int]] = ((9, 12), (5, 6), (3, 3)),
    batch: int = 1,
) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    return tuple(
        torch.rand(batch, l, *q, *g, generator=generator)
        for l, q, g in zip(channels, query, guidance, strict=False)  # noqa: E741
    )


def read(module: Encoder4DReader, levels: Sequence[Tensor], size: tuple[int, int], shots: int = 1) -> Tensor:
    return module(Relation(tuple(levels), shots=shots), size)


def reader(
    channels: Sequence[int] = (2, 3, 1), fusion: str = "bidirectional", width: int = 128
) -> Encoder4DReader:
    torch.manual_seed(0)
    return Encoder4DReader(channels, fusion, width)  # type: ignore[arg-type]


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("channels", "published"),
    [((3, 3, 1), 2_570_018), ((4, 6, 3), 2_573_794), ((4, 23, 3), 2_587_394)],
    ids=["vgg16", "resnet50", "resnet101"],
)
def test_top_down_has_the_parameters_of_hsnet(channels, published):
    assert count(reader(channels, "top_down")) == published


@pytest.mark.parametrize("channels", [(6, 6, 2), (8, 12, 6), (8, 46, 6), (8, 12)])
@pytest.mark.parametrize("fusion", ["top_down", "bidirectional"])
@pytest.mark.parametrize("width", [128, 40])
def test_parameters_counted_layer_by_layer(channels, fusion, width):
    def block(inside: int, outside: int, k: int) -> int:
        # two k x k kernels, two biases, and the scale and shift of the group norm
        return 2 * k * k * inside * outside + 2 * outside + 2 * outside

    def conv(inside: int, outside: int) -> int:
        return 9 * inside * outside + outside

    half = width // 2
    kernels = {2: [(5, 5, 3), (3, 3, 3)], 3: [(5, 5, 3), (5, 3, 3), (3, 3, 3)]}[len(channels)]
    encoders = sum(
        block(n, 16, k1) + block(16, half, k2) + block(half, width, k3)
        for n, (k1, k2, k3) in zip(channels, kernels, strict=True)
    )
    steps = (len(channels) - 1) * {"top_down": 1, "bidirectional": 2}[fusion]
    fusions = steps * 3 * block(width, width, 3)
    decoder = conv(width, width) + conv(width, half) + conv(half, half) + conv(half, 2)
    assert count(reader(channels, fusion, width)) == encoders + fusions + decoder


def test_levels_between_share_the_middle_recipe():
    fine, mid, coarse = ((5, 5, 3), (4, 4, 2)), ((5, 3, 3), (4, 2, 2)), ((3, 3, 3), (2, 2, 2))
    assert recipes(2) == [fine, coarse]
    assert recipes(3) == [fine, mid, coarse]
    assert recipes(4) == [fine, mid, mid, coarse]


@pytest.mark.parametrize("coarse", [12, 13])
def test_the_guidance_grids_of_400_pixels_all_end_at_two_by_two(coarse):
    grids = [(50, 50), (25, 25), (coarse, coarse)]
    with torch.no_grad():
        squeezed = reader().encode(correlations((2, 3, 1), guidance=grids))
    assert [tuple(level.shape) for level in squeezed] == [
        (1, 128, 8, 6, 2, 2),
        (1, 128, 4, 3, 2, 2),
        (1, 128, 2, 2, 2, 2),
    ]
    assert all((level >= 0).all() for level in squeezed)


@pytest.mark.parametrize("fusion", ["top_down", "bidirectional"])
@torch.no_grad()
def test_one_reader_serves_several_sizes_and_batches(fusion):
    module = reader(fusion=fusion)
    assert read(module, correlations((2, 3, 1)), (61, 47)).shape == (1, 61, 47)
    # guidance grids of 34, 15 and 17 end at 2, 1 and 3: they disagree and are merged all the same
    larger = correlations((2, 3, 1), ((5, 9), (3, 5), (2, 3)), ((34, 20), (15, 9), (17, 5)), batch=2)
    assert [level.shape[4] for level in module.encode(larger)] == [2, 1, 3]
    assert read(module, larger, (40, 72)).shape == (2, 40, 72)
    points = [torch.rand(1, channels, 1, 1, 1, 1) for channels in (2, 3, 1)]
    assert read(module, points, (3, 5)).shape == (1, 3, 5)


@torch.no_grad()
def test_a_narrow_reader_reads_all_the_same():
    module = reader(width=16)
    assert [level.shape[1] for level in module.encode(correlations((2, 3, 1)))] == [16, 16, 16]
    assert read(module, correlations((2, 3, 1), batch=2), (16, 12), shots=2).shape == (1, 16, 12)


@pytest.mark.parametrize("levels", [2, 4])
@torch.no_grad()
def test_other_numbers_of_levels(levels):
    sides = [(16 >> i, 12 >> i) for i in range(levels)]
    given = correlations([1] * levels, sides, sides)
    assert read(reader([1] * levels), given, (32, 24)).shape == (1, 32, 24)


@torch.no_grad()
def test_a_batch_gives_what_its_items_give_alone_and_the_same_each_time():
    module = reader()
    pair = correlations((2, 3, 1), batch=2)
    together = read(module, pair, (16, 12))
    alone = torch.cat([read(module, [level[i : i + 1] for level in pair], (16, 12)) for i in range(2)])
    torch.testing.assert_close(together, alone)
    assert torch.equal(together, read(module, pair, (16, 12)))
    assert not torch.allclose(together[0], together[1])


@torch.no_grad()
def test_shots_are_averaged_within_each_query_before_fusion():
    module = reader()
    given = correlations((2, 3, 1), batch=6)
    joint = read(module, given, (16, 12), shots=3)
    assert joint.shape == (2, 16, 12)
    squeezed = module.encode(given)
    for query in range(2):
        own = slice(3 * query, 3 * query + 3)
        mean = [level[own].mean(0, keepdim=True) for level in squeezed]
        channels = module.decoder(module.fusion(mean), (16, 12))
        expected = channels[:, 1] - channels[:, 0]
        torch.testing.assert_close(joint[query : query + 1], expected)


@torch.no_grad()
def test_the_same_shot_several_times_is_one_shot():
    module = reader()
    single = correlations((2, 3, 1), batch=2)
    repeated = [level.repeat_interleave(4, 0) for level in single]
    torch.testing.assert_close(read(module, repeated, (16, 12), 4), read(module, single, (16, 12)))


@pytest.mark.parametrize("fusion", ["top_down", "bidirectional"])
def test_gradient_reaches_every_parameter(fusion):
    module = reader(fusion=fusion)
    read(module, correlations((2, 3, 1), batch=2), (16, 12), shots=2).square().mean().backward()
    without = [name for name, p in module.named_parameters() if p.grad is None or p.grad.count_nonzero() == 0]
    assert without == []


@torch.no_grad()
def test_every_level_has_a_say():
    module = reader()
    given = correlations((2, 3, 1))
    before = read(module, given, (16, 12))
    for i in range(3):
        changed = [level.flip(2) if i == k else level for k, level in enumerate(given)]
        assert not torch.allclose(read(module, changed, (16, 12)), before, atol=1e-6)


@pytest.mark.parametrize("channels", [(), (3,), (3, 0, 1)])
def test_refuses_channels_it_cannot_build(channels):
    with pytest.raises(ValueError, match="two or more counts >= 1, got"):
        Encoder4DReader(channels)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda levels: levels[:2],
        lambda levels: [],
        lambda levels: [levels[0][0], *levels[1:]],
        lambda levels: [levels[1], levels[0], levels[2]],
        lambda levels: [levels[0][:1], *levels[1:]],
        lambda levels: [levels[0][..., :0], *levels[1:]],
    ],
    ids=["a level short", "no level", "five axes", "levels swapped", "batches differ", "empty"],
)
def test_refuses_correlations_that_do_not_fit(spoil):
    given = spoil(correlations((2, 3, 1), batch=2))
    for call in (reader().encode, lambda levels: read(reader(), levels, (8, 8))):
        with pytest.raises(ValueError, match=r"must be 3 levels of .* l = \(2, 3, 1\), got \["):
            call(given)


@pytest.mark.parametrize("shots", [0, 2])
def test_refuses_shots_that_do_not_divide_the_batch(shots):
    with pytest.raises(ValueError, match=f"divide the batch of 3, got {shots}"):
        read(reader(), correlations((2, 3, 1), batch=3), (8, 8), shots=shots)
