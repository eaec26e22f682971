"""A pytest plugin, `-p complete`: a run that leaves a test out fails, whatever the tests that ran have said.

Left out is what was deselected, skipped or expected to fail, what was collected and did
not run, and a file test_*.py below the given folders of which nothing ran.
"""

import pytest


def pytest_configure(config):
    config.pluginmanager.register(Complete(config), "complete-run")


class Complete:
    def __init__(self, config):
        self.config = config
        self.left_out = {}  # id of a test or a file: why
        self.ran = set()

    def pytest_deselected(self, items):
        self.left_out |= {item.nodeid: "deselected" for item in items}

    def pytest_collectreport(self, report):
        if report.skipped:
            self.left_out[report.nodeid] = "skipped"

    def pytest_runtest_logreport(self, report):
        if hasattr(report, "wasxfail"):
            self.left_out[report.nodeid] = "expected to fail"
        elif report.skipped:
            self.left_out[report.nodeid] = "skipped"
        elif report.when == "call":
            self.ran.add(report.nodeid)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node):
        self.left_out |= getattr(node, "workeroutput", {}).get("left_out", {})

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session):
        if hasattr(self.config, "workeroutput"):  # a worker of pytest-xdist, which alone sees what it does not collect
            self.config.workeroutput["left_out"] = self.left_out
            return
        files = {test.partition("::")[0] for test in (*self.ran, *self.left_out)}
        self.left_out |= {path: "nothing of it ran" for path in self._files() if path not in files}
        if not self.left_out and not session.shouldfail and len(self.ran) != session.testscollected:
            self.left_out["the run"] = f"{len(self.ran)} of {session.testscollected} tests ran"
        if self.left_out and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter):
        if self.left_out:
            first, why = min(self.left_out.items())
            count = len(self.left_out)
            more = "" if count == 1 else f" and {count - 1} more"
            terminalreporter.write_line(f"incomplete: every test must run, got {first} ({why}){more}", red=True)

    def _files(self):
        for argument in self.config.args:
            folder = self.config.invocation_params.dir / argument
            for path in sorted(folder.rglob("test_*.py")) if folder.is_dir() else ():
                yield path.relative_to(self.config.rootpath).as_posix()
