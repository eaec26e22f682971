"""Mixture of experts, each token through its k best.  Derivation: specs/layers/mixture.md.

N tokens, D width, E experts, M = N k slots: a slot is a token at one of its experts.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from reference.core import tree
from reference.core.arrays import as_array
from reference.core.cache import Ready
from reference.core.kinds import Size
from reference.core.layer import Layer
from reference.core.outputs import expect_alone
from reference.core.shapes import expect_last_axis, expect_shape
from reference.core.sums import as_rows, column_sums, row_sums
from reference.core.words import cut
from reference.functions.softmax import softmax_vjp
from reference.functions.top_k import top_k
from reference.layers.feedforward import FeedForward
from reference.layers.linear import Linear

Output: TypeAlias = tuple[np.ndarray, np.ndarray]  # y (..., D) and the balance (); their cotangents alike


class MixtureOfExperts(Layer):
    """y = the sum of w_e experts[e](x) over the k experts with the largest logits router(x), w their softmax."""

    router: Linear              # D -> E
    experts: tuple[Layer, ...]  # E layers from rows (..., D) to (..., D), row by row, such as FeedForward
    k: Size

    @classmethod
    def init(
        cls,
        rng: np.random.Generator,
        width: Size,
        hidden_width: Size,
        experts: Size,
        k: Size,
        dtype: DTypeLike = np.float32,
    ) -> Self:
        """Draw the router as Linear does, and `experts` networks as FeedForward does."""
        _expect_k("MixtureOfExperts.init", k, experts)
        router = Linear.init(rng, width, experts, dtype)
        return cls(router, tuple(FeedForward.init(rng, width, hidden_width, dtype=dtype) for _ in range(experts)), k)

    def vjp(self, x: np.ndarray) -> tuple[Output, Callable[[Output], tuple[Self, np.ndarray]]]:
        """Map x (..., D) to y (..., D) and the load-balance loss (), which is 0 where there is no token.

        Every token goes to exactly k experts; none is dropped, however many choose one expert.

        Raises:
            TypeError: x is not a floating or complex array.
            ValueError: the last axis of x has not length D, k lies outside [1, E], the router has not
                E outputs, or an expert returns another shape than it is given.

        Source: Shazeer et al. 2017 (arXiv:1701.06538), eq. 1, 3 and 5; Fedus et al. 2021 (arXiv:2101.03961), eq. 4-6.
        """
        count, k = len(self.experts), self.k
        _expect_k("MixtureOfExperts", k, count)
        expect_shape("MixtureOfExperts", "router.w", self.router.w, ("D", count))
        expect_last_axis("MixtureOfExperts", "x", x, self.router.w.shape[0])
        rows = as_rows(x)                                                   # (N, D)
        tokens = max(len(rows), 1)  # without a token all sums are 0, and so are the means

        s, router_pullback = self.router.vjp(rows)                          # (N, E)    # (mixture.1)
        chosen = top_k(s, k=k)                                              # (N, E)    # (mixture.2)
        w, weights_pullback = softmax_vjp(np.where(chosen, s, -np.inf))     # (N, E)    # (mixture.3)
        expert, token = np.nonzero(chosen.T)                                # (M,)      # (mixture.4)
        loads = chosen.sum(axis=0)                                          # (E,)
        lengths = loads.tolist()  # numbers: they are the shapes of what the experts get
        split = list(itertools.accumulate(lengths))[:-1]  # slots are in the order of experts: each has one slice
        parts = zip(self.experts, np.split(rows[token], split), strict=True)
        outputs, expert_pullbacks = zip(*(layer.vjp(part) for layer, part in parts), strict=True)
        _expect_rows(outputs, lengths, x.shape[-1])
        o = np.concatenate(outputs)                                         # (M, D)    # (mixture.5)
        together = np.argsort(token, kind="stable").reshape(-1, k)          # (N, k), the slots of each token
        weight = w[token, expert][:, None]                                  # (M, 1)
        y = (weight * o)[together].sum(axis=1)                              # (N, D)    # (mixture.6)

        f = (loads / (k * tokens)).astype(s.real.dtype)                     # (E,)      # (mixture.7)
        q, probabilities_pullback = softmax_vjp(s)                          # (N, E)    # (mixture.8)
        mean = column_sums(q) / tokens                                      # (E,)      # (mixture.9)
        balance = as_array(count * (f @ mean))                              # ()        # (mixture.10)

        def pullback(cotangents: Output) -> tuple[Self, np.ndarray]:
            dy, dbalance = cotangents
            dslots = dy.reshape(rows.shape)[token]                          # (M, D)
            do = np.split(weight * dslots, split)                           # (M, D)    # (mixture.11)
            pulled = (back(part) for back, part in zip(expert_pullbacks, do, strict=True))
            d_experts, dparts = zip(*pulled, strict=True)                   # (M, D)    # (mixture.12)
            dw = np.zeros_like(w, dtype=np.result_type(dslots, o), order="C")  # (N, E)
            dw[token, expert] = row_sums(dslots * o)[:, 0]                  # (N, E)    # (mixture.13)
            dq = dbalance * count / tokens * f                              # (E,), of every row  # (mixture.14)
            ds = weights_pullback(dw) + probabilities_pullback(dq)          # (N, E)    # (mixture.15)
            d_router, dx_router = router_pullback(ds)                       # (N, D)    # (mixture.16)
            dx = np.concatenate(dparts)[together].sum(axis=1) + dx_router   # (N, D)    # (mixture.17)
            return self.cotangent(router=d_router, experts=d_experts), dx.reshape(x.shape)

        return (y.reshape(x.shape), balance), pullback

    def ready(self) -> Ready:
        """Return x (..., D) -> y (..., D), for many calls; the balance is left out."""
        return lambda x: self(x)[0]


def _expect_k(where: str, k: int, experts: int) -> None:
    if k > experts:
        raise ValueError(f"{where}: k must be at most the number of experts, {experts}, got {cut(k)}")


def _expect_rows(outputs: tuple[np.ndarray, ...], lengths: list[int], width: int) -> None:
    """Raise if an expert's output would only broadcast against its rows, or not even that."""
    for e, (output, length) in enumerate(zip(outputs, lengths, strict=True)):
        expect_alone("MixtureOfExperts", f"experts[{e}]", output)
        if output.shape != (length, width):
            raise ValueError(f"MixtureOfExperts: experts[{e}] must return shape {(length, width)}, got {output.shape}")


def _away_from_ties(layer: MixtureOfExperts, x: np.ndarray) -> np.ndarray:
    """Return the rows of x (N, D) whose k-th largest logit lies well above the next: y jumps where they tie."""
    s = np.sort(layer.router(x), axis=-1)[:, ::-1]
    return x if layer.k == s.shape[1] else x[s[:, layer.k - 1] - s[:, layer.k] > 0.5]


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    for name, experts, k in (("2 of 4 experts", 4, 2), ("1 of 3", 3, 1), ("all of 3", 3, 3)):
        layer = MixtureOfExperts.init(rng, 5, 7, experts, k, np.float64)
        layer = tree.map(lambda p: rng.normal(size=p.shape), layer)
        yield name, layer, (_away_from_ties(layer, rng.normal(size=(60, 5)))[:6].reshape(2, 3, 5),), {}
