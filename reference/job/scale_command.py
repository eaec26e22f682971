"""The command `scale`: its options, which are those of `train` and the grid, and what it does."""

import argparse
import math
from collections import Counter
from collections.abc import Callable
from typing import Any

from reference.core.words import many
from reference.data.errors import DataError
from reference.job.asked import expect_extras, expect_used
from reference.job.errors import JobError, UsageError
from reference.job.files import OUT
from reference.job.options import add_settings
from reference.job.parser import place
from reference.tasks.learned import Learned
from reference.training.families import Family
from reference.training.grid import DEPTHS, FOLLOW, Cell, cells

AXES = "depths", "data", "compute"
WITHOUT = (*FOLLOW, "keep")  # settings that are no options: a cell keeps no checkpoint
OTHERS = (*AXES, "config", "out", "workers", "dask", "mpi")  # options that are no settings


def add_scale(kinds: Any, task: type[Learned], family: Family) -> None:
    """Add the command to the others."""
    scale = kinds.add_parser("scale", help="train a grid of models, and say how the loss falls with size", description=(
        "Train a model of every depth on every amount of data, fit how the loss falls with parameters and tokens, and "
        "predict the largest cell from the others. A cell is done when its log is there: after an interruption the "
        "same command goes on, and a larger grid in the same folder trains what is new. Depth d has d blocks, width "
        "32 d, d heads, a hidden width of 128 d and a rate that falls as 1 / d; one of these that is given holds for "
        "all cells."))
    scale.add_argument("task", nargs="?", metavar="TASK", help="what is learned, as with --task")
    scale.add_argument("files", nargs="*", metavar="FILE", help="what to learn it from, as for train")
    scale.add_argument("--depths", type=_several(int), metavar="N,N,...", help=(
        f"blocks of the models (default: {','.join(map(str, DEPTHS))})"))
    scale.add_argument("--data", type=_several(int), metavar="N,N,...", help=(
        "sequences to train on, one epoch of them unless --epochs says more, or passages of a text (default: an "
        "eighth, a quarter, half and all of 8000, or of as many as the task has; of text of 24000)"))
    scale.add_argument("--compute", type=_several(float), metavar="X,X,...", help=(
        "flops of a training, from which the data of each depth follow: beside --data, or in their place"))
    scale.add_argument("--config", type=place, metavar="FILE", help="settings in TOML, as for train")
    scale.add_argument("--out", type=place, metavar="FOLDER", help=(
        f"folder for the logs of the cells, a table, pictures and a report (default: {OUT.parent}/scale- and the "
        f"name of the task)"))
    spread = scale.add_mutually_exclusive_group()
    spread.add_argument("--workers", type=int, metavar="N", help=(
        "processes that train a cell each, to the same bits whatever their number; -1 for one on each core "
        "(default: 1, this one)"))
    spread.add_argument("--dask", metavar="ADDRESS", help="train them on the Dask cluster of this scheduler")
    spread.add_argument("--mpi", action="store_true", help=(
        "train them by MPI: mpiexec -n 5 python -m mpi4py.futures -m reference scale --mpi"))
    add_settings(scale, task, family, WITHOUT)
    scale.set_defaults(work=scale_up, name=scale.prog)


def _several(kind: Callable[[str], Any]) -> Callable[[str], tuple]:
    """Return what reads numbers with commas between."""
    what, example = ("whole numbers of at least 1", "1,2,4") if kind is int else ("numbers above 0", "1e9,4e9")

    def read(text: str) -> tuple:
        wrong = argparse.ArgumentTypeError(f"must be {what}, such as {example}, got {text[:60]!r}")
        try:
            numbers = tuple(kind(word) for word in text.split(","))
        except ValueError:
            raise wrong from None
        if not all(0 < number < math.inf for number in numbers):
            raise wrong
        number, times = Counter(numbers).most_common(1)[0]
        if times > 1:
            raise argparse.ArgumentTypeError(f"must be different numbers, got {number:,} more than once")
        return numbers

    return read


def scale_up(given: dict[str, Any]) -> int:
    """Train the grid, and say what came of it."""
    spread: dict[str, Any] = {name: given.pop(name) for name in ("workers", "dask", "mpi") if name in given}
    expect_extras("rich", "matplotlib", "safetensors", *(["distributed"] if "dask" in spread else []))
    task = given.get("task", OUT.name)
    out = given.pop("out", OUT.with_name(f"scale-{task}"))
    axes = {name: given.pop(name) for name in AXES if name in given}
    grid = _cells(given, axes)
    from reference.job import clusters  # with all that draws, which takes longer than to refuse what cannot be done
    from reference.job.display import console
    from reference.job.grid_folder import GridFolder
    from reference.job.scale import carry_out, expect_room

    folder = GridFolder(out)
    expect_room(grid, spread.get("workers", 1))
    folder.expect_writable(folder.cells)
    screen = console()
    flops = sum(cell.flops for cell in grid)
    with clusters.workers(spread, "scale") as workers:
        screen.print(f"{task}: {many(len(grid), 'cell')}, {flops:.3g} flops in all\n", soft_wrap=True)
        carry_out(grid, folder, screen, workers)
    return 0


def _cells(given: dict[str, Any], axes: dict[str, Any]) -> list[Cell]:
    for name in FOLLOW:
        if name in given:
            raise UsageError(f"{name} must follow from --depths, --data or --compute, got {name} {given[name]}")
    try:
        grid = cells(given, **axes)
    except DataError as error:
        raise JobError(str(error)) from None
    except (TypeError, ValueError) as error:
        raise UsageError(str(error).partition(": ")[2]) from None
    expect_used(given, grid[0].run)
    return grid
