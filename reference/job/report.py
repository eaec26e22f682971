"""What a run was and what it learned, on one page that can be sent to somebody."""

import base64
import html
import importlib.metadata
import platform
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from reference.core.words import many
from reference.data.tokenizer import shown
from reference.job.display import nats, percent
from reference.scaling.parameters import parameters
from reference.tasks.task import Examples
from reference.training.settings import Run

LONG = 60  # characters of a setting that are shown
PACKAGES = ("backproof", "numpy", "scipy", "safetensors", "matplotlib")
STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse } td, th { padding: .15rem .8rem .15rem 0; text-align: left; vertical-align: top }
th { font-weight: 600; border-bottom: 1px solid #bbb } .n td, .n th { text-align: right; white-space: nowrap }
.n td:first-child, .n th:first-child { text-align: left }
.t td { white-space: pre-wrap }
td.s, .t td { font-family: ui-monospace, monospace }
.right { color: #2a7d3b } .wrong { color: #b3261e; font-weight: 600 }
img { max-width: 100% } .groups { display: flex; flex-wrap: wrap; gap: 0 3rem } .scroll { overflow-x: auto }
"""


def page(
    run: Run,
    records: Sequence[Mapping[str, float]],
    samples: Examples,
    said: np.ndarray,
    pictures: Mapping[str, bytes],
) -> str:
    """Return the page: accuracy, pictures (PNG, by their titles), samples, settings, measures and versions.

    It says nothing of when and where: the same run makes the same page.
    """
    last, modes = records[-1], [("its own output", "held_out"), ("the right tokens", "forced")]
    if run.family.at_once:
        modes = [("the source alone", "held_out")]
    accuracy = [(name, percent(last[f"{key}_tokens"]), percent(last[f"{key}_sequences"])) for name, key in modes]
    judged = table(("the model reads", "tokens right", "sequences right"), accuracy, "n")
    return _whole(run, records, judged, pictures, f"<h2>Samples that were held out</h2>{_samples(run, samples, said)}")


def text_page(
    run: Run, records: Sequence[Mapping[str, Any]], beside: Mapping[str, float], pictures: Mapping[str, bytes]
) -> str:
    """Return the page of a model of text: bits a byte, also of compressors, pictures, samples by step, and the rest."""
    rows = [("the model, held-out text", f"{records[-1]['held_out_bits_a_byte']:.4f}")]
    rows += [(f"{name}, the whole text", f"{bits:.4f}") for name, bits in beside.items()]
    lines = [(f"{record['step']:,}", record["sample"].split("\n")) for record in records]
    samples = [(step, "\n".join(map(shown, text))) for step, text in lines]
    said = f'<h2>Samples by step</h2>{table(("step", "what was said"), samples, "t")}'
    return _whole(run, records, table(("", "bits a byte"), rows, "n"), pictures, said)


def _whole(
    run: Run, records: Sequence[Mapping[str, Any]], judged: str, pictures: Mapping[str, bytes], samples: str
) -> str:
    parts = [
        f"<h1>{html.escape(run.task_name)}: {html.escape(run.task.title)}</h1>",
        _about(run, records[-1]),
        judged,
        *(f"<h2>{html.escape(title)}</h2>{image(title, data)}" for title, data in pictures.items()),
        samples,
        "<h2>Settings</h2>",
        settings(run),
        "<h2>Epoch by epoch</h2>",
        f'<div class="scroll">{_records(records)}</div>',
        "<h2>Versions</h2>",
        versions(),
    ]
    return document(run.task_name, parts)


def document(title: str, parts: Iterable[str]) -> str:
    """Return a whole page of these parts, in which what is no character, as of a file's name, has its number."""
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{STYLE}</style>'
    body = "".join(parts).encode("utf-8", "backslashreplace").decode()
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def versions() -> str:
    """Return what the numbers of a page were made with."""
    return table(("", ""), [("python", platform.python_version()), *((name, _version(name)) for name in PACKAGES)])


def _about(run: Run, last: Mapping[str, float]) -> str:
    model = f"A model of the family <b>{run.family_name}</b> with {parameters(run.model):,} parameters"
    return f"<p>{model} after {many(int(last['step']), 'step')}, judged by {run.task.judges}.</p>"


def table(head: Iterable[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """Return a table of texts; without a head if all of its words are empty."""
    names = list(head)
    first = f"<tr>{''.join(f'<th>{html.escape(name)}</th>' for name in names)}</tr>" if any(names) else ""
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<table class="{kind}">{first}{body}</table>'


def image(title: str, data: bytes) -> str:
    """Return a picture that stands in the page itself."""
    return f'<img alt="{html.escape(title)}" src="data:image/png;base64,{base64.b64encode(data).decode()}">'


def _samples(run: Run, samples: Examples, said: np.ndarray) -> str:
    rows = []
    for source, answer, tokens in zip(samples.source, said, run.task.right(samples, said), strict=True):
        word = "right" if tokens.all() else "wrong"
        cells = map(html.escape, (run.task.source_text(source), run.task.said_text(answer)))
        rows.append(f"<tr>{''.join(f'<td class=s>{cell}</td>' for cell in cells)}<td class={word}>{word}</td></tr>")
    return f"<table><tr><th>source</th><th>said to it</th><th></th></tr>{''.join(rows)}</table>"


def settings(run: Run, without: Iterable[str] = ()) -> str:
    """Return the settings of a run, in three groups, but for those that are named."""
    entries = {name: value for name, value in run.entries().items() if name not in set(without)}
    groups = [["task", *run.task.names()], [], list(run.training.names())]
    groups[1] = [name for name in entries if name not in groups[0] + groups[2]]
    words = {name: _word(value) for name, value in entries.items()}
    kept = ([(name, words[name]) for name in group if name in words] for group in groups)
    tables = "".join(f"<div>{table(('', ''), rows)}</div>" for rows in kept)
    return f'<div class="groups">{tables}</div>'


def _word(value: Any) -> str:
    text = ", ".join(value) if isinstance(value, tuple) else "usual" if value is None else str(value)
    text = text if isinstance(value, tuple | str) else text.lower()
    return text if len(text) <= LONG else f"{text[: LONG - 3]}..."


def _records(records: Sequence[Mapping[str, float]]) -> str:
    names = [name for name in records[-1] if name != "sample"]
    names.sort(key=lambda name: name.startswith("update_"))  # those of many parts behind what is looked at first
    shares = {name for name in names if name.endswith(("tokens", "sequences")) or name == "clipped"}

    def cell(name: str, value: float) -> str:
        if name in shares:
            return percent(value)
        return f"{value:,}" if isinstance(value, int) else nats(value) if "loss" in name else f"{value:.3g}"

    return table([name.replace("_", " ") for name in names], [[cell(n, r[n]) for n in names] for r in records], "n")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
