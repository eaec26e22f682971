from reference.data.errors import DataError


def test_what_is_wrong_with_a_file_is_a_wrong_value_to_those_who_do_not_ask_further():
    assert issubclass(DataError, ValueError)
