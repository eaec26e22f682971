"""Reports as plain data: stable keys, plain JSON types, nothing that JSON cannot say."""

import json
import math

import numpy as np
import pytest

import gradcheck
from gradcheck.reports.data import SCHEMA_VERSION, to_dict

REPORT = {
    "schema_version", "subject", "verdict", "seed", "evaluations", "calls", "gradients", "findings", "symmetry",
    "reproducer",
}
GRADIENT = {
    "name", "shape", "verdict", "digits", "real_digits", "worst_index", "claimed", "numeric", "bar", "method",
    "compared", "kinks", "jumps", "wrong", "reason", "cause", "diagnosis", "dtype", "advice", "ladder", "map", "order",
    "exact",
}
EXACT = {"answer", "digits", "reason", "relative", "apart", "index", "claimed", "derivative", "said"}
LADDER = {
    "index", "moves", "steps", "central", "right", "noise", "claimed", "numeric", "bar", "remainder", "order",
}
MAP = {"shape", "rows", "columns", "claimed", "numeric", "bars", "sampled", "merged"}
SYMMETRY = {"forth", "back", "bar", "size", "smoothness", "where", "digits"}
FINDING = {"kind", "message", "severity", "array", "advice"}


def sine(x):
    return np.sin(x), lambda dy: np.cos(x) * dy


def plain(value):
    """Whether a value is of JSON's own types, all the way down."""
    if isinstance(value, dict):
        return all(type(key) is str and plain(v) for key, v in value.items())
    if isinstance(value, list):
        return all(map(plain, value))
    return value is None or type(value) in (str, int, bool) or (type(value) is float and math.isfinite(value))


def test_keys_and_their_version_are_stable(reports):
    # a new key belongs here; one that goes, or means something else, needs another version
    assert SCHEMA_VERSION == 1
    for report in reports.values():
        data = report.to_dict()
        assert set(data) == REPORT and data["schema_version"] == 1
        assert all(set(g) == GRADIENT for g in data["gradients"])
        assert all(set(f) == FINDING for f in data["findings"])
        assert all(set(g["ladder"]) == LADDER for g in data["gradients"] if g["ladder"])
        assert all(set(g["map"]) == MAP for g in data["gradients"] if g["map"])


def test_the_second_order_adds_a_symmetry_and_gradients_of_its_order(normal):
    assert gradcheck.check(sine, normal(3)).to_dict()["symmetry"] is None
    data = gradcheck.check(sine, normal(3), order=2).to_dict()
    assert set(data["symmetry"]) == SYMMETRY and plain(data["symmetry"])
    assert data["symmetry"]["digits"] > 8
    assert [g["order"] for g in data["gradients"]] == [1]


def test_values_are_plain(reports):
    assert all(plain(report.to_dict()) for report in reports.values())


def test_json_says_the_same(reports):
    for report in reports.values():
        assert json.loads(report.to_json()) == json.loads(report.to_json(indent=None)) == report.to_dict()


def test_what_is_no_number_is_null(reports):
    (gradient,) = reports["nan"].to_dict()["gradients"]
    assert gradient["claimed"] is None and gradient["map"]["claimed"][0][1] is None
    assert math.isfinite(gradient["numeric"])


def test_data_tell_what_the_report_tells(reports):
    report = reports["wrong"]
    data = to_dict(report)
    assert (data["subject"], data["verdict"], data["seed"]) == ("Norm", "fail", 0)
    assert data["evaluations"] == report.evaluations
    assert sum(data["calls"].values()) > 100
    x = data["gradients"][2]
    assert (x["name"], x["shape"], x["verdict"]) == ("x", [3, 7], "fail")
    assert tuple(x["worst_index"]) == report.gradients[2].worst_index
    assert x["ladder"]["order"] == pytest.approx(1, rel=0, abs=0.05)  # rounding of the smallest remainders
    assert data["reproducer"] == report.reproducer


def test_advice_is_part_of_the_data(reports):
    assert reports["coarse"].to_dict()["gradients"][0]["advice"].startswith("the forward pass is too coarse")
    assert reports["noisy"].to_dict()["findings"][0]["advice"].startswith("draw from a generator")
    assert reports["wrong"].to_dict()["gradients"][2]["advice"] == ""


def test_what_balls_say_is_data_where_it_was_asked_for(normal):
    assert gradcheck.check(sine, normal(3)).to_dict()["gradients"][0]["exact"] is None
    data = gradcheck.check(sine, normal(3), exact=True).to_dict()
    (gradient,) = data["gradients"]
    assert set(gradient["exact"]) == EXACT and plain(data)
    assert gradient["exact"]["said"].startswith("proved to ") and gradient["exact"]["answer"] == "proved"
