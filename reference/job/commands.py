"""What each command does, and that nothing is begun which cannot be done.

The extras (rich, matplotlib, safetensors) are imported by the command that needs them.
"""

import webbrowser
from typing import Any

from reference.core.words import many
from reference.data.errors import DataError
from reference.job.asked import expect_extras, expect_used, expect_vocabulary_used, whole
from reference.job.errors import JobError, UsageError
from reference.job.files import DATA, OUT, Folder
from reference.job.process import workers
from reference.tasks.text import Text
from reference.training import devices
from reference.training.room import shortage
from reference.training.settings import Run
from reference.training.state import State, begin

Given = dict[str, Any]  # the options that stood on the command line


def everything(given: Given) -> int:
    """Verify and, if every backward pass is proved, train."""
    expect_extras("rich", "matplotlib", "safetensors")
    Folder(OUT).expect_writable()
    if verify(given):
        raise JobError("nothing is trained before every backward pass is proved")
    return train(given)


def verify(given: Given) -> int:
    exact, accuracy, order = given.get("exact", False), given.get("accuracy", False), given.get("order", 1)
    expect_extras("rich", *(["flint"] if exact else []))
    from reference.job import catalogue

    if accuracy and not exact:
        raise UsageError("accuracy must come with exact, got accuracy alone")
    if exact and order != 1:
        raise UsageError(f"order must be 1 with exact, got {order}")
    seed, names = whole("seed", given.get("seed", 0), 0), given.get("names", ())
    names = catalogue.find(names) if names else []
    with workers("reference.job.verify") as mapper:
        from reference.job.display import console
        from reference.job.proofs import show_proofs
        from reference.job.table import show_verdicts

        if exact:
            return 0 if show_proofs(console(), seed, mapper, names, accuracy) else 1
        return 0 if show_verdicts(console(), seed, mapper, names, order) else 1


def train(given: Given) -> int:
    events = given.pop("tensorboard", False)
    spread: Given = {name: given.pop(name) for name in ("workers", "threads", "dask", "mpi") if name in given}
    extras = (["tensorboardX"] if events else []) + (["distributed"] if "dask" in spread else [])
    expect_extras("rich", "matplotlib", "safetensors", *extras)
    if given.get("device") == "gpu" and spread:
        raise UsageError(f"device gpu must come without {next(iter(spread))}, got both")
    device = devices.find(given.pop("device", "cpu"))
    folder = Folder(given.pop("out", OUT.with_name(given.get("task", OUT.name))))
    folders = (folder.events,) if events else ()
    if given.pop("resume", False):
        run, state = _resumed(folder, given)
        folder.expect_writable(*folders)
    else:
        run = _run(given)
        expect_used(given, run)
        folder.expect_writable(*folders)
        state = begin(run)
    from reference.job import clusters  # with all that draws, which takes longer than to refuse what cannot be done
    from reference.job.display import console
    from reference.job.run import carry_out

    with clusters.workers(spread) as workers:
        if workers != 1 and run.training.shards == 1:
            console().print("a batch has one shard, which one worker computes: --shards 8 has work for eight\n")
        carry_out(run, state, folder, console(), device, events, workers)
    return 0


def prepare(given: Given) -> int:
    expect_extras("rich")
    from reference.job.display import console
    from reference.job.prepare import prepare

    try:
        word, vocabulary = given.get("tokenizer", Text.tokenizer), given.get("vocabulary", Text.vocabulary)
        expect_vocabulary_used(given, word)
        prepare(given.get("files", []), given.get("out", DATA), word, vocabulary, console())
    except DataError as error:
        raise JobError(str(error)) from None
    return 0


def _run(given: Given) -> Run:
    try:
        run = Run.of(given)
    except DataError as error:
        raise JobError(str(error)) from None
    except (TypeError, ValueError) as error:
        raise UsageError(str(error).partition(": ")[2]) from None  # which settings they are says the name
    if (text := shortage(run)) is not None:
        raise UsageError(text)
    return run


def _resumed(folder: Folder, given: Given) -> tuple[Run, State]:
    """Load the run; of its settings only the number of epochs can grow, and only where no rate depends on it.

    With it grow the steps of text, so that an epoch has as many as before.  Files may stand elsewhere by now: that they
    hold the same is seen when they are read.
    """
    from reference.training.checkpoint import load

    run, state = load(folder.checkpoint)
    there = run.entries()
    for name, value in given.items():
        if name == "files" and name in there:
            continue
        here = there.get(name)
        grows = name == "epochs" or (name == "steps" and run.task.goes_on)
        if value != here and not (grows and run.training.schedule == "constant" and value > here):
            raise UsageError(f"{name} must be {here} as in {folder.checkpoint}, got {value}")
    longer = _run({**there, **given})
    if longer.steps_per_epoch != run.steps_per_epoch:
        was = f"{many(run.steps_per_epoch, 'step')} as in {folder.checkpoint}"
        raise UsageError(f"an epoch must have {was}, got {longer.steps_per_epoch:,}: steps and epochs grow together")
    return longer, state


def generate(given: Given) -> int:
    from reference.job import generate

    return generate.generate(given)


def convert(given: Given) -> int:
    from reference.job import published

    published.convert(given["source"], given["out"], given.get("dtype"))
    return 0


def spec(given: Given) -> int:
    from reference.job import cite
    from reference.job import spec as pages

    name = given["page"]
    if given.get("open"):
        webbrowser.open(address := cite.address(name))
        print(address)
    elif given.get("cite"):
        print(cite.bibtex(name))
    else:
        print(pages.verdicts(name) if given.get("prove") else pages.page(name))
    return 0
