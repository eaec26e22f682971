"""A task that a small model learns in a stated number of steps; labels of other sources teach it nothing.

Those that take minutes are in tests/tasks.
"""

from learning import learned, without_sense


def test_99_percent_of_sequences_are_reversed_within_750_steps():
    assert learned({"task": "reverse"}, steps=750, share=0.99)


def test_labels_of_other_sources_teach_nothing_of_reversing():
    assert without_sense({"task": "reverse", "epochs": 2}).sequences < 0.1
