"""What a family of published models is, and how its models come in and go out."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reference.core.shapes import expect_dtype
from reference.models.tied_decoder_only import TiedDecoderOnly
from reference.published import folder, names
from reference.published.config import Config
from reference.published.names import Row

Arrays = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Family:
    """A table of names, and the way from a config to a model of zeros and back."""

    title: str
    types: tuple[str, ...]  # that a config calls its `model_type`
    table: tuple[Row, ...]
    blank: Callable[[Config], Any]              # config -> model, with zeros for its parameters
    entries: Callable[[Any], dict[str, Any]]    # model -> what stands in its config
    parameters: Callable[[Arrays], Arrays]      # tensors of a file -> those in the table, by their names there
    copies: tuple[tuple[str, str], ...] = ()    # a tensor that some files hold a second time, and of which

    def load(self, path: Path | str, dtype: Any = None) -> Any:
        """Return the model in a folder, or in a file of tensors with its config beside it, in `dtype` if there is one.

        Raises:
            ValueError: the config is of another family or says what no model here does; a tensor is
                missing, left over, of another shape, or neither float32 nor float64 without a `dtype`; a file is
                cut, damaged, or a pickle.
            TypeError: `dtype` is none of a parameter.
        """
        if dtype is not None:
            expect_dtype(f"{self.title}: load", dtype)
        path = Path(path)
        config = folder.config_of(path)
        config.choice("model_type", self.types)
        try:
            blank = self.blank(config)
        except MemoryError as error:
            raise ValueError(f"{config.where}: a model must fit into memory, got {error}") from None
        arrays = self.parameters(folder.tensors_of(path, dtype))
        own = names.of(blank, self.table)
        for copy, of in self.copies:
            if copy not in own:
                arrays = _without_copy(str(path), arrays, copy, of)
        return names.to_here(str(path), blank, self.table, arrays)

    def save(self, model: Any, path: Path | str, special: Mapping[str, Any] | None = None) -> None:
        """Write a model to a folder, or to a file of tensors with its config beside it.

        `special` is more of the config, such as the ids of special tokens, of which a model knows nothing.

        Raises:
            ValueError: the model is none that a config of this family describes, or of a dtype that no file holds.
        """
        path = Path(path)
        folder.write(path, self.describe(model) | dict(special or {}), self.tensors(model))

    def describe(self, model: Any) -> dict[str, Any]:
        """Return the config of a model.

        Raises:
            ValueError: none of this family describes it.
        """
        try:
            entries = self.entries(model)
        except (AttributeError, IndexError, KeyError, TypeError):  # it has not the parts that are asked for
            kind = type(model).__name__
            raise ValueError(f"{self.title}: must be a model of this family, got another {kind}") from None
        names.expect_like(self.title, model, self.blank(Config(self.title, entries)))
        return entries

    def tensors(self, model: Any) -> dict[str, np.ndarray]:
        """Return the parameters of a model, or its gradient's, by their names there and as they lie there."""
        return names.to_there(model, self.table)


def tokens_of(model: Any) -> np.ndarray:
    """Return the table (V, D) of the tokens of a decoder-only model."""
    return model.vocabulary.table if isinstance(model, TiedDecoderOnly) else model.embedding.table


def _without_copy(where: str, arrays: Arrays, copy: str, of: str) -> Arrays:
    if copy in arrays and of in arrays and not np.array_equal(arrays[copy], arrays[of]):
        raise ValueError(f"{where}: '{copy}' must be '{of}' once more, since the config ties the two, got another")
    return {name: array for name, array in arrays.items() if name != copy}
