"""Narrow formats: what they can show, and what is lost in them."""
