import itertools

import numpy as np
import pytest

from reference.tasks.path_star import PathStar


def test_the_answer_is_the_way_from_the_centre_to_the_goal():
    task = PathStar(arms=2, length=2, nodes=9)
    source = np.array([[5, 7, 1, 5, 1, 2, 2, 4, 4, 1]])  # 1-5-7 and 1-2-4, goal 4, centre 1
    assert task.answers(source).tolist() == [[1, 2, 4]]


def test_every_step_of_a_way_is_an_edge_and_the_ends_are_those_that_are_named(rng):
    task = PathStar(arms=4, length=3, nodes=20)
    source = task.sources(rng, 50)
    for row, way in zip(source, task.answers(source), strict=True):
        edges = set(zip(row[:-2:2], row[1:-2:2], strict=True))
        assert len(edges) == 12 and len({node for edge in edges for node in edge}) == 13
        assert set(itertools.pairwise(way)) < edges
        assert (way[-1], way[0]) == (row[-2], row[-1])


def test_fewer_names_than_nodes_is_one_clear_line():
    with pytest.raises(ValueError, match=r"^PathStar: nodes must be at least 10, as many as a star has, got 9$"):
        PathStar(nodes=9)
