"""Pullbacks held against derivatives without roundings: the subject's own lines, run on balls (extra: python-flint).

A ball is a real number enclosed: a midpoint of 300 bits and a radius that holds all that rounding made of it.  An array
of balls takes NumPy's calls by its two protocols (NEP 13, NEP 18) and carries, beside each number, its change along one
direction.  So <dy, J v> comes from the forward pass and <dx, v> from the pullback, and two balls that do not overlap
are two numbers.  `answers` and `refusals` need nothing; all others import python-flint.
"""
