import numpy as np
import pytest

from reference.job import plots
from reference.tasks.copy import Copy
from reference.tasks.task import Examples
from reference.training import loop

PNG = b"\x89PNG\r\n\x1a\n"


def records(epochs, per_epoch=5):
    keys = ("loss", "held_out_loss", "training_tokens", "held_out_tokens", "held_out_sequences")
    return [{"epoch": e, "step": e * per_epoch, **dict.fromkeys(keys, 1 / e)} for e in range(1, epochs + 1)]


def sample(length=3):
    ids = np.arange(1, length + 1)[None]
    return Examples(source=ids, labels=ids[:, ::-1])


def maps(heads=2, length=3):
    shares = np.full((1, heads, length, length), 1 / length)
    names = ("encoder.blocks[0].attention", "decoder.blocks[0].self_attention", "decoder.blocks[0].cross_attention")
    return {f"body.{name}.inner": shares for name in names}


@pytest.mark.parametrize("epochs", [1, 4])
def test_curves_show_every_step_and_every_epoch(epochs):
    figure = plots.curves(np.linspace(1, 0.1, 5 * epochs), records(epochs), tokens=3)
    left, right = figure.axes
    steps, mean, held_out, guessing = left.lines
    assert steps.get_xdata()[-1] == epochs == held_out.get_xdata()[-1]
    assert len(steps.get_xdata()) == 5 * epochs
    assert mean.get_xdata()[0] == 0.5  # in the middle of what it is the mean of
    np.testing.assert_allclose(guessing.get_ydata(), np.log(3), rtol=1e-15, atol=0)
    assert [len(line.get_xdata()) for line in right.lines[:3]] == [epochs] * 3


@pytest.mark.parametrize("epochs", [1, 4])
def test_curves_of_text_are_over_steps_with_a_line_for_each_compressor(epochs):
    lines = [{**record, "held_out_bits_a_byte": 2.0} for record in records(epochs)]
    left, right = plots.text_curves(np.linspace(3, 1, 5 * epochs), lines, {"gzip": 3.0, "bzip2": 2.5, "xz": 2.75}).axes
    steps, mean, held_out = left.lines
    assert steps.get_xdata()[-1] == held_out.get_xdata()[-1] == 5 * epochs
    assert mean.get_xdata()[0] == 2.5  # in the middle of what it is the mean of
    assert [line.get_label() for line in right.lines] == ["held-out", "gzip", "bzip2", "xz"]
    assert [line.get_ydata()[0] for line in right.lines[1:]] == [3.0, 2.5, 2.75]


def covered(figure):
    """The axes that a legend covers some part of."""
    figure.canvas.draw()
    legends = [axes.get_legend().get_window_extent() for axes in figure.axes if axes.get_legend()]
    assert legends and all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 for box in legends)
    return [axes for axes in figure.axes if any(axes.get_window_extent().overlaps(box) for box in legends)]


def test_no_legend_covers_a_line():
    losses, lines = np.linspace(3, 1, 20), [{**record, "held_out_bits_a_byte": 2.0} for record in records(4)]
    beside = {"gzip": 3.0, "bzip2": 2.5, "xz": 2.75}
    for figure in (plots.curves(losses, records(4), 3), plots.text_curves(losses, lines, beside)):
        assert covered(figure) == []


def test_attention_of_text_names_what_is_read(text):
    run = text()
    passage = loop.data(run)[1][:1]
    shares = {"stack.blocks[0].attention.inner": np.full((1, 1, 8, 8), 1 / 8)}
    (axes, *_) = plots.attention(shares, passage, run.task).axes
    read = [tick.get_text() for tick in axes.get_yticklabels()]
    assert read == [run.task.name_of(int(token)) for token in passage.target[0]] and len(read) == 8


def test_attention_names_no_answer_that_is_not_read():
    shares = {"body.stack.blocks[0].attention.inner": np.full((1, 1, 3, 3), 1 / 3)}
    one = Examples(source=np.array([[1, 2, 3]]), labels=np.array([[0]]))
    (axes, *_) = plots.attention(shares, one, Copy()).axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "2", "3"]


def test_attention_has_a_row_for_each_layer_and_a_column_for_each_head():
    figure = plots.attention(maps(heads=4), sample(), Copy())
    pictures = [axes for axes in figure.axes if axes.images]
    assert len(pictures) == 3 * 4
    titles = [axes.get_title(loc="left") for axes in pictures if axes.get_title(loc="left")]
    assert titles == ["encoder.blocks[0].attention", "decoder.blocks[0].self_attention",
                      "decoder.blocks[0].cross_attention"]


def test_attention_names_the_tokens_that_look_and_those_that_are_looked_at():
    figure = plots.attention(maps(heads=1), sample(), Copy())
    labels = [
        tuple([tick.get_text() for tick in ticks] for ticks in (axes.get_yticklabels(), axes.get_xticklabels()))
        for axes in figure.axes
        if axes.images
    ]
    source, said, heard = ["1", "2", "3"], ["3", "2", "1"], ["start", "3", "2"]
    assert labels == [(source, source), (said, heard), (said, source)]


def test_attention_of_one_stack_names_all_tokens_that_it_reads():
    shares = {"stack.blocks[0].attention.inner": np.full((1, 1, 6, 6), 1 / 6)}
    (axes, *_) = plots.attention(shares, sample(), Copy()).axes
    expected = ["1", "2", "3", "start", "3", "2"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == expected
    assert [tick.get_text() for tick in axes.get_xticklabels()] == expected


@pytest.mark.parametrize(("length", "every"), [(8, 1), (16, 1), (17, 2), (60, 4)])
def test_ticks_are_thinned_until_they_can_be_read(length, every):
    axes = plots.attention(maps(heads=1, length=length), sample(length), Copy()).axes[0]
    for ticks, labels in ((axes.get_xticks(), axes.get_xticklabels()), (axes.get_yticks(), axes.get_yticklabels())):
        assert list(ticks) == list(range(0, length, every))
        assert [label.get_text() for label in labels] == [str(1 + tick) for tick in ticks]
        assert all(label.get_fontsize() >= 5 for label in labels)
    assert axes.get_ylabel() == "source" + (f" (one of {every} named)" if every > 1 else "")


def test_a_figure_is_one_png_with_the_same_bits_each_time():
    first, second = (plots.png(plots.attention(maps(), sample(), Copy())) for _ in range(2))
    assert first.startswith(PNG)
    assert first == second


def test_pictures_need_no_global_state(command):
    done = command(code=("-c", "import sys, reference.job.plots; print('matplotlib.pyplot' in sys.modules)"))
    assert (done.stdout, done.stderr) == ("False\n", "")
