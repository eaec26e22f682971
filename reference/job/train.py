"""The training loop, step by step and without any output."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from reference.core import tree
from reference.core.families import TransformerSettings
from reference.job import evaluate
from reference.job.devices import HOST, Device
from reference.job.errors import JobError
from reference.job.settings import Settings
from reference.job.tasks import copy
from reference.job.tasks.copy import Examples
from reference.models.objective import Objective
from reference.models.tied import TiedTransformer
from reference.models.transformer import Transformer
from reference.optimizers.adam import Adam
from reference.optimizers.adamw import AdamW
from reference.optimizers.muon import Muon
from reference.optimizers.schedules import constant, cosine, linear
from reference.optimizers.sgd import SGD

MODELS: dict[str, Any] = {"separate": Transformer, "tied": TiedTransformer}
OPTIMIZERS: dict[str, Any] = {"adam": Adam, "adamw": AdamW, "muon": Muon, "sgd": SGD}


class DivergedError(JobError):
    """A number of the run is not finite, and none after it will be."""


@dataclasses.dataclass(frozen=True, eq=False)
class State:
    """All that the rest of a run depends on.  A step makes the next one; none is changed."""

    model: Any
    optimizer: Any                            # its state: AdamState, SGDState ...
    random: Mapping[str, Any]                 # the generator that shuffles, as it stood before this epoch
    losses: np.ndarray                        # (steps so far,), float64: mean over the tokens of a batch
    records: tuple[Mapping[str, float], ...]  # one for each epoch that is over

    @property
    def step(self) -> int:
        return len(self.losses)


def data(settings: Settings) -> tuple[Examples, Examples]:
    """Return the examples to train on, and those held out."""
    return copy.split(
        _stream(settings, 0),
        vocabulary=settings.vocabulary,
        length=settings.length,
        training=settings.training,
        held_out=settings.held_out,
    )


def begin(settings: Settings, model: Any = None) -> State:
    """Return the state before the first step, of a freshly drawn model unless one is given."""
    if model is None:
        s, rng = settings, _stream(settings, 1)
        sizes: dict[str, Any] = {"width": s.width, "heads": s.heads, "hidden": s.hidden, "vocabulary": s.vocabulary + 1}
        words: dict[str, Any] = {"norm": s.norm, "embeddings": s.embeddings}
        model = MODELS[s.embeddings].init(
            rng, TransformerSettings(**sizes, **words, encoder_layers=s.layers, decoder_layers=s.layers)
        )
    return State(
        model=model,
        optimizer=OPTIMIZERS[settings.optimizer]().init(model),
        random=_stream(settings, 2).bit_generator.state,
        losses=np.zeros(0),
        records=(),
    )


def train(
    settings: Settings, state: State, training: Examples, held_out: Examples, device: Device = HOST
) -> Iterator[State]:
    """Yield the state after every step from `state` to the last; an epoch's last one has its record.

    Model and optimizer of the states are on the device, as those of `state` must be; examples are on the host.

    Raises:
        DivergedError: a loss is not finite, or at the end of an epoch a parameter or a loss held out.
    """
    optimizer, rate = OPTIMIZERS[settings.optimizer](), schedule(settings)
    last = settings.steps_per_epoch - 1  # batch of an epoch
    while state.step < settings.steps:
        rng = generator(state.random)
        order = rng.permutation(len(training))
        for batch in range(state.step % settings.steps_per_epoch, settings.steps_per_epoch):
            rows = training[order[batch * settings.batch : (batch + 1) * settings.batch]]
            state = step(state, rows, optimizer, rate(state.step), device)
            _expect_finite("the loss", np.isfinite(state.losses[-1]), settings, state)
            if batch == last:
                expect_finite(settings, state, device)
                record = {
                    "epoch": len(state.records) + 1,
                    "step": state.step,
                    "rate": rate(state.step - 1),
                    "loss": float(state.losses[-settings.steps_per_epoch :].mean()),
                    **evaluate.measure(state.model, training, held_out, device),
                }
                for name, number in record.items():
                    _expect_finite(name, np.isfinite(number), settings, state)
                state = dataclasses.replace(state, random=rng.bit_generator.state, records=(*state.records, record))
            yield state


def step(state: State, rows: Examples, optimizer: Any, rate: float, device: Device = HOST) -> State:
    """Make one update.  A sequence's loss is the sum over its tokens, a batch's the mean over its sequences.

    With the mean over tokens instead, gradients are smaller by the length of a sequence:
    nothing to Adam, which divides by their size, and a rate that much lower to SGD.
    """
    source, target, labels = map(device.there, (rows.source, rows.target, rows.labels))
    loss, pullback = Objective(model=state.model, reduction="sum").vjp(source=source, target=target, labels=labels)
    (d_objective,) = pullback(1 / len(rows))
    model, moments = optimizer.step(state.model, d_objective.model, state.optimizer, rate)
    losses = np.append(state.losses, float(device.back(loss)) / rows.labels.size)
    return dataclasses.replace(state, model=model, optimizer=moments, losses=losses)


def expect_finite(settings: Settings, state: State, device: Device = HOST) -> None:
    """Raise DivergedError unless every parameter and all that the optimizer keeps is finite."""
    for name, array in tree.leaves((state.model, state.optimizer)):
        _expect_finite(name, device.back(np.isfinite(array)), settings, state)


def _expect_finite(name: str, finite: np.ndarray | np.bool, settings: Settings, state: State) -> None:
    if not finite.all():
        rate = schedule(settings)(state.step - 1)
        raise DivergedError(
            f"{name} is not finite at step {state.step:,} of {settings.steps:,}, with a learning rate of {rate:g}: "
            "train again with a smaller --rate"
        )


def schedule(settings: Settings) -> Callable[[int], float]:
    if settings.schedule == "linear":
        return linear(settings.rate, settings.end_rate, settings.steps)
    if settings.schedule == "cosine":
        return cosine(settings.rate, settings.end_rate, settings.steps)
    return constant(settings.rate)


def generator(state: Mapping[str, Any]) -> np.random.Generator:
    """Return the generator that stands where `state` says."""
    rng = np.random.default_rng()
    rng.bit_generator.state = state
    return rng


def _stream(settings: Settings, use: int) -> np.random.Generator:
    """Return the generator of one use: data 0, parameters 1, order 2; none depends on how far another went."""
    return np.random.default_rng([settings.seed, use])
