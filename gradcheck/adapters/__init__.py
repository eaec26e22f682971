"""Bring layers of other shapes to the checker."""

from gradcheck.adapters.cached import cached
from gradcheck.adapters.dlpack import dlpack
from gradcheck.adapters.forward_mode import forward_mode
from gradcheck.adapters.jax_function import jax_function
from gradcheck.adapters.module import module
from gradcheck.adapters.pair import pair
from gradcheck.adapters.tape import tape
from gradcheck.adapters.torch_function import torch_function
from gradcheck.adapters.value_and_grad import value_and_grad

__all__ = [
    "cached",
    "dlpack",
    "forward_mode",
    "jax_function",
    "module",
    "pair",
    "tape",
    "torch_function",
    "value_and_grad",
]
