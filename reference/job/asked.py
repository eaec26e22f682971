"""What a command is asked for, and what it needs for that."""

import importlib.util

from reference.job.errors import JobError, UsageError

ELSEWHERE = {  # modules whose package has another name than theirs, or another extra than the usual one
    "distributed": ("dask[distributed]", "dask"),
    "flint": ("python-flint", "exact"),
    "tensorboardX": ("tensorboardX", "tensorboard"),
}


def whole(name: str, value: int, least: int) -> int:
    """Return a whole number; UsageError where it is less than `least`."""
    if value < least:
        raise UsageError(f"{name} must be a whole number of at least {least}, got {value}")
    return value


def expect_extras(*names: str) -> None:
    """Raise JobError, which says what to install, unless the modules of these names are there."""
    missing: dict[str, list[str]] = {}
    for name in names:
        if importlib.util.find_spec(name) is None:
            package, extra = ELSEWHERE.get(name, (name, "train"))
            missing.setdefault(extra, []).append(package)
    for extra, packages in missing.items():
        raise JobError(f"{' and '.join(packages)} must be installed: pip install 'backproof[{extra}]'")
