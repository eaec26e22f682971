"""Models of every family, small and random, each with the family that writes it."""

import json

import pytest

from reference.core import tree
from reference.core.families import DecoderOnlySettings
from reference.models.decoder_only import DecoderOnly
from reference.models.tied_decoder_only import TiedDecoderOnly
from reference.published.gpt2 import GPT2

SIZES = {"vocabulary": 11, "length": 9, "width": 8, "heads": 4, "layers": 2}


def gpt(rng, **more):
    settings = DecoderOnlySettings.gpt(**SIZES, **more)
    return (TiedDecoderOnly if settings.embeddings == "tied" else DecoderOnly).init(rng, settings)


MODELS = {
    "GPT-2": (GPT2, lambda rng: gpt(rng, embeddings="tied", dropout=0.1)),
    "GPT-2, two tables": (GPT2, lambda rng: gpt(rng, hidden=6)),
}


@pytest.fixture(params=MODELS)
def published(request, rng):
    """A family, and a model of it with random numbers everywhere."""
    family, model = MODELS[request.param]
    return family, tree.map(lambda p: rng.normal(size=p.shape).astype(p.dtype), model(rng))


@pytest.fixture
def example(rng):
    """A family, and one model of it: for what has nothing to do with the family."""
    family, model = MODELS["GPT-2"]
    return family, model(rng)


@pytest.fixture
def refused():
    """refused(function, *arguments): the one line with which it refuses them."""

    def refused(function, *arguments, **options):
        with pytest.raises(ValueError, match=r"\A[^\n]+\Z") as error:
            function(*arguments, **options)
        return str(error.value)

    return refused


@pytest.fixture
def edit():
    """edit(folder, entry=...): write its config again with other entries."""

    def edit(folder, **entries):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | entries))

    return edit


def same_bytes(one, other):
    """Whether two dicts of arrays have the same names, dtypes, shapes and bytes."""
    said = [{name: (a.dtype, a.shape, a.tobytes()) for name, a in arrays.items()} for arrays in (one, other)]
    return said[0] == said[1]


@pytest.fixture(name="same_bytes")
def _same_bytes():
    return same_bytes
