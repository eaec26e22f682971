"""All families: a folder is read by the one that its config names, a model is written by the one that knows it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reference.published import folder
from reference.published.bert import BERT
from reference.published.gemma import GEMMA, GEMMA_2
from reference.published.gpt2 import GPT2
from reference.published.llama import LLAMA
from reference.published.marian import MARIAN
from reference.published.t5 import T5

FAMILIES = (GPT2, LLAMA, BERT, MARIAN, T5, GEMMA, GEMMA_2)
KNOWN = {kind: family for family in FAMILIES for kind in family.types}


def load(path: Path | str, dtype: Any = None) -> Any:
    """Return the model in a folder, or in a file of tensors with its config beside it, in `dtype` if there is one.

    Raises:
        ValueError: the config names no known family, or as `Family.load` does.
        TypeError: as `Family.load` does.
    """
    kind = folder.config_of(Path(path)).choice("model_type", KNOWN)
    return KNOWN[kind].load(path, dtype)


def save(model: Any, path: Path | str, special: Mapping[str, Any] | None = None) -> None:
    """Write a model to a folder, or to a file of tensors with its config beside it; `special` as for `Family.save`.

    Raises:
        ValueError: no config of a known family describes the model; the message says why of each.
    """
    why = []
    for family in FAMILIES:
        try:
            family.describe(model)
        except ValueError as error:
            why.append(str(error))
        else:
            return family.save(model, path, special)
    raise ValueError("; ".join(why))
