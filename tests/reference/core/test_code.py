import operator

import pytest

from reference.core.code import function_of


def test_a_function_is_its_lines():
    plus = function_of(["a", "b"], ["c = add(a, two)", "del a", "return add(c, b)"], {"add": operator.add, "two": 2})
    assert plus(3, 5) == 10
    assert plus(b=1, a=1) == 4


def test_it_sees_the_names_as_they_were():
    names = {"two": 2}
    two = function_of([], ["return two"], names)
    names["two"] = 3
    assert two() == 2


@pytest.mark.parametrize(
    ("arguments", "lines", "names", "message"),
    [
        (["a, b"], ["return a"], {}, "a name must be an identifier, got 'a, b'"),
        (["a"], ["return a"], {"x.y": 1}, r"a name must be an identifier, got 'x\.y'"),
        (["a"], ["return a\nprint()"], {}, r"a line must be one, got 'return a\\nprint\(\)'"),
    ],
)
def test_words_must_be_words(arguments, lines, names, message):
    with pytest.raises(ValueError, match=message):
        function_of(arguments, lines, names)
