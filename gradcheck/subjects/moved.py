"""Where the checker had moved the inputs when the user's code raised an error there."""

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gradcheck.subjects.adapted import Leaf


class told:  # noqa: N801  (a context, written as a class because it is entered for every evaluation)
    """Add to an error of the user's that the point was chosen by the checker, and how far it is from the given one."""

    def __init__(self, leaves: Sequence["Leaf"], arrays: Sequence[np.ndarray]):
        self.leaves, self.arrays = leaves, arrays

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, Exception) and not str(error).startswith("gradcheck: "):
            moves = [move for leaf, x in zip(self.leaves, self.arrays, strict=False) if (move := _move(leaf, x))]
            if moves:
                error.add_note(f"gradcheck: at a point that the checker chose: it moved {'; '.join(moves)}")


def _move(leaf: "Leaf", x: np.ndarray) -> str:
    """Return which entry of an array was moved most, from what and to what; nothing if none was."""
    if x.shape != leaf.value.shape:
        return ""
    with np.errstate(all="ignore"):
        away = np.nan_to_num(np.abs(x - leaf.value), nan=np.inf)
    if not away.any():
        return ""
    worst = np.unravel_index(int(np.argmax(away)), away.shape)
    at = f"[{', '.join(str(int(i)) for i in worst)}]" if worst else ""
    others = int(np.count_nonzero(away)) - 1
    more = f" (and {others} more entries)" if others else ""
    return f"{leaf.name}{at} from {leaf.value[worst]!s} to {x[worst]!s}{more}"
