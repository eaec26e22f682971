"""How loss falls with parameters and tokens, fitted by variable projection.  Specification: specs/scaling/law.md.

M cells: n parameters, d tokens and the loss of each, all (M,).
"""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize, nnls

from reference.core.shapes import expect_above_zero

LEAST = 8                  # cells: three more than the law has numbers, or nobody knows how far off it is
LEVELS = 3                 # of parameters and of tokens: through two of them goes a curve with any exponent
DELTA = 1e-2               # of the loss: cells that are further off pull by a fixed force
EXPONENTS = 0.01, 3.0      # where they are looked for
STARTS = 0.1, 0.3, 0.6, 1.2
ROUNDS, SETTLED = 200, 1e-10  # most reweightings, and by which share the last of them lowers the cost


@dataclasses.dataclass(frozen=True)
class Law:
    """loss = E + A / n^a + B / d^b."""

    E: float  # what no model of any size gets below
    A: float
    B: float
    a: float
    b: float

    def loss(self, n: Any, d: Any) -> Any:
        """Map parameters n (...) and tokens d (...) to the loss (...).

        Source: Hoffmann et al. 2022 (arXiv:2203.15556), eq. 2.
        """
        return self.E + self.A / n**self.a + self.B / d**self.b                           # (law.1)

    def optimum(self, products: float) -> tuple[float, float]:
        """Return the parameters and tokens of the least loss among all with n d = `products`.

        A training run takes about 6 n d flops: see specs/scaling/flops.md.

        Raises:
            TypeError: `products` is not a number.
            ValueError: `products` is not positive and finite, or A or B is 0, so that there is no optimum.

        Source: Hoffmann et al. 2022 (arXiv:2203.15556), eq. 4.
        """
        expect_above_zero("Law.optimum", "products", products)
        if not (self.A > 0 and self.B > 0):
            raise ValueError(f"Law.optimum: A and B must be positive, got {self.A:g} and {self.B:g}")
        both = self.a + self.b
        g = (self.a * self.A / (self.b * self.B)) ** (1 / both)                           # (law.11)
        n = g * products ** (self.b / both)                                               # (law.12)
        d = products ** (self.a / both) / g                                               # (law.13)
        return float(n), float(d)


def fit(n: ArrayLike, d: ArrayLike, losses: ArrayLike, *, delta: float = DELTA, near: Law | None = None) -> Law:
    """Return the law of least Huber cost of (loss of the law - loss) / loss over the cells.

    E, A and B are linear and not negative: to every a and b belong the best of them.  That leaves a search in the
    plane, from a grid of starts, or from the exponents of the law `near`.

    Raises:
        TypeError: `delta` is not a number.
        ValueError: the arrays have not one shape (M,), or numbers that are not positive and finite; there are less
            than 8 cells, 3 different n or 3 different d; or `delta` is not positive and finite.

    Source: Golub & Pereyra 1973, "The differentiation of pseudo-inverses and nonlinear least squares problems whose
    variables separate"; Huber 1964, "Robust estimation of a location parameter".
    """
    n, d, y = expect_cells("fit", n, d, losses)
    expect_above_zero("fit", "delta", delta)
    middle = np.exp(np.log(n).mean()), np.exp(np.log(d).mean())  # so that the columns have one size
    cells = n / middle[0], d / middle[1], y, float(delta)

    def cost(exponents: np.ndarray) -> tuple[float, np.ndarray]:
        value, _, slope = projected(*cells, *exponents)
        return value, slope

    grid = [(a, b) for a in STARTS for b in STARTS] if near is None else [(near.a, near.b)]
    start = min(grid, key=lambda exponents: cost(np.array(exponents))[0])
    found = minimize(
        cost, start, jac=True, method="L-BFGS-B", bounds=[EXPONENTS] * 2, options={"ftol": 1e-15, "gtol": 1e-10}
    )
    a, b = map(float, found.x)
    (e, size, data) = projected(*cells, a, b)[1]
    return Law(E=float(e), A=float(size * middle[0] ** a), B=float(data * middle[1] ** b), a=a, b=b)


def projected(
    n: np.ndarray, d: np.ndarray, y: np.ndarray, delta: float, alpha: float, beta: float
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the least cost with these exponents, its coefficients (3,), and its slope (2,) along alpha and beta.

    Weights make squares of the Huber cost: a problem of non-negative least squares, again and again, each with a lower
    cost.  It is in units of delta^2.
    """
    p = n**-alpha                                                   # (M,)  # (law.2)
    q = d**-beta                                                    # (M,)  # (law.3)
    one, before = np.ones_like(y), np.inf
    w, x = one, np.stack([one, p, q], axis=1) / y[:, None]          # (M,), (M, 3)
    for _ in range(ROUNDS):
        (c0, c1, c2), _ = nnls(np.sqrt(w)[:, None] * x, np.sqrt(w) * one)
        r = (c0 + c1 * p + c2 * q) / y - 1                          # (M,)  # (law.4)
        s = np.abs(r)
        h = np.where(s <= delta, r * r / 2, delta * (s - delta / 2))  # (M,)  # (law.5)
        cost = float(h.sum() / delta**2)                            # ()    # (law.6)
        if before - cost <= SETTLED * cost:
            break
        before = cost
        w = delta / np.maximum(s, delta)                            # (M,)  # (law.7)
    g = w * r / (y * delta**2)                                      # (M,)  # (law.8)
    slope_alpha = -c1 * np.sum(g * p * np.log(n))                   # ()    # (law.9)
    slope_beta = -c2 * np.sum(g * q * np.log(d))                    # ()    # (law.10)
    return cost, np.array([c0, c1, c2]), np.array([slope_alpha, slope_beta])


def expect_cells(where: str, n: Any, d: Any, losses: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the three as float64 arrays (M,) that a law can be fitted to, as `fit` says."""
    arrays = tuple(np.asarray(array, np.float64) for array in (n, d, losses))
    for name, array in zip(("n", "d", "losses"), arrays, strict=True):
        if array.shape != arrays[0].shape or array.ndim != 1:
            raise ValueError(f"{where}: {name} must have shape (M,) as all three, got {array.shape}")
        if array.size and not (np.isfinite(array).all() and (array > 0).all()):
            raise ValueError(f"{where}: {name} must be positive and finite, got {array.min():g} to {array.max():g}")
    if len(arrays[0]) < LEAST:
        raise ValueError(f"{where}: there must be at least {LEAST} cells, got {len(arrays[0])}")
    for name, array in zip(("parameters", "tokens"), arrays, strict=False):
        if (count := len(np.unique(array))) < LEVELS:
            raise ValueError(f"{where}: cells must have at least {LEVELS} numbers of {name}, got {count}")
    return arrays[0], arrays[1], arrays[2]
