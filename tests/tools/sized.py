"""Settings of every family, with each option that changes a count, and with sizes of which no two are equal."""

from reference.core.families import ClassifierSettings, DecoderOnlySettings, EncoderOnlySettings, TransformerSettings
from reference.tasks.task import Examples
from reference.training.families import FAMILIES

READ, SAID = 5, 7
TWO = {"vocabulary": 11, "width": 12, "heads": 3, "hidden": 20, "encoder_layers": 2, "decoder_layers": 3}
ONE = {"vocabulary": 11, "length": READ + SAID, "width": 16, "heads": 4, "layers": 3}
SETTINGS = {
    "two stacks": TransformerSettings(**TWO),
    "two stacks, post-norm": TransformerSettings(**TWO, norm="post"),
    "two stacks, one table": TransformerSettings(**TWO, embeddings="tied"),
    "two stacks, dropout": TransformerSettings(**TWO, dropout=0.1),
    "decoder": DecoderOnlySettings(**ONE),
    "decoder, one table": DecoderOnlySettings(**ONE, embeddings="tied"),
    "decoder, hidden 24": DecoderOnlySettings(**ONE, hidden=24),
    "decoder, 2 groups": DecoderOnlySettings(**ONE, key_value_heads=2),
    "decoder, SwiGLU": DecoderOnlySettings(**ONE, feedforward="swiglu"),
    "decoder, RMS": DecoderOnlySettings(**ONE, normalization="rms"),
    "decoder, no biases": DecoderOnlySettings(**ONE, bias=False),
    "decoder, window": DecoderOnlySettings(**ONE, window=4),
    "decoder, dropout": DecoderOnlySettings(**ONE, dropout=0.1),
    "like Llama, 1 group": DecoderOnlySettings.llama(**ONE, key_value_heads=1, hidden=24, embeddings="tied"),
    **{
        f"decoder, {positions}": DecoderOnlySettings(**ONE, positions=positions)
        for positions in ("sinusoidal", "rotary", "alibi", "none")
    },
    "encoder": EncoderOnlySettings(**ONE, hidden=24),
    "encoder, pre-norm, 3 segments": EncoderOnlySettings(**ONE, norm="pre", segments=3),
    "classifier": ClassifierSettings(**ONE, hidden=24, classes=13),
}


def family(settings):
    return next(family for family in FAMILIES.values() if family.settings is type(settings))


def drawn(settings, rng):
    """A model of these settings."""
    return family(settings).init(rng, settings)


def inputs(settings, rng, batch, read=READ, said=SAID):
    """What the objective of a model takes: sequences of so many tokens that are read, and that are said."""
    sizes = (batch, read), (batch, said)
    known = settings.vocabulary, getattr(settings, "classes", settings.vocabulary)
    drawn = (rng.integers(1, most, size) for most, size in zip(known, sizes, strict=True))
    return family(settings).inputs(Examples(*drawn))
