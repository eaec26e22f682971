"""A gradient checker without knobs: it measures its own error bar, and lets the bar decide."""

from gradcheck import adapters
from gradcheck.checker import Checker, assert_gradients, check
from gradcheck.findings import Finding
from gradcheck.report import Gradient, GradientError, Report

__all__ = ["Checker", "Finding", "Gradient", "GradientError", "Report", "adapters", "assert_gradients", "check"]
