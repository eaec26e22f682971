"""A run is watched while it runs, and names are those of the user's functions."""

from gradcheck.exact.watch import Watch, now, place


def test_the_run_within_is_watched_and_the_one_around_it_afterwards():
    with Watch().on() as outer:
        with Watch(dual=True).on() as inner:
            assert now() is inner
        assert now() is outer
    assert now() is not outer and not now().dual


def test_a_run_ends_with_an_error():
    before = now().dual
    try:
        with Watch(dual=True).on():
            raise ValueError
    except ValueError:
        assert now().dual == before


def test_an_inner_function_goes_by_the_name_of_the_outer_and_a_lambda_by_its_module():
    def inner():
        return place()

    assert inner() == "test_an_inner_function_goes_by_the_name_of_the_outer_and_a_lambda_by_its_module"
    scope = {"__name__": "package.module", "place": place}
    exec("named = lambda: place()", scope)
    assert scope["named"]() == "module"
