"""How a model is trained: the settings that are neither of the task nor of the model."""

from typing import Annotated, Any, Literal, TypeAlias

from reference.core.kinds import AboveZero, Share, Size
from reference.core.settings import Settings
from reference.core.shapes import expect_unit, expect_whole
from reference.optimizers.schedules import Schedule
from reference.training.optimizers import optimizer, with_tables
from reference.training.schedules import schedule

Whole: TypeAlias = Annotated[int, lambda where, name, value: expect_whole(where, name, value, 0)]
Seed: TypeAlias = Annotated[int, lambda where, name, value: expect_whole(where, name, value, 0, 2**32 - 1)]  # a word

OWN = ("momentum", "nesterov", "beta1", "beta2", "decay")  # settings that some optimizers have


class TrainingSettings(Settings):
    """How a model is trained."""

    seed: Seed = 0
    batch: Size = 16
    epochs: Size = 10
    shards: Size = 1            # of a batch, whose gradients are added in their order
    optimizer: Literal[
        "adafactor", "adagrad", "adam", "adamw", "amsgrad", "lion", "momentum", "muon", "nadam", "rmsprop", "sgd"
    ] = "adam"
    momentum: Share | None = None  # this and the next four are the optimizer's unless they are given
    nesterov: bool | None = None
    beta1: Share | None = None
    beta2: Share | None = None
    decay: Share | None = None
    table_scale: AboveZero = 1.0   # of the rate of tables of tokens and positions
    clip: AboveZero | None = None  # most of the norm of all gradients
    schedule: Literal[
        "constant", "cosine", "inverse-square-root", "linear", "one-cycle", "step", "warmup-stable-decay"
    ] = "linear"
    rate: AboveZero = 2e-3      # the highest, before it falls
    end_rate: AboveZero = 1e-5  # so small that no step near the end undoes what was learned
    warmup: Whole = 0           # steps
    fall: Size | None = None    # steps of the line at the end; a fifth of the run unless given
    factor: Annotated[float, expect_unit] = 0.5
    every: Size = 100           # steps
    keep: Size = 1              # checkpoints of the last epochs, besides the best one

    def expect(self) -> None:
        try:
            self._optimizer()
        except (TypeError, ValueError) as error:
            raise ValueError(f"TrainingSettings: {str(error).partition(': ')[2]}") from None

    def _optimizer(self) -> Any:
        given = {name: value for name in OWN if (value := getattr(self, name)) is not None}
        return optimizer(self.optimizer, given)

    def optimizer_of(self, model: Any) -> Any:
        """Return the optimizer of a run of this model."""
        return with_tables(self._optimizer(), self.table_scale, model)

    def schedule_of(self, steps: int) -> Schedule:
        """Return the learning rate as a function of the step.

        Raises:
            ValueError: the steps are too few for it.
        """
        names = ("rate", "end_rate", "warmup", "fall", "factor", "every")
        return schedule(self.schedule, steps, **{name: getattr(self, name) for name in names})
