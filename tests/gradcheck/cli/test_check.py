"""Things are checked one after the other; an error of one is told where it arose."""

import importlib.util
import json
import sys
import textwrap
import types

import pytest


def test_a_wrong_layer_is_shown_with_its_map(run):
    status, out, _ = run("layers:wrong", "--input", "x=3,4")
    assert status == 1
    assert "where x is wrong: 12 of 12 entries" in out and "\x1b" not in out


def test_several_things_share_their_inputs_and_the_worst_counts(run):
    inputs = ["--input", "x=3", "--input", "a=2", "--input", "b=2"]
    status, out, _ = run("layers:powers", "layers:noisy", "layers:product", *inputs)
    assert status == 2
    assert [x.split()[1:3] for x in out.splitlines() if x.startswith("gradcheck")] == [
        ["powers:", "pass"], ["noisy:", "inconclusive"], ["product:", "pass"],
    ]
    assert "\n\ngradcheck noisy" in out


def test_a_batch_of_none_is_no_pass(run):
    status, out, _ = run("layers:instance", "--input", "x=0,3")
    assert status == 2
    assert "inconclusive: nothing was compared: the output has no entry" in out


def test_a_failure_is_worse_than_no_verdict(run):
    assert run("layers:noisy", "layers:wrong", "--input", "x=3")[0] == 1


def test_an_error_of_one_thing_does_not_stop_the_others(run):
    status, out, err = run("layers:breaks", "layers:powers", "--input", "x=3", "--json")
    data = json.loads(out)
    assert status == 1 and "RuntimeError: no forward here" in err
    assert [r["thing"] for r in data["reports"]] == ["layers:powers"]
    assert data["errors"] == [{"thing": "layers:breaks", "message": "RuntimeError: no forward here"}]
    assert data["verdict"] == "fail"


def test_an_error_while_a_thing_is_made_leaves_names_unused(run):
    status, _, err = run("layers:broken_factory", "--input", "x=3")
    assert status == 1 and "takes" not in err


def test_another_error_of_python_is_not_taken_for_usage(run, monkeypatch):
    def broken(*_, **__):
        raise ValueError("a mistake of the checker's own")

    monkeypatch.setattr("gradcheck.cli.check.Checker", broken)
    with pytest.raises(ValueError, match=r"^a mistake"):
        run("layers:powers", "--input", "x=3")


@pytest.mark.parametrize(
    ("words", "error", "note", "frame"),
    [
        ("unfinished:x", "ValueError: half a module", "raised while unfinished was imported", "unfinished.py"),
        ("needy:x", "ModuleNotFoundError: No module named 'no_such_package'",
         "raised while needy was imported", "needy.py"),
        ("layers:broken_factory", "RuntimeError: no parameters here",
         "raised by broken_factory(), which makes the subject", "layers.py"),
        ("layers:breaks --input x=3", "RuntimeError: no forward here",
         "raised by the forward pass of the subject under check", "layers.py"),
        ("layers:breaks_backward --input x=3", "KeyError: 'dy'",
         "raised by the pullback of the subject under check", "layers.py"),
        ("layers:leaves --input x=3", "SystemExit: 7", "", "layers.py"),
    ],
)
def test_an_error_of_the_users_code_comes_with_its_own_traceback_and_says_where(run, words, error, note, frame):
    status, out, err = run(*words.split())
    assert (status, out) == (1, "")
    lines = err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert frame in lines[1] and "gradcheck/" not in lines[1]
    assert error in lines and (not note or lines[-1] == f"gradcheck: {note}")


def test_balls_are_asked_where_the_option_says(run, monkeypatch):
    assert "by balls: proved to " in run("layers:powers", "--input", "x=3", "--exact")[1]
    assert "by balls" not in run("layers:powers", "--input", "x=3")[1]
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "flint" else find(name, *rest))
    line = "gradcheck: exact needs python-flint: pip install 'backproof[exact]'\n"
    assert run("layers:powers", "--input", "x=3", "--exact") == (3, "", line)


def test_the_seed_draws_other_inputs(run):
    first, second = (run("layers:wrong", "--input", "x=3", "--seed", seed)[1] for seed in "12")
    assert "seed 1" in first and "seed 2" in second and first.splitlines()[1] != second.splitlines()[1]


def test_processes_share_the_work_and_change_no_number(run):
    words = ["layers:powers", "--input", "x=2,3", "--json"]
    assert run(*words, "--workers", "2")[1] == run(*words)[1]


def test_layers_that_draw_from_global_generators_are_the_same_again(run):
    words = ["layers:Old", "--param", "width=3", "--input", "x=2,3", "--seed", "5"]
    assert run(*words)[1] == run(*words)[1] and "gradcheck Old: fail" in run(*words)[1]


def test_the_generator_of_pytorch_is_seeded_where_it_is_loaded(run, monkeypatch):
    seeds = []
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(manual_seed=seeds.append))
    run("layers:make", "--input", "x=2,3", "--seed", "7")
    assert set(seeds) == {7}


def test_a_seed_may_be_larger_than_the_global_generators_take(run):
    words = ["layers:Old", "--param", "width=3", "--input", "x=2,3", "--seed"]
    first, second = (run(*words, str(2**32 + more)) for more in (5, 6))
    assert first[0] == 1 and first[1] != second[1]


def test_a_function_without_a_name_has_the_name_that_it_was_found_by(run):
    assert run("layers:nameless", "--input", "x=3")[1].startswith("gradcheck nameless: pass")


def test_a_name_that_no_thing_takes_is_found_before_the_work(run, monkeypatch):
    monkeypatch.setattr("gradcheck.checker.Checker.__call__", lambda *_, **__: pytest.fail("the work was begun"))
    words = ["--input", "x=3", "--input", "z=3", "--param", "w=1"]
    message = "gradcheck: layers:powers and layers:wrong take x, power, factor, got w, z\n"
    assert run("layers:powers", "layers:wrong", *words) == (3, "", message)


def test_arrays_that_do_not_fit_are_refused_before_anything_is_imported(run):
    status, _, err = run("no_such:thing", "--input", "x=9999999,9999999")
    assert status == 3 and "must fit into memory" in err


def test_what_the_thing_prints_is_no_part_of_the_report(run):
    status, out, err = run("layers:talks", "--input", "x=3")
    assert status == 0 and out.startswith("gradcheck talks: pass") and set(err.splitlines()) == {"a word"}


def test_what_a_module_draws_as_it_is_imported_and_what_a_thing_draws_later_is_the_same_again(run, folder):
    text = """
        import numpy as np
        w = np.random.randn(3)
        def scale():
            v = np.random.randn(3)
            return lambda x: (w * v * x, lambda dy: 2 * w * v * dy)
    """
    (folder / "draws.py").write_text(textwrap.dedent(text), encoding="utf-8")
    words = ["draws:scale", "--input", "x=3", "--seed", "5"]
    first, again = run(*words)[1], run(*words)[1]
    del sys.modules["draws"]
    assert "fail" in first and first == again == run(*words)[1]
    del sys.modules["draws"]


def test_what_the_checker_says_of_its_arguments_is_said_of_the_thing(run):
    words = "layers:number", "--input", "x=3"
    assert run(*words)[2].startswith("gradcheck: layers:number: the subject must have a method vjp")


@pytest.mark.parametrize("option", ["--input", "--param"])
def test_what_is_given_twice_is_refused(run, option):
    status, out, err = run("layers:powers", option, "x=3", option, "n=2", option, "x=4")
    assert (status, out, err) == (3, "", f"gradcheck: {option} x must be given once, got it 2 times\n")
