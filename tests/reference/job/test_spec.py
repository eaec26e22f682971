import shutil

import pytest

from reference.job import spec
from reference.job.errors import UsageError


@pytest.mark.parametrize("name", ["layernorm", "layers.layernorm", "layers/layernorm"])
def test_a_page_is_found_by_its_name_or_with_its_room(name):
    assert spec.page(name).startswith("# Layer normalisation\n")


def test_equations_are_readable_and_keep_their_names():
    text = spec.page("layernorm")
    assert "    dx = r ( dx̂ - " in text
    assert "(layernorm.10)" in text
    assert "σ" in text
    assert not {"$`", "<a id", r"\tag", r"\frac", r"\sigma"} & set(text.split("```pycon")[0].split())
    assert "```math" not in text


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        (r"\frac1D \sum_j x_j \tag{page.1}", "1/D ∑_j x_j (page.1)"),
        (r"\frac{1}{\sqrt K} \, \lvert \hat x_i \rvert", "(1) / (√ K) | x̂_i |"),
        (r"\Phi(\lambda) \le \infty", "Φ(λ) ≤ ∞"),
        (r"d\text{logits} = \mathop{\mathrm{erfc}}(x)", "dlogits = erfc(x)"),
        (r"\unknown x", "unknown x"),
    ],
)
def test_macros_become_characters(tex, text):
    assert spec.plain(tex) == text


def test_verdicts_have_a_line_for_each_equation():
    lines = spec.verdicts("layernorm").splitlines()
    ids = [line.split()[0] for line in lines if line.startswith("layernorm.")]
    assert ids == [f"layernorm.{k}" for k in (*range(1, 11), *"abcdef")]
    assert lines[9] == "layernorm.10  equal to what the code computes; proved for all shapes and values"
    assert lines[12] == "layernorm.c   a step; proved for all shapes and values"


def test_what_is_not_compared_says_why():
    assert "not evaluated (ragged)" in spec.verdicts("mixture")
    assert "a step; executed on numbers (a mean or a variance over draws)" in spec.verdicts("dropout")


def test_verdicts_say_where_they_come_from():
    said = "So the tests of this version find it; what it means stands in the guide: spec proofs."
    assert spec.verdicts("layernorm").splitlines()[-1] == said


@pytest.fixture
def edited(tmp_path, monkeypatch):
    """edited(old, new): the page of layernorm is asked for with one text in place of another."""
    shutil.copy(spec.ROOT / "verdicts.txt", tmp_path)
    text = spec.find("layernorm").read_text(encoding="utf-8")
    page = tmp_path / "layernorm.md"
    monkeypatch.setattr(spec, "ROOT", tmp_path)
    monkeypatch.setattr(spec, "_pages", lambda: {"layers/layernorm": page})

    def edited(old, new):
        assert old in text
        page.write_text(text.replace(old, new, 1), encoding="utf-8")

    return edited


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r"c_i = x_i - \frac1D", r"c_i = x_i + \frac1D"),
        (r"\tag{layernorm.e}", r"\tag{layernorm.g}"),
        ("```math\nd\\hat x_i", "```text\nd\\hat x_i"),
    ],
)
def test_a_page_with_other_equations_than_its_verdicts_is_refused(edited, old, new):
    edited(old, new)
    with pytest.raises(UsageError, match=r"layernorm must be those of its verdicts, digest \w{16}, got \w{16}$"):
        spec.verdicts("layernorm")


def test_a_page_with_other_words_has_its_verdicts(edited):
    edited("Each row of the input", "Every row of the input")
    assert spec.verdicts("layernorm").startswith("layernorm.1   equal to what the code computes; proved")


@pytest.mark.parametrize("ask", [spec.page, spec.verdicts])
def test_an_unknown_name_is_refused_with_a_page_that_there_is(ask):
    with pytest.raises(UsageError, match="must be that of a page, such as layernorm, got 'layernrom'"):
        ask("layernrom")


def test_a_page_without_equations_has_no_verdicts():
    with pytest.raises(UsageError, match="a page to prove must have equations, got 'numerics'"):
        spec.verdicts("numerics")


def test_the_command_prints_a_page_or_its_verdicts(command):
    done = command("spec", "tanh")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("# Hyperbolic tangent\n")
    done = command("spec", "--prove", "tanh")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("tanh.1  equal to what the code computes; proved for all shapes and values\n")
    done = command("spec", "tahn")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "python -m reference spec: a name must be that of a page, such as tanh, got 'tahn'\n"
