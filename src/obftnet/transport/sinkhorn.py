"""Sinkhorn's algorithm as the paper prints it (Algorithm 1), stable in float32.

The problem it solves, for similarities S (M x N), cost C = -S and regularisation eps:

    minimise over P >= 0:   <C, P> - eps * H(P)     subject to the two marginals of P

with K = exp(-C / eps) and P = diag(m) K diag(n), where m = 1 / (K n) and n = 1 / (K^T m) are repeated.
After exactly `iterations` sweeps the columns of P sum to 1, because n is updated last; the rows approach
N / M (1 where M = N, the paper's case). Source: Algorithm 1 of OBFTNet; Cuturi, "Sinkhorn distances", 2013.
"""

from typing import NamedTuple

import torch
from torch import Tensor

#: Largest spread of S / eps that the scaled kernel serves in float32. exp(-60) is 9e-27: products with a
#: scaling of up to exp(60) stay far inside float32's range. A wider spread goes through logarithms.
_KERNEL_SPREAD = 60.0


class Scaling(NamedTuple):
    """A plan in its factors, P = diag(m) K diag(n): for who needs sums or maxima of its rows, not P itself.

    kernel: (..., M, N); m: (..., M, 1); n: (..., N, 1). A column of multiplicity 0 has n = 0.
    """

    kernel: Tensor
    m: Tensor
    n: Tensor

    def plan(self) -> Tensor:
        """P, (..., M, N)."""
        return self.kernel * self.m * self.n.mT

    def row_mass(self, columns: Tensor) -> Tensor:
        """Sum of each row of P over the columns chosen: (..., N) weights, 0 or 1 -> (..., M)."""
        return (_product(self.kernel, self.n * columns.unsqueeze(-1)) * self.m).squeeze(-1)

    def row_maximum(self) -> Tensor:
        """Largest entry of each row of P: (..., M)."""
        return (self.kernel * self.n.mT).amax(-1) * self.m.squeeze(-1)


def sinkhorn(
    similarity: Tensor,
    epsilon: float = 0.05,
    iterations: int = 20,
    *,
    multiplicity: Tensor | None = None,
) -> Tensor:
    """Transport plan of a similarity matrix: Algorithm 1, unit marginals, exactly `iterations` sweeps.

    Two query positions, each like one of two guidance positions; then a third guidance position like none,
    whose mass both share:

    >>> sinkhorn(torch.tensor([[1.0, 0.0], [0.0, 1.0]])).round(decimals=3)
    tensor([[1., 0.],
            [0., 1.]])
    >>> plan = sinkhorn(torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    >>> plan.sum(0)  # every column is used once
    tensor([1., 1., 1.])
    >>> plan[:, 2]
    tensor([0.5000, 0.5000])

    Args:
        similarity: (..., M, N), any real values; cosine similarities in practice. Computed in float32, or
            in float64 where the input is float64 (float16 cannot hold exp(1 / 0.05) = 4.9e8).
        epsilon: regularisation, > 0, in units of the similarity.
        iterations: sweeps (the paper's t_max), >= 1. There is no other stopping rule.
        multiplicity: (..., N), >= 0: column j stands for this many identical columns. The plan returned is
            that of ONE of them; 0 removes a column, and the plan is 0 there.

    Returns:
        (..., M, N) plan >= 0, float32 or float64. Each column sums to 1.

    Raises:
        ValueError: fewer than two dimensions, an empty side, epsilon <= 0, iterations < 1, or a
            multiplicity that is negative, leaves a problem no column, or has a shape that does not fit.
    """
    return sinkhorn_scaling(similarity, epsilon, iterations, multiplicity=multiplicity).plan()


def sinkhorn_scaling(
    similarity: Tensor,
    epsilon: float = 0.05,
    iterations: int = 20,
    *,
    multiplicity: Tensor | None = None,
) -> Scaling:
    """`sinkhorn`, its plan left in factors.

    >>> similarity = torch.tensor([[0.9, 0.1, 0.3], [0.2, 0.8, 0.3]])
    >>> scaling = sinkhorn_scaling(similarity)
    >>> bool(torch.allclose(scaling.plan(), sinkhorn(similarity)))
    True
    >>> bool(torch.allclose(scaling.row_maximum(), scaling.plan().amax(1)))
    True
    """
    if similarity.ndim < 2 or similarity.shape[-1] == 0 or similarity.shape[-2] == 0:
        raise ValueError(f"similarity must be (..., M, N) with M, N >= 1, got {tuple(similarity.shape)}")
    if not epsilon > 0:
        raise ValueError(f"epsilon must be > 0, got {epsilon}")
    if iterations < 1:
        raise ValueError(f"iterations must be >= 1, got {iterations}")
    columns = (*similarity.shape[:-2], similarity.shape[-1])
    if multiplicity is not None and multiplicity.shape != columns:
        raise ValueError(f"multiplicity must be {columns}, got {tuple(multiplicity.shape)}")
    if multiplicity is not None and not bool(
        ((multiplicity >= 0).all(-1) & (multiplicity > 0).any(-1)).all()
    ):
        raise ValueError("multiplicity must be >= 0 and leave every problem at least one column")

    similarity = similarity if similarity.dtype == torch.float64 else similarity.float()
    weight = None if multiplicity is None else multiplicity.to(similarity).unsqueeze(-1)
    # m absorbs any scale of a row, so taking each row's maximum away changes nothing but the range.
    exponent = similarity.div(epsilon).sub_(similarity.amax(-1, keepdim=True) / epsilon)
    row_sum = _row_sum(exponent, weight)
    if float(-exponent.detach().min()) <= _KERNEL_SPREAD:
        return _sweep_kernel(exponent.exp_(), weight, row_sum, iterations)
    return _sweep_logarithms(exponent, weight, row_sum, iterations)


def _row_sum(matrix: Tensor, weight: Tensor | None) -> Tensor:
    """N / M, columns counted with their multiplicity: what every row sums to at convergence, (..., 1, 1).

    Rows and columns cannot all sum to 1 unless M = N. Printed as it is, the algorithm then multiplies n by
    N / M in every sweep and divides m by it, until float32 overflows. With rows that aim at N / M the factors
    stay where they are, and the plan is the same: m and n meet in it only as a product.
    """
    rows, columns = matrix.shape[-2:]
    if weight is None:
        return matrix.new_full((1, 1), columns / rows)
    return weight.sum(-2, keepdim=True) / rows


def _sweep_kernel(kernel: Tensor, weight: Tensor | None, row_sum: Tensor, iterations: int) -> Scaling:
    """Two matrix-vector products a sweep. kernel (..., M, N), weight (..., N, 1)."""
    n = torch.ones_like(kernel[..., :1, :]).mT
    m = n
    for _ in range(iterations):
        m = row_sum / _product(kernel, n if weight is None else n * weight)
        n = _product(kernel.mT, m).reciprocal()
    return Scaling(kernel, m, n if weight is None else n * (weight > 0))


def _sweep_logarithms(exponent: Tensor, weight: Tensor | None, row_sum: Tensor, iterations: int) -> Scaling:
    """The same sweeps on log m and log n, for kernels that underflow; the factors end up in the kernel."""
    log_weight = exponent.new_zeros(()) if weight is None else weight.log().mT
    log_row_sum = row_sum.log()
    log_n = torch.zeros_like(exponent[..., :1, :])
    log_m = log_n
    for _ in range(iterations):
        log_m = log_row_sum - (exponent + (log_n + log_weight)).logsumexp(-1, keepdim=True)
        log_n = -(exponent + log_m).logsumexp(-2, keepdim=True)
    plan = (exponent + log_m + log_n).exp()
    n = torch.ones_like(log_n).mT
    return Scaling(plan, torch.ones_like(log_m), n if weight is None else n * (weight > 0))


def _product(matrix: Tensor, vector: Tensor) -> Tensor:
    """Matrix times vector, (..., M, N) and (..., N, 1) -> (..., M, 1).

    On a CPU the batched product of width 1 can run several times slower than one product an item.
    """
    if matrix.device.type != "cpu":
        return matrix @ vector
    matrices = matrix.reshape(-1, *matrix.shape[-2:])
    vectors = vector.reshape(-1, vector.shape[-2])
    products = [torch.mv(a, x) for a, x in zip(matrices, vectors, strict=True)]
    return torch.stack(products).reshape(*matrix.shape[:-1], 1)
