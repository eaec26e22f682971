"""The gradient of a batch as a sum over its shards, in their order: the same bits wherever each was computed."""

import dataclasses
import operator
from collections.abc import Callable, Iterator
from typing import Any

from reference.core import tree
from reference.replay.replay import replayed
from reference.tasks.task import Examples
from reference.training.devices import HOST, Device
from reference.training.families import Family
from reference.training.settings import Run
from reference.training.state import State, stream


def loss_and_gradient(model: Any, inputs: dict[str, Any], family: Family, size: int) -> tuple[Any, Any]:
    """Return the loss, summed over all tokens, and its gradient divided by `size`, the sequences of the batch."""
    loss, pullback = family.objective(model).vjp(**inputs)
    (d_objective,) = pullback(1 / size)
    return loss, d_objective.model


@dataclasses.dataclass(frozen=True, eq=False)
class Batch:
    """What the gradients of all shards of a batch depend on."""

    run: Run
    model: Any
    size: int  # sequences of all shards together
    step: int
    device: Device = HOST

    def gradient(self, shard: "Shard") -> tuple[float, Any]:
        """Return the loss, summed over all tokens, and its gradient divided by the sequences of the batch."""
        inputs, constants = self.device.all_there(self.run.family.inputs(shard.rows)), (self.run.family, self.size)
        if self.run.model.dropout:
            drawn = {"rng": stream(self.run, 3, self.step, shard.place)}
            loss, d_model = loss_and_gradient(self.model, inputs | drawn, *constants)
        else:
            loss, d_model = replayed(loss_and_gradient, self.model, inputs, *constants)
        return float(self.device.back(loss)), d_model


@dataclasses.dataclass(frozen=True, eq=False)
class Shard:
    """A part of a batch, and its place among the others."""

    rows: Examples
    place: int


def gradient(
    run: Run, state: State, rows: Examples, device: Device = HOST, mapper: Callable = map
) -> tuple[float, Any]:
    """Return the loss of a batch, summed over all tokens, and the gradient of its mean over the sequences.

    The shards are fixed by the settings; `mapper` is called like `map`, and changes no bit.
    """
    shards = [Shard(part, place) for place, part in enumerate(cut(run, rows))]
    batch = Batch(run, state.model, len(rows), state.step, device)
    (loss, d_model), *rest = mapper(batch.gradient, shards)
    for more, d_more in rest:
        loss, d_model = loss + more, tree.map(operator.add, d_model, d_more)
    return loss, d_model


def cut(run: Run, rows: Examples) -> Iterator[Examples]:
    """Yield the shards of a batch, as equal as they can be; of fewer rows than shards each is one."""
    count = min(run.training.shards, len(rows))
    for k in range(count):
        yield rows[len(rows) * k // count : len(rows) * (k + 1) // count]
