"""Change a part of a model for another, wherever it stands."""

import dataclasses

from reference.core.layer import Layer


def swapped(node, classes):
    """Return the same tree, each layer of a class in `classes` made one of the class that it maps to."""
    if isinstance(node, tuple):
        return tuple(swapped(entry, classes) for entry in node)
    if isinstance(node, Layer):
        fields = {field.name: swapped(getattr(node, field.name), classes) for field in dataclasses.fields(node)}
        return classes.get(type(node), type(node))(**fields)
    return node
