"""Entropic optimal transport between the positions of a query and of its guidance (Algorithm 1)."""

from obftnet.transport.masked import MaskedPlan, sinkhorn_masked
from obftnet.transport.sinkhorn import Scaling, sinkhorn, sinkhorn_scaling

__all__ = ["MaskedPlan", "Scaling", "sinkhorn", "sinkhorn_masked", "sinkhorn_scaling"]
