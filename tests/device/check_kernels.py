"""Triton kernels on a card, right and wrong ones, in three dtypes: the right ones pass, the wrong ones fail.

    python tests/device/check_kernels.py

It takes a session with a card that PyTorch and Triton can use (or TRITON_INTERPRET=1, which computes the same
kernels on the processor).  Each line is a kernel, a dtype, a verdict and the digits to which its gradients were
checked.  The exit status is 1 where a verdict is another than it should be, 2 where there is no card.
"""

import os
import sys

import torch

import gradcheck
from gradcheck.adapters import torch_function

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"


def subjects(device):
    """Yield (name, kernel, the shapes of its floating tensors, the others)."""
    from kernels import CrossEntropy, LayerNorm, Softmax

    labels = torch.tensor([3, 0, 11, 5], device=device)
    yield "layer norm", LayerNorm, [(4, 12), (12,), (12,)], []
    yield "softmax", Softmax, [(4, 12)], []
    yield "cross-entropy", CrossEntropy, [(4, 12)], [labels]


def main():
    if not torch.cuda.is_available() and not INTERPRETED:
        print("there is no card that PyTorch can use: nothing was checked", file=sys.stderr)
        return 2
    device = torch.device("cpu" if INTERPRETED else "cuda")
    print("interpreted on the processor" if INTERPRETED else torch.cuda.get_device_name(device))
    unexpected = 0
    for name, kernel, shapes, others in subjects(device):
        for dtype in DTYPES:
            torch.manual_seed(0)
            tensors = [torch.randn(shape, device=device).to(dtype) for shape in shapes]
            for wrong in (False, True):
                report = gradcheck.check(torch_function(kernel), *tensors, *others, wrong=wrong)
                digits = ", ".join("-" if g.digits is None else f"{g.digits:.1f}" for g in report.gradients)
                kind = "wrong" if wrong else "right"
                print(f"{name:14} {kind} {str(dtype).removeprefix('torch.'):9} {report.verdict:12} digits {digits}")
                if report.verdict != ("fail" if wrong else "pass"):
                    unexpected += 1
                    print(report)
    return int(unexpected > 0)


if __name__ == "__main__":
    sys.exit(main())
