"""A gradient checker without knobs: it measures its own error bar, and lets the bar decide.

Names are loaded when they are first used: pytest imports this package for its plugin before any test
asks for a check, and should pay nothing for it.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradcheck import adapters
    from gradcheck.checker import Checker, assert_gradients, check
    from gradcheck.numeric.derivative import Derivative, derivative
    from gradcheck.numeric.gradients import gradient, hessian, jacobian
    from gradcheck.reports.report import Gradient, GradientError, Report
    from gradcheck.subjects.findings import Finding
    from gradcheck.version import __version__

__all__ = [
    "Checker",
    "Derivative",
    "Finding",
    "Gradient",
    "GradientError",
    "Report",
    "__version__",
    "adapters",
    "assert_gradients",
    "check",
    "derivative",
    "gradient",
    "hessian",
    "jacobian",
]

_MODULES = {
    "Checker": "checker",
    "Derivative": "numeric.derivative",
    "Finding": "subjects.findings",
    "Gradient": "reports.report",
    "GradientError": "reports.report",
    "Report": "reports.report",
    "__version__": "version",
    "adapters": "adapters",
    "assert_gradients": "checker",
    "check": "checker",
    "derivative": "numeric.derivative",
    "gradient": "numeric.gradients",
    "hessian": "numeric.gradients",
    "jacobian": "numeric.gradients",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
    value = globals()[name] = module if name == _MODULES[name] else getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
