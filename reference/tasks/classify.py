"""Classes of texts: say the word in the second column where the first is read."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from reference.data.errors import DataError
from reference.tasks.columns import Columns
from reference.tasks.task import START


class Classify(Columns):
    """Before each text stands a start token, of which the model says the class."""

    classes: tuple[str, ...] = ("",)

    title: ClassVar = "to say to which class in the second column of a table the text in the first belongs"
    families: ClassVar = ("classifier",)
    follow: ClassVar = (*Columns.follow, "classes")
    usual: ClassVar = {"batch": 32, "norm": "pre", "schedule": "cosine", "rate": 1e-3}

    @classmethod
    def known(cls, path: Path, found: Iterable[tuple[str, str]]) -> dict[str, Any]:
        classes = tuple(sorted({answer for _, answer in found}))
        if len(classes) < 2:
            raise DataError(f"{path}: must have two different classes in its second column, got {len(classes)}")
        return {"classes": classes}

    @property
    def choices(self) -> int:
        return len(self.classes)

    def source_ids(self, text: str) -> np.ndarray:
        return np.insert(self.ids(text), 0, START)[: self.longest]

    def answer_ids(self, text: str) -> np.ndarray:
        return np.array([self.classes.index(text)])

    def said_text(self, ids: np.ndarray) -> str:
        return self.classes[int(ids[0])]
