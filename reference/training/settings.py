"""What a run is: every choice that its bits depend on."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Self

from reference.core.settings import expect_known, written
from reference.tasks import task as tasks
from reference.tasks.learned import Learned
from reference.training.families import FAMILIES, GIVEN, Family
from reference.training.training_settings import TrainingSettings

SGD = {"epochs": 60, "rate": 5e-3, "end-rate": 1e-3}  # the defaults that differ from Adam's


@dataclasses.dataclass(frozen=True)
class Run:
    """A task, a model for it, and how it is trained; `entries` are the names and values that say so."""

    task: Learned
    model: Any  # settings of its family
    training: TrainingSettings

    @classmethod
    def of(cls, entries: Mapping[str, Any]) -> Self:
        """Return the run of these entries, each the default of its task or its optimizer unless it is given.

        What a task is learned from is read, unless all that follows from it is given too, as it is in a checkpoint.

        Raises:
            TypeError: a value is of another type.
            ValueError: a name is unknown, the nearest known one is given; a value is out of range, or two do not
                fit together; or, as a DataError, a file cannot be learned from.
        """
        task, family = parts(entries)
        expect_known("settings", entries, known(task, family))
        usual = {name: value for name, value in task.usual_of(entries).items() if name in known(task, family)}
        usual |= SGD if entries.get("optimizer", usual.get("optimizer")) == "sgd" else {}
        every = task.settled({**usual, **entries})
        own = task.of(_only(task.names(), every))
        training = TrainingSettings.of(_only(TrainingSettings.names(), every))
        made = cls(own, family.sized(own, _only(set(every) - set(GIVEN), every, family.settings.names())), training)
        training.schedule_of(made.steps)
        return made

    def entries(self) -> dict[str, Any]:
        """Return what `of` takes to make this run again."""
        model = {name: value for name, value in self.model.entries().items() if name not in GIVEN}
        names = {"task": self.task_name, "model": self.family_name}
        return names | self.task.entries() | model | self.training.entries()

    @property
    def task_name(self) -> str:
        return written(type(self.task).__module__.rpartition(".")[2])

    @property
    def family_name(self) -> str:
        return next(name for name, family in FAMILIES.items() if family is self.family)

    @property
    def family(self) -> Family:
        return next(family for family in FAMILIES.values() if family.settings is type(self.model))

    @property
    def steps_per_epoch(self) -> int:
        return self.task.steps_of(self.training.batch, self.training.epochs)

    @property
    def steps(self) -> int:
        return self.training.epochs * self.steps_per_epoch


def parts(entries: Mapping[str, Any]) -> tuple[type[Learned], Family]:
    """Return the task and the family of models that the entries name, or the usual ones.

    Raises:
        ValueError: there is none of that name, the nearest is given; or the task is for others.
    """
    task = tasks.find(entries.get("task", "copy"))
    model = entries.get("model", usual_model(task))
    expect_known("model", [model], FAMILIES, "a family of models")
    if model not in task.families:
        name = next(name for name, one in tasks.every().items() if one is task)
        raise ValueError(f"model: a family for {name} must be {' or '.join(task.families)}, got {model}")
    return task, FAMILIES[model]


def usual_model(task: type[Learned]) -> str:
    """Return the name of the family with which a task is learned unless another is given."""
    return task.usual.get("model", task.families[0])


def known(task: type[Learned], family: Family) -> list[str]:
    """Return the names of all entries of a run of this task with a model of this family."""
    model = [name for name in family.settings.names() if name not in GIVEN]
    return ["task", "model", *task.names(), *model, *TrainingSettings.names()]


def _only(names: Iterable[str], entries: Mapping[str, Any], also: Iterable[str] | None = None) -> dict[str, Any]:
    wanted = set(names) if also is None else set(names) & set(also)
    return {name: value for name, value in entries.items() if name in wanted}
