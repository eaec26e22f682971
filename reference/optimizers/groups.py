"""Parameter groups: a tree of settings beside the tree of parameters.  Specification: specs/optimizers/groups.md."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from reference.core import tree
from reference.core.shapes import expect_nonnegative, got
from reference.core.updates import expect_model, expect_update
from reference.optimizers.adamw import AdamW


@dataclasses.dataclass(frozen=True)
class Group:
    """An optimiser with its settings, and what the rate is multiplied by, for all parameters below its place.

    Raises:
        TypeError: `optimizer` is none, or `scale` no number.
        ValueError: `scale` is negative or not finite.
    """

    optimizer: Any
    scale: float = 1.0

    def __post_init__(self) -> None:
        if isinstance(self.optimizer, type) or not {"init", "step"} <= set(dir(self.optimizer)):
            raise TypeError(f"Group: optimizer must have init and step, got {got(self.optimizer)}")
        expect_nonnegative("Group", "scale", self.scale)


@dataclasses.dataclass(frozen=True, eq=False)
class GroupsState:
    states: tuple  # of each group, in the order in which they stand in the tree
    step: int      # updates made so far, by every one of them


@dataclasses.dataclass(frozen=True)
class Groups:
    """Steps every part of a model by the group that stands at its place.

    `settings` is a tree of the model's structure that ends where a Group stands; `grouped` makes one.
    """

    settings: Any = Group(AdamW())

    def init(self, model: Any) -> GroupsState:
        """Return the state before the first step.

        Raises:
            TypeError, ValueError: the settings do not fit the model; the place is named.
        """
        expect_model("Groups.init", model)
        parts = list(_parts("Groups.init", self.settings, (model,), ""))
        return GroupsState(states=tuple(group.optimizer.init(part) for group, (part,) in parts), step=0)

    def step(self, model: Any, d_model: Any, state: GroupsState, rate: float) -> tuple[Any, GroupsState]:
        """Return the next model and state; nothing given is written to.

        Raises:
            TypeError, ValueError: d_model is no gradient of model, state no state of it, rate no learning rate, or the
                settings do not fit the model.
        """
        expect_update("Groups.step", model, d_model, rate, state, GroupsState)
        parts = list(_parts("Groups.step", self.settings, (model, d_model), ""))
        if len(state.states) != len(parts):
            raise ValueError(f"Groups.step: state must have one state for each of {len(parts)} groups, "
                             f"got {len(state.states)}")
        leaves, states = [], []
        for (group, (part, d_part)), own in zip(parts, state.states, strict=True):
            r = float(group.scale) * float(rate)                                   # (groups.1)
            part, own = group.optimizer.step(part, d_part, dataclasses.replace(own, step=state.step), r)
            leaves += [leaf for _, leaf in tree.leaves(part)]
            states.append(own)
        stepped = iter(leaves)
        model = tree.map(lambda _: next(stepped), model)
        return model, GroupsState(states=tuple(states), step=state.step + 1)       # (groups.2)


def grouped(model: Any, choose: Callable[[str, Any], Group]) -> Any:
    """Return the settings in which every parameter has the group that `choose` says of its path and itself.

    Raises:
        TypeError: the answer is no Group, or there is nothing to ask.

    >>> import numpy as np
    >>> from reference.layers.linear import Linear
    >>> layer, slow = Linear(w=np.ones((2, 2)), b=np.ones(2)), Group(AdamW(), scale=0.1)
    >>> settings = grouped(layer, lambda path, _: slow if path == "b" else Group(AdamW()))
    >>> settings.w.scale, settings.b.scale
    (1.0, 0.1)
    """
    if not callable(choose) or isinstance(choose, type):
        raise TypeError(f"grouped: choose must be a function of a path and a parameter, got {got(choose)}")
    groups = []
    for path, parameter in tree.leaves(model):
        group = choose(path, parameter)
        if not isinstance(group, Group):
            raise TypeError(f"grouped: '{path or 'model'}' must get a Group, got {got(group)}")
        groups.append(group)
    chosen = iter(groups)
    return tree.map(lambda _: next(chosen), model)


def _parts(where: str, settings: Any, nodes: tuple, path: str) -> Iterator[tuple[Group, tuple]]:
    """Yield every group with the parts of the trees that stand at its place."""
    model = nodes[0]
    if isinstance(settings, Group):
        yield settings, nodes
    elif tree.is_leaf(model) or type(settings) is not type(model):
        if tree.holds_parameters(model):
            raise TypeError(f"{where}: '{path or 'model'}' must have a Group, got {got(settings)}")
    elif isinstance(model, tuple):
        if len(settings) != len(model):
            raise ValueError(f"{where}: '{path or 'model'}' must have {len(model)} settings, got {len(settings)}")
        for i, inner in enumerate(settings):
            yield from _parts(where, inner, tuple(node[i] for node in nodes), f"{path}[{i}]")
    elif tree.is_layer(model):
        for name in tree.field_names(model):
            inner = tuple(getattr(node, name) for node in nodes)
            yield from _parts(where, getattr(settings, name), inner, f"{path}.{name}" if path else name)
