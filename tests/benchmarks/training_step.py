"""What a training step costs, beside PyTorch's eager one: whole processes in turns, the same weights and data.

    python tests/benchmarks/training_step.py [SIZE ...]      64, 128, 256 and 512 unless given

A step is forward, backward and Adam's update of an encoder-decoder in float32, on one thread of BLAS; PyTorch has its
fused Adam. First both give their gradients at the same weights in float64, which must agree to 1e-12 of the largest
entry of each: in float32 some of 25 million hidden entries lie within a rounding of ReLU's kink, on either side of it.
Each process then makes steps when it is told to, one after the other; what is judged is the median of the ratios of
their processor times, by the lower end of its 95 % bootstrap interval. Beside it stand wall time, the same ratio for
the bare products of matrices of a step, and the peak memory of each process. The table is in Markdown.
`performance.py` beside it has the same steps as torch.compile and jax.jit make them, and writes the guide's tables.
"""

import contextlib
import io
import os
import resource
import subprocess
import sys
import time

import numpy as np
from bare_products import products

ONE = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
ONE["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
SIZES = {  # by width: layers of each side, heads, positions, sequences, vocabulary, steps of a turn, bar
    64: (1, 4, 8, 16, 4, 40, 0.55),
    128: (2, 4, 64, 16, 64, 4, 0.62),
    256: (4, 8, 128, 16, 1000, 1, 0.57),
    512: (6, 8, 128, 8, 8000, 1, 0.53),
}
TURNS = 15
CLOSE = 1e-12  # of the largest entry of a gradient: float64, sums in another order


def batch(width):
    _, _, positions, sequences, vocabulary, *_ = SIZES[width]
    return np.random.default_rng(1).integers(0, vocabulary, (3, sequences, positions))


def model_of(width, dtype=np.float32):
    from reference.core import tree
    from reference.core.families import TransformerSettings
    from reference.models.transformer import Transformer

    layers, heads, _, _, vocabulary, *_ = SIZES[width]
    sizes = {"vocabulary": vocabulary, "width": width, "heads": heads, "hidden": 4 * width}
    settings = TransformerSettings(**sizes, encoder_layers=layers, decoder_layers=layers)
    return tree.map(lambda leaf: leaf.astype(dtype, copy=False), Transformer.init(np.random.default_rng(0), settings))


def ours(width, dtype, threads=1):
    """Return what makes a step, and the gradients of a few parameters by name; of two threads each has half a batch."""
    from reference.core import tree
    from reference.optimizers.adam import Adam
    from reference.replay.replay import replayed
    from reference.training.families import FAMILIES
    from reference.training.process import settle
    from reference.training.shards import loss_and_gradient
    from reference.training.threads import Threads

    settle()
    optimizer, model, ids = Adam(), model_of(width, dtype), batch(width)
    sequences = ids.shape[1]
    held = {"model": model, "moments": optimizer.init(model)}
    held["open"] = contextlib.ExitStack()  # as long as the process
    mapper = held["open"].enter_context(Threads(threads).mapping()) if threads > 1 else map

    def part(ids):
        inputs = dict(zip(("source", "target", "labels"), ids, strict=True))
        return replayed(loss_and_gradient, held["model"], inputs, FAMILIES["encoder-decoder"], sequences)[1]

    def gradient():
        first, *rest = mapper(part, np.split(ids, threads, axis=1))
        for more in rest:
            first = tree.map(np.add, first, more)
        return first

    def step():
        held["model"], held["moments"] = optimizer.step(held["model"], gradient(), held["moments"], 1e-4)

    return step, compared(gradient())


def compared(layer):
    """The gradients that are compared: both tables, the output, and what lies furthest from the loss."""
    first = layer.body.encoder.blocks[0]
    return {
        "source": layer.source_embedding.table,
        "target": layer.target_embedding.table,
        "output": layer.output.w.T,
        "hidden": first.feedforward.inner.hidden.w.T,
        "gamma": first.attention.norm.gamma,
    }


def theirs(width, dtype, threads=1, compiled=False):
    """The same in PyTorch's own modules with the weights of ours; positions are added, as there."""
    import torch
    from torch_weights import load

    from reference.layers.sinusoidal import sinusoidal

    torch.set_num_threads(threads)
    torch.set_default_dtype(torch.from_numpy(np.empty(0, dtype)).dtype)
    layers, heads, positions, sequences, vocabulary, *_ = SIZES[width]
    body = torch.nn.Transformer(width, heads, layers, layers, 4 * width, 0.0, batch_first=True, norm_first=True)
    tables = torch.nn.ModuleList([torch.nn.Embedding(vocabulary, width) for _ in range(2)])
    net = torch.nn.ModuleList([body, tables, torch.nn.Linear(width, vocabulary)])
    load(net, model_of(width, dtype))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-4, fused=True)
    source, target, labels = (torch.as_tensor(ids) for ids in batch(width))
    mask = torch.nn.Transformer.generate_square_subsequent_mask(positions)
    at = torch.from_numpy(sinusoidal(positions, width, dtype).copy())

    def loss():
        inputs = [width**0.5 * table(ids) + at for table, ids in zip(tables, (source, target), strict=True)]
        logits = net[2](body(*inputs, tgt_mask=mask, tgt_is_causal=True)).flatten(0, 1)
        return torch.nn.functional.cross_entropy(logits, labels.flatten(), reduction="sum") / sequences

    forward = torch.compile(loss) if compiled else loss

    def backward():
        optimizer.zero_grad(set_to_none=True)
        forward().backward()

    def step():
        backward()
        optimizer.step()

    backward()
    first = body.encoder.layers[0]
    found = (tables[0].weight, tables[1].weight, net[2].weight, first.linear1.weight, first.norm1.weight)
    names = ("source", "target", "output", "hidden", "gamma")
    return step, {name: p.grad.numpy().copy() for name, p in zip(names, found, strict=True)}


def jitted(width, dtype):
    """The same in JAX."""
    import jax
    from jax_step import started

    jax.config.update("jax_enable_x64", dtype == np.float64)
    step, first = started(model_of(width, dtype), SIZES[width][1], *batch(width))
    names = {
        "source": "source_embedding.table",
        "target": "target_embedding.table",
        "output": "output.w",
        "hidden": "body.encoder.blocks[0].feedforward.inner.hidden.w",
        "gamma": "body.encoder.blocks[0].attention.norm.gamma",
    }
    return step, {name: first[path].T if path.endswith(".w") else first[path] for name, path in names.items()}


KINDS = {
    "ours": ours,
    "torch": theirs,
    "products": lambda width, _: (products(width, *SIZES[width][:5]), {}),
    "compile": lambda width, dtype: theirs(width, dtype, compiled=True),
    "jax": jitted,
    "ours on two": lambda width, dtype: ours(width, dtype, 2),
    "torch on two": lambda width, dtype: theirs(width, dtype, 2),
}


def serve(kind, width):
    """Be one of the processes: make steps as told, and say so once the first can be made."""
    step, _ = KINDS[kind](width, np.float32)
    print(flush=True)
    for line in sys.stdin:
        times = time.process_time(), time.perf_counter()
        for _ in range(int(line)):
            step()
        spent = time.process_time() - times[0], time.perf_counter() - times[1]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(*(t / int(line) for t in spent), peak, file=sys.stderr, flush=True)


def started(kind, width, to="serve"):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-W", "ignore", __file__, to, kind, str(width)]
    process = subprocess.Popen(command, env=os.environ | ONE, **pipes)
    if to == "serve":
        process.stdout.readline()
    return process


def gradients(kind, width):
    """The gradients of a process of its own, in float64."""
    return dict(np.load(io.BytesIO(started(kind, width, to="gradients").communicate()[0])))


def told(process, steps):
    process.stdin.write(f"{steps}\n".encode())
    process.stdin.flush()
    return [float(word) for word in process.stderr.readline().split()]


def interval(ratios, rng, draws=10_000):
    medians = np.median(rng.choice(ratios, (draws, len(ratios))), axis=1)
    return np.median(ratios), *np.quantile(medians, (0.025, 0.975))


def measured(width, kinds, turns=TURNS):
    """Return processor and wall time of a step and peak memory (turns, kinds, 3); gradients are those of the first."""
    first = gradients(kinds[0], width)
    for kind in kinds[1:]:
        for name, array in gradients(kind, width).items():
            close = CLOSE * np.abs(array).max()
            np.testing.assert_allclose(first[name], array, rtol=0, atol=close, err_msg=f"{kind}: {name}")
    processes = [started(kind, width) for kind in kinds]
    steps = SIZES[width][-2]
    taken = np.array([[told(process, steps) for process in processes] for _ in range(turns + 1)])[1:]
    for process in processes:
        process.stdin.close()
        process.wait()
    return taken


def row(width, rng):
    """Return a line of the table, and whether its bar is met."""
    bar, taken = SIZES[width][-1], measured(width, ("ours", "torch", "products"))
    (ratio, low, high), wall, floor = (
        interval(taken[:, of, kind] / taken[:, 1, kind], rng) for of, kind in ((0, 0), (0, 1), (2, 0))
    )
    ours_ms, torch_ms, _ = 1e3 * np.median(taken[:, :, 0], axis=0)
    numbers = f"{ours_ms:.1f} | {torch_ms:.1f} | {ratio:.2f} ({low:.2f} to {high:.2f}) | {bar} | {wall[0]:.2f}"
    memory = " | ".join(f"{peak:.0f}" for peak in taken[-1, :2, 2])
    return f"| {width} | {numbers} | {floor[0]:.2f} | {memory} |", low <= bar


def main(words):
    rng, met = np.random.default_rng(20261126), True
    kernels = os.environ.get("OPENBLAS_CORETYPE", "as OpenBLAS finds them")
    print(f"NumPy {np.__version__}, one thread each, kernels {kernels}\n")
    print("| width | here (ms) | PyTorch (ms) | ratio, 95 % | bar | wall | bare products | here (MB) | PyTorch (MB) |")
    print("|" + "---|" * 9)
    for width in map(int, words or SIZES):
        line, good = row(width, rng)
        met &= good
        print(line, flush=True)
    print(f"\n{'reached' if met else 'NOT REACHED'}: the lower end of each interval at or below its bar")
    return 0 if met else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2], int(sys.argv[3]))
    elif sys.argv[1:2] == ["gradients"]:
        np.savez(sys.stdout.buffer, **KINDS[sys.argv[2]](int(sys.argv[3]), np.float64)[1])
    else:
        sys.exit(main(sys.argv[1:]))
