"""The version of the distribution that holds this package."""

from importlib.metadata import PackageNotFoundError, version


def found() -> str:
    try:
        return version("backproof")
    except PackageNotFoundError:
        return "0+checkout"  # not installed; a version by the rules for versions, as tools expect


__version__ = found()
