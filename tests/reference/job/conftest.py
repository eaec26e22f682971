import pytest


@pytest.fixture
def command(command, tiny_entries):
    """command(*words) as everywhere; command.tiny are the words of a tiny run."""
    command.entries = tiny_entries
    command.tiny = [word for name, value in tiny_entries.items() for word in (f"--{name}", str(value))]
    return command
