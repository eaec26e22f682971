"""How each family of models is drawn, what it reads of an example, and what it says.

B sequences, S symbols of a source, T of an answer.
"""

from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import numpy as np

from reference.core.families import (
    ClassifierSettings,
    DecoderOnlySettings,
    EncoderOnlySettings,
    TransformerSettings,
)
from reference.core.nodes import with_fields
from reference.core.settings import Settings, written
from reference.core.shapes import MOST
from reference.generation.greedy import greedy, teacher_forced
from reference.layers.classification_head import ClassificationHead
from reference.layers.language_model_head import LanguageModelHead
from reference.models.decoder_only import DecoderOnly
from reference.models.encoder_only import EncoderOnly
from reference.models.headed import Headed
from reference.models.objective import Objective
from reference.models.tied import TiedTransformer
from reference.models.tied_decoder_only import TiedDecoderOnly
from reference.models.transformer import Transformer
from reference.tasks.learned import Learned
from reference.tasks.task import START, Examples

SILENT = -1  # the label of a position of which nothing is asked
FOLLOW: dict[str, Callable[[Learned], int]] = {  # settings of a model that follow from the task
    "vocabulary": lambda task: task.tokens,
    "length": lambda task: sum(task.sizes),
    "classes": lambda task: task.choices,
}
GIVEN = tuple(FOLLOW)
SAID = {"vocabulary": "token ids", "length": "positions", "classes": "classes"}
There: TypeAlias = Callable[[np.ndarray], Any]  # moves an array to where a model is


class Family:
    """What a run asks of a family of models."""

    settings: ClassVar[type[Settings]]
    at_once: ClassVar[bool] = False  # whether all of an answer is said at once, so that no token is read before another
    ignore: ClassVar[int | None] = SILENT

    def sized(self, task: Learned, entries: dict[str, Any]) -> Any:
        """Return the settings of a model for the task; `entries` are all that do not follow from it.

        Raises:
            TypeError: a value is of another type.
            ValueError: one is out of range; of what follows from the task its own settings are named.
        """
        given = [name for name in GIVEN if name in self.settings.names()]
        for name in given:
            if (count := FOLLOW[name](task)) > MOST:
                must = f"{_behind(task, FOLLOW[name])} must make at most {MOST:,} {SAID[name]}"
                raise ValueError(f"{type(task).__name__}: {must}, got {count:,}")
        return self.settings.of({name: FOLLOW[name](task) for name in given} | entries)

    def init(self, rng: np.random.Generator, settings: Any) -> Any:
        """Draw a model."""
        raise NotImplementedError

    def objective(self, model: Any) -> Objective:
        """Return the loss of a model, summed over the tokens of a batch."""
        return Objective(model=model, reduction="sum", ignore=self.ignore)

    def inputs(self, examples: Examples) -> dict[str, np.ndarray]:
        """Return what the objective takes."""
        raise NotImplementedError

    def forced(self, model: Any, examples: Examples, there: There) -> Any:
        """Return the ids (B, T) that are said where the right ones stand before each."""
        raise NotImplementedError

    def said(self, model: Any, examples: Examples, there: There) -> Any:
        """Return the ids (B, T) that are said to the sources, read by the model as they are said."""
        length = examples.labels.shape[1]
        return greedy(model, there(examples.source), start=START, length=length, **_moved(examples, there))


class EncoderDecoderFamily(Family):
    """The encoder reads the source, the decoder says the answer token by token."""

    settings = TransformerSettings

    def init(self, rng: np.random.Generator, settings: Any) -> Any:
        return (TiedTransformer if settings.embeddings == "tied" else Transformer).init(rng, settings)

    def inputs(self, examples: Examples) -> dict[str, np.ndarray]:
        return {"source": examples.source, "target": examples.target, "labels": _labels(examples), **_hidden(examples)}

    def forced(self, model: Any, examples: Examples, there: There) -> Any:
        return teacher_forced(model, there(examples.source), there(examples.target), **_moved(examples, there))


class DecoderOnlyFamily(Family):
    """The answer is the continuation of the source; the start token stands between them."""

    settings = DecoderOnlySettings

    def init(self, rng: np.random.Generator, settings: Any) -> Any:
        return (TiedDecoderOnly if settings.embeddings == "tied" else DecoderOnly).init(rng, settings)

    def inputs(self, examples: Examples) -> dict[str, np.ndarray]:
        silent = np.full_like(examples.source, SILENT)
        return {
            "tokens": np.concatenate([examples.source, examples.target], axis=1),
            "labels": np.concatenate([silent, examples.labels], axis=1),
        }

    def forced(self, model: Any, examples: Examples, there: There) -> Any:
        return _last(model(tokens=there(self.inputs(examples)["tokens"])), examples.labels.shape[1])


class EncoderOnlyFamily(Family):
    """All tokens of the answer are said at once, where start tokens stand behind the source as masks."""

    settings = EncoderOnlySettings
    at_once = True

    def init(self, rng: np.random.Generator, settings: Any) -> Any:
        body = EncoderOnly.init(rng, settings)
        return Headed(body=body, head=LanguageModelHead.init(rng, settings.width, settings.vocabulary))

    def inputs(self, examples: Examples) -> dict[str, np.ndarray]:
        masks = np.full_like(examples.labels, START)
        return {
            "tokens": np.concatenate([examples.source, masks], axis=1),
            "labels": np.concatenate([np.full_like(examples.source, SILENT), examples.labels], axis=1),
        }

    def forced(self, model: Any, examples: Examples, there: There) -> Any:
        return self.said(model, examples, there)

    def said(self, model: Any, examples: Examples, there: There) -> Any:
        tokens = there(self.inputs(examples)["tokens"])
        return _last(model(tokens=tokens), examples.labels.shape[1])


class ClassifierFamily(Family):
    """An encoder under a head that reads its first position, where every source has the start token."""

    settings = ClassifierSettings
    at_once = True

    def init(self, rng: np.random.Generator, settings: Any) -> Any:
        body = EncoderOnly.init(rng, settings)
        return Headed(body=body, head=ClassificationHead.init(rng, settings.width, settings.classes))

    def inputs(self, examples: Examples) -> dict[str, np.ndarray]:
        hidden = {name.removeprefix("source_"): mask for name, mask in _hidden(examples).items()}
        return {"tokens": examples.source, "labels": examples.labels[:, 0], **hidden}

    def forced(self, model: Any, examples: Examples, there: There) -> Any:
        return self.said(model, examples, there)

    def said(self, model: Any, examples: Examples, there: There) -> Any:
        inputs = {name: there(array) for name, array in self.inputs(examples).items() if name != "labels"}
        return model(**inputs).argmax(axis=-1)[:, None]


def _behind(task: Learned, follow: Callable[[Learned], int]) -> str:
    """Return the whole numbers among the settings of a task from which a number follows, with their names."""
    fields, kind = vars(task), type(task)
    numbers = [name for name, value in fields.items() if type(value) is int]
    without = {name: with_fields(kind, (fields | {name: 0}).items()) for name in numbers}
    found = [f"{written(name)} {fields[name]}" for name in numbers if follow(without[name]) != follow(task)]
    return " and ".join(found)


def _labels(examples: Examples) -> np.ndarray:
    return examples.labels if examples.asked is None else np.where(examples.asked, examples.labels, SILENT)


def _hidden(examples: Examples) -> dict[str, np.ndarray]:
    """Return the mask (B, 1, 1, S) of the sources, by its name; none where each has all its symbols."""
    return {} if examples.seen is None else {"source_mask": examples.seen[:, None, None, :]}


def _moved(examples: Examples, there: There) -> dict[str, Any]:
    return {name: there(mask) for name, mask in _hidden(examples).items()}


def _last(logits: Any, length: int) -> Any:
    """Return the most likely ids (B, length) at the last positions."""
    return logits[:, -length:].argmax(axis=-1)


FAMILIES: dict[str, Family] = {
    "encoder-decoder": EncoderDecoderFamily(),
    "decoder-only": DecoderOnlyFamily(),
    "encoder-only": EncoderOnlyFamily(),
    "classifier": ClassifierFamily(),
}
