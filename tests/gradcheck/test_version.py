"""The version is that of the distribution, or says that there is none."""

import gradcheck
from gradcheck import version


def test_the_version_is_that_of_the_distribution(monkeypatch):
    monkeypatch.setattr(version, "version", {"backproof": "1.2.3"}.__getitem__)
    assert version.found() == "1.2.3"


def test_a_checkout_that_was_not_installed_says_so(monkeypatch):
    def missing(name):
        raise version.PackageNotFoundError(name)

    monkeypatch.setattr(version, "version", missing)
    assert version.found() == "0+checkout"


def test_the_package_has_it():
    assert gradcheck.__version__ == version.found()
