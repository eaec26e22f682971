"""The reference on a card: every example as on the processor, twice to the same bits, and runs that go on elsewhere.

    python tests/device/check_reference.py [strict]

It takes a session with a card that CuPy can use; `strict` takes arrays that are as strict as a card's, on the
processor, to try the script itself.  An example is compared array by array, in float32 and float64, with a bound of
ROUNDINGS of the dtype's spacing times the largest entry of all of its arrays: one that is zero but for rounding, as the
gradient of a key's bias, has none of its own.  The exit status is 1 where something is another than it
should be, 2 where there is no card.
"""

import io
import sys
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
import dispatched

from reference.core import tree
from reference.core.arrays import is_array
from reference.job import catalogue, run
from reference.job.files import Folder
from reference.training import checkpoint, devices
from reference.training.errors import RunError
from reference.training.settings import Run
from reference.training.state import begin

ROUNDINGS = 64
TINY = {"training": 64, "held-out": 32, "width": 16, "heads": 2, "hidden": 16, "schedule": "constant"}


def strict():
    import strict

    return devices.Device(there=strict.there, back=strict.home)


def arrays(node, put=lambda array: array):
    """Return all arrays and numbers in layers and tuples, each as `put` makes it."""
    if isinstance(node, tuple):
        return [array for entry in node for array in arrays(entry, put)]
    if tree.is_layer(node):
        return [array for _, leaf in tree.leaves(node) for array in arrays(leaf, put)]
    return [put(node)] if is_array(node) or isinstance(node, np.generic) else []


def moved(value, put):
    """Return layers, tuples, dictionaries and arrays with every array where `put` puts it, and all else as it is."""
    if isinstance(value, dict):
        return {name: moved(entry, put) for name, entry in value.items()}
    if isinstance(value, tuple):
        return tuple(moved(entry, put) for entry in value)
    if tree.is_layer(value):
        return tree.map(put, value)
    return put(value) if isinstance(value, np.ndarray) else value


def computed(example, dtype, device):
    """Return outputs and gradients of an example on a device, as arrays of NumPy's, for one dy of the host's."""
    cast = lambda array: device.there(array.astype(dtype) if array.dtype.kind == "f" else array)  # noqa: E731
    y, pullback, dy = dispatched.run(example, lambda node: moved(node, cast))
    home = lambda array: np.asarray(device.back(array))  # noqa: E731
    return arrays(y, home) + arrays(pullback(dy), home)


def examples(device):
    """Yield what is another on the device, or from one run to the next."""
    for example in catalogue.examples():
        for dtype in (np.float32, np.float64):
            here, name = computed(example, dtype, devices.HOST), f"{example.module}: {example.name}, {dtype.__name__}"
            try:
                there, again = (computed(example, dtype, device) for _ in range(2))
            except Exception as error:  # told, and the rest is still compared
                yield f"{name}: {type(error).__name__}: {error}"
                continue
            if len(here) != len(there):
                yield f"{name}: {len(there)} arrays for {len(here)}"
            largest = max((np.abs(a).max(initial=0) for a in here if np.isfinite(a).all()), default=0)
            bound = ROUNDINGS * np.finfo(dtype).eps * largest
            for a, b, c in zip(here, there, again, strict=False):
                if (a.shape, a.dtype) != (b.shape, b.dtype) or not np.abs(a - b).max(initial=0) <= bound:
                    yield f"{name}: {b.dtype} {b.shape} off by {np.abs(a - b).max(initial=0):.1e}, bound {bound:.1e}"
                if b.tobytes() != c.tobytes():
                    yield f"{name}: two runs differ"


def exchanged(device):
    """Yield what goes wrong where a run is begun on one side and goes on on the other."""
    for first, second in ((devices.HOST, device), (device, devices.HOST)):
        with tempfile.TemporaryDirectory() as path:
            folder, console = Folder(Path(path)), Console(file=io.StringIO(), width=80)
            settings = Run.of(TINY | {"epochs": 1})
            run.carry_out(settings, begin(settings), folder, console, first)
            _, state = checkpoint.load(folder.checkpoint)
            longer = Run.of(TINY | {"epochs": 2})
            end = run.carry_out(longer, state, folder, console, second)
            if end.step != longer.steps or not np.isfinite(end.losses).all():
                yield f"a run from {first} to {second} ends at step {end.step} of {longer.steps}"


def main(words):
    try:
        device = strict() if words == ["strict"] else devices.find("gpu")
    except RunError as error:
        print(f"{error}: nothing was checked", file=sys.stderr)
        return 2
    wrong = 0
    for check in (examples, exchanged):
        for line in check(device):
            wrong += 1
            print(line)
        print(f"{check.__name__}: {'done' if not wrong else f'{wrong} wrong'}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
