"""Tasks that a model learns in minutes with what is usual for them; labels of other sources teach it nothing."""

import pytest
from learning import course, learned, without_sense

from reference.training.settings import Run

# task: share of sequences that must be right, the model reading its own output, and the steps that it has for that
LEARNED = {"sort": (0.97, 1500), "addition": (0.99, 1565), "recall": (0.99, 2500)}
EVERY = pytest.mark.parametrize("task", LEARNED)


@EVERY
def test_it_is_learned_with_what_is_usual_for_it(task):
    share, steps = LEARNED[task]
    assert learned({"task": task}, steps, share)


@EVERY
def test_labels_of_other_sources_teach_nothing(task):
    assert without_sense({"task": task, "epochs": 2}).sequences < 0.1


@pytest.mark.parametrize("without", [{"layers": 1}, {"positions": "none"}], ids=["a second layer", "positions"])
def test_recall_without_what_it_needs_knows_the_values_and_not_which(without):
    *_, accuracy = course(Run.of({"task": "recall"} | without))
    assert accuracy.tokens > 0.5  # the key is said again, which stands right before
    assert accuracy.sequences < 0.4  # of 8 values in 16, the most frequent is right in 0.26
