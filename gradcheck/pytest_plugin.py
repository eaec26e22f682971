"""pytest: the fixture `gradcheck`, the mark `gradcheck_kinks`, and a summary of what was checked.

pytest loads this at its start, with or without tests that use it: neither NumPy nor the checker is
imported before the fixture is called.
"""

import traceback
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gradcheck.reports.report import Report

MARK = "gradcheck_kinks"
HELP = (
    f"{MARK}(*arrays): the point of a check with the fixture gradcheck lies at a kink of each of these arrays, "
    "and of no other; without names it may lie at kinks of any"
)
HIDDEN = "__tracebackhide__"  # by which pytest knows
PROPERTY = "gradcheck"  # of a test's report
RUNNING = pytest.StashKey[pytest.Item | None]()
SEEN = pytest.StashKey[set[str]]()  # arrays with kinks, of one test
FOUND = pytest.StashKey[dict[str, Any]]()  # what the checks of one test come to

Check = Callable[..., "Report"]


class Tally:
    """What all tests together checked; it travels in the reports, from whatever process made them."""

    def __init__(self) -> None:
        self.verdicts: dict[str, int] = {}
        self.derivatives = 0
        self.least: tuple[float, str] | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "teardown":
            return
        for name, found in report.user_properties:
            if name == PROPERTY and isinstance(found, dict):
                self.derivatives += found["derivatives"]
                for verdict, count in found["verdicts"].items():
                    self.verdicts[verdict] = self.verdicts.get(verdict, 0) + count
                if found["digits"] is not None and (self.least is None or found["digits"] < self.least[0]):
                    self.least = found["digits"], f"{found['array']} in {report.nodeid}"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.verdicts:
            return
        checked = sum(self.verdicts.values())
        counts = ", ".join(f"{count:,} {verdict}" for verdict, count in sorted(self.verdicts.items(), reverse=True))
        passes = "backward pass" if checked == 1 else "backward passes"
        compared = f"{self.derivatives:,} derivatives compared"
        terminalreporter.section("gradcheck", sep="-")
        terminalreporter.write_line(f"{checked:,} {passes} checked ({counts}), {compared}")
        if self.least is not None:
            terminalreporter.write_line(f"least digits: {self.least[0]:.1f}, of {self.least[1]}")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", HELP)
    config.pluginmanager.register(Tally(), "gradcheck-tally")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    item.config.stash[RUNNING] = item
    try:
        return (yield)
    finally:
        item.config.stash[RUNNING] = None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    result = yield
    seen = item.stash.setdefault(SEEN, set())
    if missing := sorted(_expected(item)[0] - seen):
        pytest.fail(f"{MARK}: no check of this test lay at a kink of {', '.join(missing)}", pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Leave frames of the checker out of what is shown of an error of the user's code; --full-trace has them."""
    homes = [] if call.excinfo is None else _ours(call.excinfo.value)
    for home in homes:
        home[HIDDEN] = True
    try:
        return (yield)
    finally:
        for home in homes:
            del home[HIDDEN]


@pytest.fixture(name="gradcheck", scope="session")
def gradcheck_fixture(request: pytest.FixtureRequest) -> Check:
    """gradcheck(subject, *inputs, **constants): fail unless every gradient is proved; return the report.

    Away from kinks, that is: at a kink any value between the one-sided derivatives passes, which
    proves little.  A test that means to check there says so by `@pytest.mark.gradcheck_kinks("x")`.
    """
    config = request.config  # the fixture lives as long as the session, so that hypothesis takes it

    def assert_gradients(subject: Any, *inputs: Any, **constants: Any) -> "Report":
        __tracebackhide__ = True
        from gradcheck import GradientError, check

        report = check(subject, *inputs, **constants)
        item = config.stash[RUNNING]
        assert item is not None
        _note(item, report)
        if report.verdict != "pass":
            raise GradientError(report)
        names, anywhere = _expected(item)
        kinks = {g.name for g in report.gradients if g.kinks}
        item.stash.setdefault(SEEN, set()).update(kinks)  # a fixture may check before the test is called
        if not anywhere and (unexpected := sorted(kinks - names)):
            raise AssertionError(_unexpected(report, unexpected))
        return report

    return assert_gradients


def _ours(error: BaseException) -> list[dict[str, Any]]:
    """Return the namespaces of the checker's modules that an error of the user's code, or a refusal, came through."""
    said = [*error.args[:1], *getattr(error, "__notes__", ())]
    if not any(isinstance(text, str) and text.startswith("gradcheck: ") for text in said):
        return []  # it may be an error of the checker's own
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    homes = [frame.f_globals for frame in frames if frame.f_globals.get("__name__", "").startswith("gradcheck.")]
    return list({id(home): home for home in homes if HIDDEN not in home}.values())


def _expected(item: pytest.Item) -> tuple[set[str], bool]:
    """Return the arrays named by marks, and whether a mark without names allows any."""
    marks = list(item.iter_markers(MARK))
    for mark in marks:
        if mark.kwargs or not all(isinstance(name, str) for name in mark.args):
            pytest.fail(f"{MARK} must be given names of arrays, got {mark.args + tuple(mark.kwargs)}", pytrace=False)
    return {name for mark in marks for name in mark.args}, any(not mark.args for mark in marks)


def _unexpected(report: "Report", names: list[str]) -> str:
    arrays, arguments = ", ".join(names), ", ".join(f'"{name}"' for name in names)
    return (
        f"{report.subject}: the point lies at a kink of {arrays}, where any value between the one-sided derivatives "
        f"passes. Move the inputs off the kink, or mark the test: @pytest.mark.{MARK}({arguments})\n{report}"
    )


def _note(item: pytest.Item, report: "Report") -> None:
    """Add a check to what the test's report carries."""
    if FOUND not in item.stash:
        item.stash[FOUND] = {"verdicts": {}, "derivatives": 0, "digits": None, "array": ""}
        item.user_properties.append((PROPERTY, item.stash[FOUND]))
    found = item.stash[FOUND]
    found["verdicts"][report.verdict] = found["verdicts"].get(report.verdict, 0) + 1
    found["derivatives"] += sum(g.compared for g in report.gradients)
    for g in report.gradients:
        if g.digits is not None and (found["digits"] is None or g.digits < found["digits"]):
            found["digits"], found["array"] = float(g.digits), f"{g.name} of {report.subject}"
