"""PyTorch's own database of its operators, each with sample arguments, as functions of the tensors among these."""

import dataclasses
import itertools
import random
import sys
import zlib

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.utils import _pytree as pytree

MOST_ENTRIES = 200
AT_ALL = 1000  # of the smallest sample, where all are larger than that
LOOKED_AT = 80  # samples of an operator: some have thousands
SIZES = ({"S": 3, "M": 4, "L": 6}, {"S": 5, "M": 10, "L": 20})  # of the database's shapes; the second are its own
DTYPES = ("float64", "float32")
UNSAFE = ("_segment_reduce.lengths", "_segment_reduce.offsets")  # write beyond their memory
COMPLEX = {"float64": torch.complex128, "float32": torch.complex64}


@dataclasses.dataclass
class Case:
    """A function of the tensors of one sample, and these; what is no tensor stays as the sample has it."""

    function: object
    tensors: list


def operators():
    """Return name and entry of every operator that autograd knows."""
    found = {}
    for operator in op_db:
        if operator.supports_autograd:
            variant = f".{operator.variant_test_name}" if operator.variant_test_name else ""
            found[operator.name + variant] = operator
    return sorted(found.items())


def cases(name, operator, dtype, most):
    """Return up to `most` cases of at most 200 entries, spread over the samples; where there is none, the smallest."""
    supported = operator.supported_backward_dtypes("cpu")
    kind = getattr(torch, dtype) if getattr(torch, dtype) in supported else COMPLEX[dtype]
    if kind not in supported or name in UNSAFE:
        return []
    for sizes in SIZES:
        samples = [sample for sample in _samples(operator, kind, sizes) if 0 < _entries(sample) <= AT_ALL]
        small = [sample for sample in samples if _entries(sample) <= MOST_ENTRIES]
        chosen = small or sorted(samples, key=_entries)[:1]
        found = [case for case in (_case(name, operator, sample, kind) for sample in chosen) if _is_finite(case)]
        if found:
            shift = zlib.crc32(f"{name} {dtype}".encode()) % len(found)
            chosen = {(shift + int(k)) % len(found) for k in np.linspace(0, len(found), most, endpoint=False)}
            return [found[k] for k in sorted(chosen)]
    return []


def _is_finite(case):
    """Whether a function has finite outputs at copies of the tensors: some read memory that these do not have."""
    try:
        leaves = pytree.tree_leaves(case.function(*case.tensors))
    except (RuntimeError, IndexError):
        return False
    return all(bool(leaf.isfinite().all()) for leaf in leaves if _is_tensor(leaf))


def _samples(operator, dtype, sizes):
    for name, module in list(sys.modules.items()):
        if name.startswith("torch.testing._internal"):
            vars(module).update({key: n for key, n in sizes.items() if isinstance(vars(module).get(key), int)})
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    random.seed(0)
    try:
        return list(itertools.islice(operator.sample_inputs("cpu", dtype, requires_grad=True), LOOKED_AT))
    except (RuntimeError, ValueError, IndexError, AssertionError):  # shapes of other sizes do not fit each other
        return []


def _entries(sample):
    tensors = [leaf for leaf in pytree.tree_leaves((sample.input, sample.args, sample.kwargs)) if _is_tensor(leaf)]
    if not any(tensor.requires_grad for tensor in tensors):
        return 0
    return sum(tensor.numel() for tensor in tensors)


def _case(name, operator, sample, dtype):
    leaves, shape = pytree.tree_flatten((sample.input, sample.args, sample.kwargs))
    where = [i for i, leaf in enumerate(leaves) if _is_tensor(leaf)]
    sparse = {i: leaves[i].detach() for i in where if leaves[i].layout != torch.strided}

    def function(*tensors):
        now = tensors[0].dtype if tensors[0].dtype.is_floating_point else dtype
        full = [now if leaf is dtype else leaf for leaf in leaves]
        for i, tensor in zip(where, tensors, strict=True):
            full[i] = tensor if i not in sparse else _with_values(sparse[i], tensor)
        input, args, kwargs = pytree.tree_unflatten(full, shape)
        y = operator.gradcheck_wrapper(operator.get_op(), input, *args, **kwargs)
        return pytree.tree_map_only(torch.Tensor, _dense, sample.output_process_fn_grad(y))

    function.__name__ = name
    given = [leaves[i].detach().values() if i in sparse else leaves[i].detach() for i in where]
    pairs = zip(where, given, strict=True)
    return Case(function, [tensor.clone().requires_grad_(leaves[i].requires_grad) for i, tensor in pairs])


def _with_values(sparse, values):
    parts = sparse.crow_indices(), sparse.col_indices(), values, sparse.shape
    return torch.sparse_csr_tensor(*parts, check_invariants=False)


def _dense(tensor):
    return tensor if tensor.layout == torch.strided else tensor.to_dense()


def _is_tensor(leaf):
    return isinstance(leaf, torch.Tensor)
