"""The training loop, step by step and without any output."""

import dataclasses
from collections.abc import Callable, Generator, Iterator
from typing import Any

import numpy as np

from reference.data.errors import DataError
from reference.optimizers.clipping import clip_by_norm
from reference.tasks.task import Examples
from reference.training.devices import HOST, Device
from reference.training.errors import DivergedError, RunError
from reference.training.evaluate import measure
from reference.training.measures import first_not_finite, norm, updates
from reference.training.settings import Run
from reference.training.shards import gradient
from reference.training.state import State, generator, stream
from reference.training.workers import Workers, mapping


def data(run: Run) -> tuple[Any, Any]:
    """Return the examples to train on, and those held out.

    Raises:
        RunError: the files of the run have changed, or are not there.
    """
    try:
        return run.task.draw(stream(run, 0))
    except DataError as error:
        raise RunError(str(error)) from None


def train(
    run: Run, state: State, training: Any, held_out: Any, device: Device = HOST, workers: Workers = 1
) -> Generator[State, None, None]:
    """Yield the state after every step from `state` to the last; an epoch's last one has its record.

    Model and optimizer of the states are on the device, as those of `state` must be; examples are on the host.
    Each state has arrays of its own: who keeps them all in a list keeps as many models as there are steps.

    Shards of a batch go to `workers`: a number of processes, -1 for one on each core, Threads(2), or a map-like
    callable, such as the `map` of an executor, of a Dask client or of an MPI pool.  The bits are the same with all of
    them.  Processes and threads end with the iterator; a script that starts processes must keep its own work under
    `if __name__ == "__main__":`.

    Raises:
        DivergedError: a loss or a gradient is not finite, or at the end of an epoch a parameter or a loss held out.
        RunError: processes died again and again, or there is too little shared memory.
        TypeError, ValueError: `workers` is none of these, or hands back something else than results.
    """
    with mapping(workers) as mapper:
        yield from _steps(run, state, training, held_out, device, mapper)


def _steps(
    run: Run, state: State, training: Any, held_out: Any, device: Device, mapper: Callable
) -> Iterator[State]:
    rate, batch, length = run.training.schedule_of(run.steps), run.training.batch, run.steps_per_epoch
    while state.step < run.steps:
        rng = generator(state.random)
        order = training.order(rng, length * batch)
        for place in range(state.step % length, length):
            before, rows = state.model, training[order[place * batch : (place + 1) * batch]]
            state = step(run, state, rows, rate(state.step), device, mapper)
            if place == length - 1:
                expect_finite(run, state, device)
                record = {
                    "epoch": len(state.records) + 1,
                    "step": state.step,
                    "rate": rate(state.step - 1),
                    "loss": float(state.losses[-length:].mean()),
                    "gradient_norm": float(state.norms[-length:].mean()),
                    "clipped": float((state.norms[-length:] > (run.training.clip or np.inf)).mean()),
                    **{f"update_{part}": share for part, share in updates(before, state.model, device).items()},
                    **measure(run, state.model, training, held_out, device, len(state.records) + 1),
                }
                for name, value in record.items():
                    if not isinstance(value, str) and not np.isfinite(value):
                        raise diverged(name, run, state.step)
                state = dataclasses.replace(state, random=rng.bit_generator.state, records=(*state.records, record))
            yield state


def step(
    run: Run, state: State, rows: Examples, rate: float, device: Device = HOST, mapper: Callable = map
) -> State:
    """Make one update.  A sequence's loss is the sum over its tokens, a batch's the mean over its sequences.

    With the mean over tokens instead, gradients are smaller by the length of a sequence:
    nothing to Adam, which divides by their size, and a rate that much lower to SGD.

    Raises:
        DivergedError: the loss or a gradient is not finite; a parameter that is not is named before them.
    """
    loss, d_model = gradient(run, state, rows, device, mapper)
    size = norm(d_model, device)
    if not np.isfinite(loss):
        path = first_not_finite(state.model, device)
        raise diverged("the loss" if path is None else f"'{path}'", run, state.step + 1)
    if not np.isfinite(size):
        raise diverged(f"the gradient of '{first_not_finite(d_model, device)}'", run, state.step + 1)
    if run.training.clip is not None:
        d_model, _ = clip_by_norm(d_model, run.training.clip)
    optimizer = run.training.optimizer_of(state.model)
    model, moments = optimizer.step(state.model, d_model, state.optimizer, rate)
    losses, norms = np.append(state.losses, loss / max(rows.count, 1)), np.append(state.norms, size)
    return dataclasses.replace(state, model=model, optimizer=moments, losses=losses, norms=norms)


def expect_finite(run: Run, state: State, device: Device = HOST) -> None:
    """Raise DivergedError unless every parameter and all that the optimizer keeps is finite."""
    for node in (state.model, state.optimizer):
        if (path := first_not_finite(node, device)) is not None:
            raise diverged(f"'{path}'", run, state.step)


def diverged(name: str, run: Run, step: int) -> DivergedError:
    """Return the error that says what is not finite at a step, of which the first is 1."""
    rate = run.training.schedule_of(run.steps)(step - 1)
    return DivergedError(
        f"{name} is not finite at step {step:,} of {run.steps:,}, with a learning rate of {rate:g}: "
        "train again with a smaller --rate"
    )
