"""What a training step costs on a card, beside PyTorch on the same card and the reference on the processor.

    python tests/device/step_times.py [host]

It takes a session with a card that CuPy and PyTorch can use; `host` runs the smallest size on the processor, to try the
script itself.  A step is forward, backward and Adam's update of an encoder-decoder in float32, without TF32; the two on
the card take turns, and a time is the median of RUNS after two that do not count, on the processor of fewer.  The table
is in Markdown, with card and date.
"""

import datetime
import sys
import time

import numpy as np
import torch

from reference.core.families import TransformerSettings
from reference.models.objective import Objective
from reference.models.transformer import Transformer
from reference.optimizers.adam import Adam
from reference.training import devices
from reference.training.errors import RunError

SIZES = (  # width, layers of each side, heads, positions, sequences, vocabulary
    (64, 1, 4, 8, 16, 4),
    (128, 2, 4, 64, 16, 64),
    (256, 4, 8, 128, 16, 1000),
    (512, 6, 8, 128, 8, 8000),
    (1024, 6, 16, 256, 16, 32000),
)
RUNS = 15


def ours(size, batch, device, wait):
    """Return a function that makes one step and waits for it."""
    width, layers, heads, _, sequences, vocabulary = size
    sizes = {"vocabulary": vocabulary, "width": width, "heads": heads, "hidden": 4 * width}
    settings = TransformerSettings(**sizes, encoder_layers=layers, decoder_layers=layers)
    model = Transformer.init(np.random.default_rng(0), settings)
    optimizer = Adam()
    held = {"model": device.moved(model)}
    held["moments"] = device.moved(optimizer.init(model))
    source, target, labels = map(device.there, batch)

    def step():
        objective = Objective(model=held["model"], reduction="sum")
        _, pullback = objective.vjp(source=source, target=target, labels=labels)
        (d_objective,) = pullback(1 / sequences)
        held["model"], held["moments"] = optimizer.step(held["model"], d_objective.model, held["moments"], 1e-4)
        wait()

    return step


def theirs(size, batch, place, wait):
    """Return the same of PyTorch's own modules, eager, with its fused Adam where there is one."""
    width, layers, heads, positions, sequences, vocabulary = size
    torch.manual_seed(0)
    body = torch.nn.Transformer(width, heads, layers, layers, 4 * width, 0.0, batch_first=True, norm_first=True)
    tables = torch.nn.ModuleList([torch.nn.Embedding(vocabulary, width) for _ in range(2)])
    model = torch.nn.ModuleList([body, tables, torch.nn.Linear(width, vocabulary)]).to(place)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=place != "cpu")
    source, target, labels = (torch.as_tensor(ids, device=place) for ids in batch)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(positions, device=place)

    def step():
        optimizer.zero_grad(set_to_none=True)
        said = model[2](body(tables[0](source), tables[1](target), tgt_mask=mask, tgt_is_causal=True))
        loss = torch.nn.functional.cross_entropy(said.flatten(0, 1), labels.flatten(), reduction="sum") / sequences
        loss.backward()
        optimizer.step()
        wait()

    return step


def medians(steps, runs, uncounted=2):
    """Return the median seconds of each step, taken in turns."""
    times = []
    for _ in range(runs + uncounted):
        row = []
        for step in steps:
            start = time.perf_counter()
            step()
            row.append(time.perf_counter() - start)
        times.append(row)
    return np.median(times[uncounted:], axis=0)


def main(words):
    on_host = words == ["host"]
    try:
        device = devices.HOST if on_host else devices.find("gpu")
    except RunError as error:
        print(f"{error}: nothing was measured", file=sys.stderr)
        return 2
    if on_host:
        place, wait, title = "cpu", lambda: None, "the processor"
    else:
        import cupy

        place, wait, title = "cuda", lambda: cupy.cuda.Device().synchronize(), torch.cuda.get_device_name()
    print(f"{title}, {datetime.datetime.now(datetime.UTC).date()}, PyTorch {torch.__version__}, float32\n")
    columns = "width, layers, positions, sequences, vocabulary, here (ms), PyTorch (ms), ratio, processor (ms), times"
    print(f"| {columns.replace(', ', ' | ')} |\n{'|---' * (columns.count(', ') + 1)}|")
    for size in SIZES[: 1 if on_host else None]:
        width, layers, _, positions, sequences, vocabulary = size
        batch = np.random.default_rng(1).integers(0, vocabulary, (3, sequences, positions))
        here, torchs = medians([ours(size, batch, device, wait), theirs(size, batch, place, wait)], RUNS)
        runs, uncounted = (1, 0) if width > 512 else (3, 1)  # the largest takes a minute
        (host,) = medians([ours(size, batch, devices.HOST, lambda: None)], runs, uncounted)
        numbers = f"{1e3 * here:.2f} | {1e3 * torchs:.2f} | {here / torchs:.2f} | {1e3 * host:.1f} | {host / here:.1f}"
        print(f"| {width} | {layers}+{layers} | {positions} | {sequences} | {vocabulary:,} | {numbers} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
