import io
import re

import pytest
from rich.console import Console
from rich.live import Live

from reference.job.boards import TrainingBoard, bar
from reference.training import loop
from reference.training.state import begin


def console(terminal):
    return Console(file=io.StringIO(), width=80, highlight=False, markup=False, force_terminal=terminal)


@pytest.fixture
def shown(tiny, trained):
    """shown(terminal, start=0): what a board shows of a whole run from that step on."""

    def shown(terminal, start=0):
        settings = tiny()
        state = trained(settings, start) if start else begin(settings)
        out = console(terminal)
        with TrainingBoard(out, settings, state) as board:
            for later in loop.train(settings, state, *loop.data(settings)):
                if later.step % settings.steps_per_epoch == 0:
                    board.epoch(later.records[-1])
                board.accuracy(0.5)
                board.step(later)
        return out.file.getvalue(), board.live

    return shown


def test_outside_a_terminal_there_is_a_line_for_each_epoch_and_nothing_else(shown):
    text, live = shown(terminal=False)
    assert not live
    assert "\x1b" not in text
    assert "\r" not in text
    lines = text.splitlines()
    assert lines[1].split() == ["epoch", "loss", "tokens", "loss", "tokens", "sequences"]
    assert [line.split()[0] for line in lines[2:]] == ["1", "2"]
    assert len({len(line) for line in lines[1:]}) == 1


def test_of_text_there_is_a_line_for_each_epoch_with_bits_a_byte_and_the_beginning_of_a_sample(text, trained):
    run, out = text(), console(False)
    with TrainingBoard(out, run, trained(run)):
        pass
    head, first, sample, second, _ = out.file.getvalue().splitlines()
    assert head.split() == ["epoch", "step", "training", "held-out", "bits", "a", "byte"]
    assert [line.split()[:2] for line in (first, second)] == [["1", "2"], ["2", "4"]]
    assert len(head) == len(first) == len(second)
    assert sample.startswith("      ") and len(sample) <= 80


def test_in_a_terminal_a_bar_shows_loss_and_accuracy_of_the_moment(shown):
    text, live = shown(terminal=True)
    assert live
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    assert re.search(r"epoch 2/2 .* 6/6 loss \d\.\d{4}  tokens 50\.00 %", plain)
    assert [line.split()[0] for line in plain.splitlines() if re.match(r"\s+[12] .*%", line)] == ["1", "2"]


def test_ctrl_c_while_the_bar_begins_gives_the_cursor_back(monkeypatch):
    out, refresh = console(True), Live.refresh

    def interrupted(live):
        monkeypatch.setattr(Live, "refresh", refresh)
        raise KeyboardInterrupt

    monkeypatch.setattr(Live, "refresh", interrupted)
    with pytest.raises(KeyboardInterrupt), bar(out):
        pass
    assert out.file.getvalue().startswith("\x1b[?25l")
    assert "\x1b[?25h" in out.file.getvalue()


def test_columns_do_not_run_into_each_other_however_large_a_loss_is(tiny):
    out = console(False)
    keys = ("training_tokens", "held_out_tokens", "held_out_sequences")
    with TrainingBoard(out, tiny(), begin(tiny())) as board:
        for epoch, loss in ((1, 0.5), (99, 999.99999), (10_000, 3.4e38)):
            board.epoch({"epoch": epoch, "loss": loss, "held_out_loss": loss, **dict.fromkeys(keys, 1.0)})
    rows = [line.split() for line in out.file.getvalue().splitlines()[2:]]
    assert [row[:2] for row in rows] == [["1", "0.5000"], ["99", "1.00e+03"], ["10000", "3.40e+38"]]
    assert len({len(line) for line in out.file.getvalue().splitlines()[1:]}) == 1


def test_a_run_that_goes_on_shows_the_epochs_before(shown):
    assert shown(terminal=False, start=4) == shown(terminal=False)
