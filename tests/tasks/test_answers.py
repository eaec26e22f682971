"""Tasks that a model learns in minutes with what is usual for them; labels of other sources teach it nothing."""

import pytest
from learning import learned, without_sense

# task: share of sequences that must be right, the model reading its own output, and the steps that it has for that
LEARNED = {"sort": (0.97, 1500), "addition": (0.99, 1565)}
EVERY = pytest.mark.parametrize("task", LEARNED)


@EVERY
def test_it_is_learned_with_what_is_usual_for_it(task):
    share, steps = LEARNED[task]
    assert learned({"task": task}, steps, share)


@EVERY
def test_labels_of_other_sources_teach_nothing(task):
    assert without_sense({"task": task, "epochs": 2}).sequences < 0.1
