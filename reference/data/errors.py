"""Why a file cannot be learned from, in one line."""


class DataError(ValueError):
    """The line begins with the path, and says what must be there and what is."""
