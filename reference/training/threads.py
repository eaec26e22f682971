"""The shards of a batch in threads of this process: products of matrices let go of Python's lock.

Nothing is sent anywhere, so it pays where a step takes a hundredth of a second.  BLAS should have one thread in each,
as a command sees to: a product that BLAS splits itself is rounded by how many it may use.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

MOST = 1024


@dataclasses.dataclass(frozen=True)
class Threads:
    """So many threads, in place of the number of processes that `train` takes as its workers.

    Raises:
        TypeError: the number is not whole.
        ValueError: it is below 1 or above 1,024.
    """

    count: int

    def __post_init__(self) -> None:
        if isinstance(self.count, bool) or not isinstance(self.count, int):
            raise TypeError(f"train: threads must be a whole number, got {type(self.count).__name__}")
        if not 1 <= self.count <= MOST:
            got = f"{self.count:,}" if abs(self.count) < 10**9 else "a number of more than nine digits"
            raise ValueError(f"train: threads must lie in [1, {MOST:,}], got {got}")

    @contextlib.contextmanager
    def mapping(self) -> Iterator[Callable[[Callable, list], list]]:
        """Yield `mapper(function, tasks) -> list`, the results in the order of the tasks."""
        with ThreadPoolExecutor(self.count) as pool:

            def mapper(function: Callable, tasks: list) -> list:
                def quietly(task: Any) -> Any:
                    with np.errstate(all="ignore"):  # of each thread its own; `train` looks at each loss
                        return function(task)

                return list(pool.map(quietly, tasks))

            yield mapper
