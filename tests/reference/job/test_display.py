import io

import numpy as np
import pytest
from rich.console import Console

from reference.job import display
from reference.tasks.columns import Padded
from reference.tasks.copy import Copy
from reference.tasks.task import Examples


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=80, highlight=False, markup=False)


def shown(console):
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("share", "text"),
    [(1.0, "100.00 %"), (0.0, "0.00 %"), (7999 / 8000, "99.98 %"), (0.29, "29.00 %"), (1 / 3, "33.33 %")],
)
def test_a_hundred_per_cent_means_all_of_them(share, text):
    assert display.percent(share) == text


def test_bits_a_byte_stand_beside_those_of_compressors(console, text):
    record = {"held_out_loss": 1.5, "held_out_bits_a_byte": 2.16404}
    display.show_bits(console, text(), record, {"gzip": 2.5, "xz": 2.25})
    assert shown(console) == (
        "\nheld-out: 3 passages kept out of training, 1.5000 nats a token\n"
        "              bits a byte\n"
        "the model          2.1640\n"
        "gzip               2.5000\n"
        "xz                 2.2500\n"
    )


def test_a_sample_is_shown_on_one_line():
    assert display.brief("one\ntwo\x1b[2J" + " three" * 50).startswith("one\\ntwo\\x1b[2J three")
    assert len(display.brief("word " * 50)) == display.BRIEF


def test_an_answer_that_nobody_knows_is_neither_right_nor_wrong(console):
    rows = Padded.of([np.array([3, 1])], [np.empty(0, int)], (2, 2))
    display.show_samples(console, Copy(), [rows], [np.array([[2, 2]])])
    assert shown(console).splitlines()[-1] == "3 1      2 2"


def test_both_ways_to_read_are_told_apart(console):
    record = {
        "held_out_tokens": 0.5, "held_out_sequences": 0.25, "forced_tokens": 0.75, "forced_sequences": 0.125,
    }
    display.show_accuracy(console, record, "1,000 sequences kept out of training")
    assert shown(console) == (
        "\nheld-out: 1,000 sequences kept out of training\n"
        "                   tokens   sequences\n"
        "autoregressive    50.00 %     25.00 %\n"
        "teacher-forced    75.00 %     12.50 %\n"
    )


def test_samples_stand_beside_what_was_said_to_them(console):
    sources, said = [np.array([[3, 1, 2]]), np.array([[1]])], [np.array([[3, 1, 1]]), np.array([[1]])]
    display.show_samples(console, Copy(), [Examples(source, source) for source in sources], said)
    assert shown(console) == (
        "\nsource   generated\n"
        "3 1 2    3 1 1       wrong\n"
        "1        1           right\n"
    )


def test_short_and_long_sequences_are_not_broken(console):
    long = np.ones((1, 100), int)
    display.show_samples(console, Copy(), [Examples(long, long)], [long])
    assert " ".join("1" * 100) + "   right" in shown(console)


def test_the_console_takes_text_as_it_is(capsys):
    display.console().print("[bold]decoder.blocks[0][/bold] :smile: 12")
    assert capsys.readouterr().out == "[bold]decoder.blocks[0][/bold] :smile: 12\n"


@pytest.mark.parametrize(
    ("loss", "text"), [(0.00004, "0.0000"), (12.34567, "12.3457"), (1234.5, "1.23e+03"), (3.4e38, "3.40e+38")]
)
def test_a_loss_takes_8_characters_at_the_most(loss, text):
    assert display.nats(loss) == text
