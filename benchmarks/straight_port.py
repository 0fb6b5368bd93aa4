"""The yardstick: the 4D-encoder network as a public few-shot codebase would write it, with our weights.

Plain PyTorch, clear and correct, nothing left out and nothing arranged for speed: every layer is correlated
in full with the masked support and with the background; 20 Sinkhorn sweeps are batched matrix products of
width 1; the centre-pivot convolutions permute their input to the batch axis and back, as HSNet's do. It reads
the parameters of an `OBFTNet` and must give its scores (tested).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from obftnet.backbones.features import Features, Pyramid
from obftnet.guidance.guidance import Guidance
from obftnet.model import OBFTNet
from obftnet.readers.encoder4d.conv4d import CenterPivotConv4d

EPSILON, SWEEPS = 0.05, 20


@dataclass(frozen=True)
class PortGuidance:
    """(1, c, h, w) a layer: the support, zero outside its mask, and the background."""

    support: list[Tensor]
    background: list[Tensor]


def port_guidance(guidance: Guidance) -> PortGuidance:
    """One support and one background; masks at the levels' sizes are the model's."""
    pairs = zip(guidance.supports, guidance.defect, strict=True)
    support = [maps * mask.unsqueeze(1).float() for maps, mask in pairs]
    return PortGuidance(support, list(guidance.backgrounds))


def port_correlations(query: Pyramid, support: list[Tensor]) -> list[Tensor]:
    """One (1, hq, wq, hg, wg) cosine map a layer, clamped at 0."""
    found = []
    for q, s in zip(query, support, strict=True):
        b, c, hg, wg = s.shape
        hq, wq = q.shape[-2:]
        q = q.view(b, c, -1) / (q.view(b, c, -1).norm(dim=1, p=2, keepdim=True) + 1e-5)
        s = s.view(b, c, -1) / (s.view(b, c, -1).norm(dim=1, p=2, keepdim=True) + 1e-5)
        found.append(torch.bmm(q.transpose(1, 2), s).view(b, hq, wq, hg, wg).clamp(min=0))
    return found


def port_transport(correlation: Tensor) -> Tensor:
    """Algorithm 1, and the plan times the number of query positions."""
    b, hq, wq, hg, wg = correlation.shape
    kernel = torch.exp(correlation.view(b, hq * wq, hg * wg) / EPSILON)
    n = torch.ones(b, hg * wg, 1)
    for _ in range(SWEEPS):
        m = 1 / torch.bmm(kernel, n)
        n = 1 / torch.bmm(kernel.transpose(1, 2), m)
    plan = m * kernel * n.transpose(1, 2)
    return plan.view(correlation.shape) * (hq * wq)


def port_levels(model: OBFTNet, foreground: list[Tensor], background: list[Tensor]) -> list[Tensor]:
    """Layers of a level side by side, foreground and background in turn: (1, l, hq, wq, hg, wg) a level."""
    layers = [torch.stack(pair, 1) for pair in zip(foreground, background, strict=True)]
    levels, start = [], 0
    for count in model.levels:
        levels.append(torch.cat(layers[start : start + count], 1))
        start += count
    return levels


def port_conv(conv: CenterPivotConv4d, x: Tensor) -> Tensor:
    """HSNet's centre-pivot convolution."""
    b, c, hq, wq, hg, wg = x.shape
    kept_h = torch.arange(0, hg, conv.stride[0])
    kept_w = torch.arange(0, wg, conv.stride[1])
    pruned = x.index_select(4, kept_h).index_select(5, kept_w)
    pruned = pruned.permute(0, 4, 5, 1, 2, 3).contiguous().view(-1, c, hq, wq)
    out1 = F.conv2d(pruned, conv.query.weight, conv.query.bias, padding=conv.padding[:2])
    o = out1.shape[1]
    out1 = out1.view(b, len(kept_h), len(kept_w), o, hq, wq).permute(0, 3, 4, 5, 1, 2).contiguous()
    folded = x.permute(0, 2, 3, 1, 4, 5).contiguous().view(-1, c, hg, wg)
    out2 = F.conv2d(folded, conv.guidance.weight, conv.guidance.bias, conv.stride, conv.padding[2:])
    out2 = out2.view(b, hq, wq, o, *out2.shape[-2:]).permute(0, 3, 1, 2, 4, 5).contiguous()
    return out1 + out2


def port_block(block: torch.nn.Module, x: Tensor) -> Tensor:
    """Convolution, group norm, ReLU."""
    conv, norm, _ = block
    return F.relu(F.group_norm(port_conv(conv, x), norm.num_groups, norm.weight, norm.bias, norm.eps))


def port_resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear over the query axes."""
    b, c, hq, wq, hg, wg = x.shape
    x = x.permute(0, 4, 5, 1, 2, 3).contiguous().view(b * hg * wg, c, hq, wq)
    x = F.interpolate(x, size, mode="bilinear", align_corners=True)
    return x.view(b, hg, wg, c, *size).permute(0, 3, 4, 5, 1, 2).contiguous()


def port_read(model: OBFTNet, levels: list[Tensor], size: tuple[int, int]) -> Tensor:
    """(1, H, W) score."""
    reader = model.reader
    squeezed = []
    for encoder, x in zip(reader.encoders, levels, strict=True):
        for block in encoder.blocks:
            x = port_block(block, x)
        squeezed.append(x)
    for i, step in enumerate(reader.fusion.bottom_up):
        x = squeezed[i + 1] + port_resize(squeezed[i], squeezed[i + 1].shape[2:4])
        for block in step:
            x = port_block(block, x)
        squeezed[i + 1] = x
    for i, step in reversed(list(enumerate(reader.fusion.top_down))):
        x = squeezed[i] + port_resize(squeezed[i + 1], squeezed[i].shape[2:4])
        for block in step:
            x = port_block(block, x)
        squeezed[i] = x
    logits = reader.decoder(squeezed[0].mean((4, 5)), size)
    return torch.softmax(logits, 1)[:, 1]


def port_score(model: OBFTNet, query: Features, guidance: PortGuidance) -> Tensor:
    """Features of the query -> (1, H, W) score."""
    foreground = [port_transport(x) for x in port_correlations(query.taps, guidance.support)]
    background = [port_transport(x) for x in port_correlations(query.taps, guidance.background)]
    return port_read(model, port_levels(model, foreground, background), query.size)
