"""The command line: its options, and one line instead of a traceback for whatever the user can mend."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reference.job import commands, prompted, scale_command, unread
from reference.job.errors import UsageError
from reference.job.files import DATA, OUT, Folder
from reference.job.options import OTHERS, add_settings, kind_of, named, unknown_option
from reference.job.parser import Parser, place
from reference.tasks import task as tasks
from reference.tasks.learned import Learned
from reference.tasks.text import Text
from reference.training.devices import DEVICES
from reference.training.errors import RunError
from reference.training.families import FAMILIES, Family

ABOUT = """\
A Transformer in NumPy whose every backward pass is derived on paper, written by
hand and proved against numbers before anything is trained.

Without a command: verify, then train on the copy task, as one job."""

def parser(task: type[Learned], family: Family) -> Parser:
    """Return what reads the command line; the options of `train` are those of the task and the family."""
    main = Parser(
        prog="python -m reference",
        usage="%(prog)s [-h] [COMMAND ...]",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    main.set_defaults(work=commands.everything, name=main.prog)
    kinds = main.add_subparsers(title="commands", metavar="COMMAND", prog=main.prog)

    verify = kinds.add_parser("verify", help="prove every backward pass", description=(
        "Check every backward pass against numeric derivatives and print a table of the verdicts. "
        "The exit status is 1 if any is not 'pass'."))
    verify.add_argument("names", nargs="*", metavar="NAME", help=(
        "a layer, function, loss or model to prove, such as layernorm or layers.layernorm (default: all)"))
    verify.add_argument("--seed", type=int, metavar="N", help="of the inputs and of the checker (default: 0)")
    verify.add_argument("--order", type=int, choices=(1, 2), help=(
        "with 2 also the derivative of every backward pass, by its differences: that it is symmetric, and is there "
        "(default: 1)"))
    verify.add_argument("--exact", action="store_true", help=(
        "prove it on balls instead, without roundings: pullback against forward pass, to 50 digits and more"))
    verify.add_argument("--accuracy", action="store_true", help=(
        "with --exact also what float64 and float32 lose of every gradient, in units in the last place"))
    verify.set_defaults(work=commands.verify, name=verify.prog)

    train = kinds.add_parser("train", help="train a model on a task", description=(
        "Train a Transformer on a task, the copy task unless another is named, and judge it by what it never saw. "
        "The options are those of the task and of the family of models that are named: 'train text --help'."))
    train.add_argument("task", nargs="?", metavar="TASK", help="what is learned, as with --task")
    train.add_argument("files", nargs="*", metavar="FILE", help=(
        "what to learn it from: text for text (or a folder of 'prepare'), a table for classify and for pairs"))
    train.add_argument("--config", type=place, metavar="FILE", help=(
        "settings in TOML, one 'name = value' a line, named as the options below, which override it"))
    train.add_argument("--out", type=place, metavar="FOLDER", help=(
        f"folder for checkpoints, metrics, pictures and a report; an earlier run in it stays until this one has a "
        f"checkpoint (default: {OUT.parent}/ and the name of the task)"))
    train.add_argument("--resume", action="store_true", help=(
        "go on with the run in the folder, with its settings and to the same bits"))
    train.add_argument("--tensorboard", action="store_true", help=(
        "also write the metrics of each epoch as event files, to the folder 'events' in it"))
    train.add_argument("--device", choices=DEVICES, help=(
        "where to compute; a checkpoint of one goes on on the other, to other last bits (default: cpu)"))
    train.add_argument("--threads", type=int, metavar="N", help=(
        "threads that compute the shards of a batch, to the same bits: --shards 2 --threads 2 for two cores"))
    spread = train.add_mutually_exclusive_group()
    spread.add_argument("--workers", type=int, metavar="N", help=(
        "processes that compute the shards of a batch, to the same bits whatever their number; -1 for one on each "
        "core (default: 1, this one)"))
    spread.add_argument("--dask", metavar="ADDRESS", help="compute them on the Dask cluster of this scheduler")
    spread.add_argument("--mpi", action="store_true", help=(
        "compute them by MPI: mpiexec -n 5 python -m mpi4py.futures -m reference train --mpi"))
    add_settings(train, task, family)
    train.set_defaults(work=commands.train, name=train.prog)

    prepare = kinds.add_parser("prepare", help="write text as files of tokens", description=(
        "Write the text of files as tokens to a folder, from which 'train text FOLDER' reads what it needs, however "
        "much there is; the last tenth of each file is held out."))
    prepare.add_argument("files", nargs="*", type=place, metavar="FILE", help=(
        "of text (default: the derivations of this package)"))
    prepare.add_argument("--out", type=place, metavar="FOLDER", help=f"where to write (default: {DATA})")
    prepare.add_argument("--tokenizer", metavar="WORD", help=f"{Text.texts['tokenizer']} (default: {Text.tokenizer})")
    prepare.add_argument("--vocabulary", type=int, metavar="N", help=(
        f"{Text.texts['vocabulary']} (default: {Text.vocabulary})"))
    prepare.set_defaults(work=commands.prepare, name=prepare.prog)

    scale_command.add_scale(kinds, task, family)

    generate = kinds.add_parser("generate", help="let a trained model speak", description=(
        "Print what a trained model says to the given sequences, or to some that it never saw."))
    generate.add_argument("symbols", nargs="*", metavar="SYMBOL", help=(
        "a sequence to read, such as 3 1 2 2; a / begins another (default: some that were held out)"))
    generate.add_argument("--checkpoint", type=place, metavar="FILE", help=(
        f"what 'train' wrote (default: {Folder(OUT).checkpoint})"))
    generate.add_argument("--count", type=int, metavar="N", help="number of held-out sequences (default: 5)")
    generate.add_argument("--seed", type=int, metavar="N", help=(
        "of the choice among them, and of what is drawn behind a prompt (default: 0)"))
    generate.add_argument("--model", type=place, metavar="FOLDER", help=(
        "published weights in place of a checkpoint, with a prompt in place of symbols"))
    prompted.add_options(generate)
    generate.set_defaults(work=commands.generate, name=generate.prog)

    convert = kinds.add_parser("convert", help="write a model in a published layout", description=(
        "Read a checkpoint of 'train', or published weights, and write them as a folder with a config.json and a "
        "model.safetensors, and the tokenizer where there is one."))
    convert.add_argument("source", type=place, metavar="MODEL", help="a checkpoint, or a folder of published weights")
    convert.add_argument("out", type=place, metavar="FOLDER", help="where to write")
    convert.add_argument("--dtype", choices=("float16", "float32", "float64"), help="in which (default: as it is)")
    convert.set_defaults(work=commands.convert, name=convert.prog)

    spec = kinds.add_parser("spec", help="read a derivation", description=(
        "Print a page of the derivations, or with --prove what is known of its equations: that each is what the code "
        "computes, and that the backward pass is the transpose of the derivative of the forward pass."))
    spec.add_argument("page", metavar="NAME", help=(
        "a page, such as layernorm or layers.layernorm; with --cite and --open also an equation, such as layernorm.9"))
    instead = spec.add_mutually_exclusive_group()
    instead.add_argument("--prove", action="store_true", help="the verdicts in place of the page")
    instead.add_argument("--cite", action="store_true", help="the BibTeX entry in place of the page")
    instead.add_argument("--open", action="store_true", help="in a browser, on the site that tox -e docs made")
    spec.set_defaults(work=commands.spec, name=spec.prog)
    return main


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    words = sys.argv[1:] if argv is None else list(argv)
    training = words[:1] in (["train"], ["scale"])
    name = f"python -m reference {words[0]}" if training else "python -m reference"
    try:
        task, family, found = tasks.find("copy"), FAMILIES["encoder-decoder"], dict[str, Any]()
        others, without = OTHERS, tuple[str, ...]()
        if training:
            names, rest = named(words[1:])
            words = [words[0], *rest]
            if words[0] == "scale":
                others, without = scale_command.OTHERS, scale_command.WITHOUT
            task, family, found = kind_of(rest, names, others)
        reader = parser(task, family)
        parsed, unknown = reader.parse_known_args(words)
        if unknown and training:
            raise UsageError(unknown_option(unknown[0], task, family, others, without))
        if unknown:
            reader.error(f"unrecognized arguments: {' '.join(unknown)}")
        given = vars(parsed)
        work, name = given.pop("work"), given.pop("name")
        given.pop("config", None)
        status = work({**found, **given})
        return status if unread.is_read() else unread.STATUS
    except SystemExit:  # of help
        if not unread.is_read():
            return unread.STATUS
        raise
    except BrokenPipeError:
        unread.give_up()
        return unread.STATUS
    except RunError as error:
        return _say(name, str(error), error.status)
    except OSError as error:
        return _say(name, _told(error), 1)
    except MemoryError as error:
        return _say(name, f"not enough memory ({error})", 1)
    except KeyboardInterrupt as interrupt:
        return _say(name, str(interrupt) or "interrupted", 130)


def _told(error: OSError) -> str:
    """Return what an error says, and of which file: the folder from which one works may be gone."""
    where = error.filename
    if where is None:
        try:
            Path.cwd()
        except OSError:
            where = "the current folder"
    said = error.strerror or str(error)
    return said if where is None else f"{where}: {said}"


def _say(name: str, text: str, status: int) -> int:
    print(f"{name}: {' '.join(text.split())}", file=sys.stderr)
    return status
