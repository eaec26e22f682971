"""The training loop, step by step and without any output."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from reference.core import tree
from reference.tasks.task import Examples
from reference.training.devices import HOST, Device
from reference.training.errors import DivergedError
from reference.training.evaluate import measure
from reference.training.optimizers import optimizer, schedule
from reference.training.settings import Run
from reference.training.shards import gradient
from reference.training.state import State, generator, stream


def data(run: Run) -> tuple[Examples, Examples]:
    """Return the examples to train on, and those held out."""
    return run.task.draw(stream(run, 0))


def train(run: Run, state: State, training: Examples, held_out: Examples, device: Device = HOST) -> Iterator[State]:
    """Yield the state after every step from `state` to the last; an epoch's last one has its record.

    Model and optimizer of the states are on the device, as those of `state` must be; examples are on the host.

    Raises:
        DivergedError: a loss is not finite, or at the end of an epoch a parameter or a loss held out.
    """
    rate, batch = schedule(run.training, run.steps), run.training.batch
    last = run.steps_per_epoch - 1  # batch of an epoch
    while state.step < run.steps:
        rng = generator(state.random)
        order = rng.permutation(len(training))
        for place in range(state.step % run.steps_per_epoch, run.steps_per_epoch):
            rows = training[order[place * batch : (place + 1) * batch]]
            state = step(run, state, rows, rate(state.step), device)
            _expect_finite("the loss", np.isfinite(state.losses[-1]), run, state)
            if place == last:
                expect_finite(run, state, device)
                record = {
                    "epoch": len(state.records) + 1,
                    "step": state.step,
                    "rate": rate(state.step - 1),
                    "loss": float(state.losses[-run.steps_per_epoch :].mean()),
                    **measure(run, state.model, training, held_out, device),
                }
                for name, number in record.items():
                    _expect_finite(name, np.isfinite(number), run, state)
                state = dataclasses.replace(state, random=rng.bit_generator.state, records=(*state.records, record))
            yield state


def step(run: Run, state: State, rows: Examples, rate: float, device: Device = HOST) -> State:
    """Make one update.  A sequence's loss is the sum over its tokens, a batch's the mean over its sequences.

    With the mean over tokens instead, gradients are smaller by the length of a sequence:
    nothing to Adam, which divides by their size, and a rate that much lower to SGD.
    """
    loss, d_model = gradient(run, state, rows, device)
    model, moments = optimizer(run.training).step(state.model, d_model, state.optimizer, rate)
    losses = np.append(state.losses, loss / rows.labels.size)
    return dataclasses.replace(state, model=model, optimizer=moments, losses=losses)


def expect_finite(run: Run, state: State, device: Device = HOST) -> None:
    """Raise DivergedError unless every parameter and all that the optimizer keeps is finite."""
    for name, array in tree.leaves((state.model, state.optimizer)):
        _expect_finite(name, device.back(np.isfinite(array)), run, state)


def _expect_finite(name: str, finite: Any, run: Run, state: State) -> None:
    if not finite.all():
        rate = schedule(run.training, run.steps)(state.step - 1)
        raise DivergedError(
            f"{name} is not finite at step {state.step:,} of {run.steps:,}, with a learning rate of {rate:g}: "
            "train again with a smaller --rate"
        )
