"""Entropic optimal transport between the positions of a query and of its guidance (Algorithm 1)."""

from obftnet.transport.algorithm1 import Algorithm1
from obftnet.transport.sinkhorn import Scaling, sinkhorn, sinkhorn_scaling

__all__ = ["Algorithm1", "Scaling", "sinkhorn", "sinkhorn_scaling"]
