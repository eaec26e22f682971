"""`python -m reference`: verify every backward pass, then train; see `--help`."""

import sys


def start() -> int:
    try:
        from reference.training import process

        process.settle()
        from reference.job.cli import main  # NumPy comes with it: after the settings, which it reads once

        return main()
    except KeyboardInterrupt:  # while modules are still being loaded
        print("python -m reference: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(start())
