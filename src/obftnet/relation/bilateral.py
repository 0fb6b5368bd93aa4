"""The optimal bilateral correlation tensor of one layer (section III.C, equation 4)."""

import torch
from torch import Tensor

from obftnet.config import ModelConfig
from obftnet.features.guidance import GuidanceFeatures
from obftnet.relation.correlation import cosine, positions
from obftnet.transport import sinkhorn, sinkhorn_masked


def bilateral_tensor(query: Tensor, guidance: GuidanceFeatures, tap: int, config: ModelConfig) -> Tensor:
    """Foreground and background maps of one layer.

    With several shots their positions are columns of one transport; each shot's slice of the plan is then a
    map of its own, paired with the background of its index modulo the number of backgrounds.

    Args:
        query: (b, c, hq, wq) unit features.
        guidance: k supports and j backgrounds, of one map size.
        tap: which layer.
        config: transport, background, epsilon, iterations, transport_scale, relu, zeroed_columns.

    Returns:
        (b * k, 1 or 2, hq, wq, hg, wg): foreground, then background where config.background.
    """
    b, _, hq, wq = query.shape
    rows = query.flatten(2).mT
    supports, defect = guidance.supports[tap], guidance.defect[tap]
    k, hg, wg = supports.shape[1], *supports.shape[-2:]
    foreground = _foreground(cosine(rows, positions(supports)), defect.flatten(1), config)
    maps = [foreground.reshape(b, hq, wq, k, hg, wg)]
    if config.background:
        backgrounds, usable = guidance.backgrounds[tap], guidance.usable[tap]
        j = backgrounds.shape[1]
        plan = _background(cosine(rows, positions(backgrounds)), usable.flatten(1), config)
        plan = plan.reshape(b, hq, wq, j, *backgrounds.shape[-2:])
        maps.append(plan[:, :, :, torch.arange(k, device=plan.device) % j])
    return torch.stack(maps, 1).permute(0, 4, 1, 2, 3, 5, 6).flatten(0, 1)


def _foreground(similarity: Tensor, defect: Tensor, config: ModelConfig) -> Tensor:
    """(b, M, N) cosine to the unmasked support -> (b, M, N) foreground correlation or plan."""
    if config.relu == "before" or config.transport == "none":
        similarity = similarity.clamp(min=0)
    if config.transport == "none":
        return similarity * defect.unsqueeze(1)
    plan = sinkhorn_masked(
        similarity, defect, config.epsilon, config.iterations, keep_rest=config.zeroed_columns == "keep"
    )
    return _scale(plan.dense(similarity.shape[-1]), config)


def _background(similarity: Tensor, usable: Tensor, config: ModelConfig) -> Tensor:
    """(b, M, N) cosine to the backgrounds -> (b, M, N); unusable positions get nothing."""
    transported = config.transport == "bilateral"
    if config.relu == "before" or not transported:
        similarity = similarity.clamp(min=0)
    if not transported:
        return similarity * usable.unsqueeze(1)
    columns = None if bool(usable.all()) else usable.to(similarity.dtype)
    return _scale(sinkhorn(similarity, config.epsilon, config.iterations, multiplicity=columns), config)


def _scale(plan: Tensor, config: ModelConfig) -> Tensor:
    # Columns sum to 1, so the mean of P is 1 / M; times M it is 1 at every map size.
    return plan * plan.shape[-2] if config.transport_scale == "positions" else plan
