"""The tables of specs/guides/performance.md: what a step and its layers take, beside others and beside what is derived.

    PYTHONPATH=tests/measures python tests/benchmarks/performance.py [PART ...]

PART is steps, layers, bookkeeping or two, or a part and a width, as steps:64; all but two unless given.  The steps of
`training_step.py` are made by whole processes in turns, those of torch.compile where there is a compiler and of jax.jit
where there is JAX.  A row is written as soon as it is measured; the others stay as they are.
`two` takes two idle cores.
"""

import datetime
import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path

import bookkeeping
import floors
import numpy as np
import training_step
from pages import put, rows, table

from reference.training.process import settle

PAGE, WIDTHS = "performance.md", tuple(training_step.SIZES)
COMPILED = (64, 128)  # larger ones take many minutes to compile
BARS = {64: 0.55, 128: 0.62, 256: 0.57, 512: 0.53}
HEADS = {
    "steps": ["width", "here (ms)", "PyTorch", "bar", "torch.compile", "jax.jit", "products", "here / products", "MB",
              "MB of PyTorch"],
    "layers": ["width, layer", "flops (10^6)", "bytes (10^6)", "floor (ms)", "measured (ms)", "times"],
    "two": ["width", "here (ms)", "one thread", "PyTorch", "PyTorch on two threads", "bar"],
}  # fmt: skip


def card(before):
    """Processor, threads, kernels, versions, load before anything was measured and date, in a line."""
    import torch

    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    name = next((line.partition(":")[2].strip() for line in lines if "model name" in line), platform.processor())
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model\t")), "")
    cache = Path("/sys/devices/system/cpu/cpu0/cache/index2/size")
    second = f", second cache {cache.read_text().strip()}" if cache.exists() else ""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    kernels = os.environ.get("OPENBLAS_CORETYPE", "those that it chooses")
    versions = [f"Python {platform.python_version()}", f"NumPy {np.__version__}", f"PyTorch {torch.__version__}"]
    if importlib.util.find_spec("jax"):
        versions.append(f"JAX {importlib.import_module('jax').__version__}")
    return (
        f"{name} (model {model}), {os.cpu_count()} cores{second}; float32; {blas['name']} {blas['version']}, kernels "
        f"{kernels}; {', '.join(versions)}; {platform.system()} {platform.release().partition('-')[0]}; "
        f"load average before {before:.1f}; {datetime.datetime.now(datetime.UTC).date()}."
    )


def ratio(taken, of, to, rng, column=0):
    middle, low, high = training_step.interval(taken[:, of, column] / taken[:, to, column], rng)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})", low


def step_rows(width, rng):
    kinds = ["ours", "torch", "products"]
    kinds += ["compile"] * (width in COMPILED and shutil.which("g++") is not None)
    kinds += ["jax"] * (importlib.util.find_spec("jax") is not None)
    taken = training_step.measured(width, kinds)
    told = {kind: ratio(taken, 0, k, rng) for k, kind in enumerate(kinds)}
    bar = f"{BARS[width]:.2f}, {'reached' if told['torch'][1] <= BARS[width] else 'missed'}"
    products = ratio(taken, 2, 1, rng)[0]
    others = [told[kind][0] if kind in told else "not tried" for kind in ("compile", "jax")]
    memory = [f"{peak:.0f}" for peak in taken[-1, :2, 2]]
    ours = f"{1e3 * np.median(taken[:, 0, 0]):.1f}"
    return [[str(width), ours, told["torch"][0], bar, *others, products, told["products"][0], *memory]]


def two_rows(width, rng):
    taken = training_step.measured(width, ("ours on two", "ours", "torch", "torch on two"))
    told = [ratio(taken, 0, k, rng, column=1) for k in (1, 2, 3)]
    bar = f"0.60, {'reached' if told[2][1] <= 0.6 else 'missed'}" if width in (128, 256) else "none"
    return [[str(width), f"{1e3 * np.median(taken[:, 0, 1]):.1f}", *(text for text, _ in told), bar]]


def layer_rows(width, _):
    (flops, moved), *found = floors.measured(width)
    made = [[f"{width}, rates", f"{flops / 1e6:,.0f} a second", f"{moved / 1e6:,.0f} a second", "", "", ""]]
    for name, products, size, floor, took in found:
        numbers = [f"{products / 1e6:,.1f}", f"{size / 1e6:,.2f}", f"{1e3 * floor:.3f}", f"{1e3 * took:.3f}"]
        made.append([f"{width}, {name}", *numbers, f"{took / floor:.1f}"])
    return made


MADE = {"steps": step_rows, "layers": layer_rows, "two": two_rows}


def write(part, made):
    """Put rows into the table of a part, in place of those with the same first cell."""
    kept = rows(PAGE, part) | {first: rest for first, *rest in made}
    order = sorted(kept, key=lambda first: int(first.partition(",")[0]))
    put(PAGE, part, table(HEADS[part], [[first, *kept[first]] for first in order]))


def main(words):
    settle()  # memory that is handed back and faulted in again doubles the time of Adam
    rng, before = np.random.default_rng(20261127), os.getloadavg()[0]
    for word in words or ["steps", "layers", "bookkeeping"]:
        part, _, chosen = word.partition(":")
        widths = [int(chosen)] if chosen else WIDTHS
        if part == "bookkeeping":
            whole, short, calls, count = bookkeeping.measured()
            share = f"{(short - calls) / whole:.0%}"
            numbers = [f"{1e3 * t:.2f}" for t in (whole, short, calls)]
            head = ["width", "a step (ms)", "on two positions", "calls of NumPy", "these alone", "bookkeeping", "bar"]
            put(PAGE, part, table(head, [["64", *numbers[:2], count, numbers[2], share, "15%"]]))
            continue
        for width in widths:
            write(part, made := MADE[part](width, rng))
            print(*made, sep="\n", flush=True)
    put(PAGE, "card", card(before))


if __name__ == "__main__":
    main(sys.argv[1:])
