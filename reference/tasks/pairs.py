"""Pairs of texts: say the second where the first is read, as a translator does."""

from typing import ClassVar

import numpy as np

from reference.tasks.columns import END, Columns


class Pairs(Columns):
    """An answer ends with a token of its own, unless it is cut."""

    title: ClassVar = "to say the second column of a table where the first is read"
    families: ClassVar = ("encoder-decoder",)
    usual: ClassVar = {"batch": 32, "epochs": 20}

    def answer_ids(self, text: str) -> np.ndarray:
        return np.append(self.ids(text), END)[: self.longest]

    def said_text(self, ids: np.ndarray) -> str:
        said = ids.tolist()
        return self._text(said[: said.index(END)] if END in said else said)
