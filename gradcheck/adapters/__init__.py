"""Bring layers of other shapes to the checker."""

from gradcheck.adapters.pair import pair

__all__ = ["pair"]
