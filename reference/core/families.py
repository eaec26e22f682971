"""The settings of each family of models: what its `init`, a checkpoint, a file and the command line share."""

from typing import Literal, Self, TypeAlias

from reference.core.kinds import AboveZero, Count, Share, Size
from reference.core.settings import Settings
from reference.core.words import cut

Norm: TypeAlias = Literal["pre", "post"]              # where the norm of a residual connection stands
Embeddings: TypeAlias = Literal["separate", "tied"]   # a table for each use, or one for all


class BlockSettings(Settings):
    """Of a block, alike in encoders and decoders."""

    width: Size = 64
    heads: Size = 4
    hidden: Size = 128  # width of the feed-forward networks
    norm: Norm = "pre"
    dropout: Share = 0.0

    def expect(self) -> None:
        expect_divisor(self, "heads", "the width", self.width, self.heads)


class EncoderDecoderSettings(BlockSettings):
    """Of an encoder and a decoder, without tables."""

    encoder_layers: Size = 1
    decoder_layers: Size = 1


class TransformerSettings(EncoderDecoderSettings):
    """The family of encoder and decoder."""

    vocabulary: Size
    embeddings: Embeddings = "separate"  # of source, target and output


class DecoderOnlySettings(Settings):
    """The family of decoders without an encoder; `gpt` and `llama` are two of them."""

    vocabulary: Size
    length: Size = 1024                # most positions; a learned table has as many
    width: Size = 64
    heads: Size = 4
    key_value_heads: Size | None = None  # as many as heads unless given
    hidden: Size | None = None         # 4 times the width unless given
    layers: Size = 2
    positions: Literal["learned", "sinusoidal", "rotary", "alibi", "none"] = "learned"
    normalization: Literal["layer", "rms"] = "layer"
    feedforward: Literal["gelu", "swiglu"] = "gelu"
    bias: bool = True                  # of the maps within a block
    window: Count | None = None        # a position sees keys at distances below this
    base: AboveZero = 10000.0          # of rotary positions
    embeddings: Embeddings = "separate"  # of input and output
    dropout: Share = 0.0               # of embeddings, attention weights and branches

    def expect(self) -> None:
        expect_divisor(self, "heads", "the width", self.width, self.heads)
        expect_divisor(self, "key-value-heads", "the heads", self.heads, self.key_value_heads or self.heads)
        if self.positions == "rotary" and (self.width // self.heads) % 2:
            must = "rotary positions must have an even head width, the width over the heads"
            raise ValueError(f"{type(self).__name__}: {must}, got {self.width} / {self.heads}")

    @classmethod
    def gpt(cls, **given: object) -> Self:
        """Return settings like those of GPT-2: learned positions, layer norms, GELU by tanh, biases.

        Source: Radford et al. 2019, "Language models are unsupervised multitask learners", sec. 2.3.
        """
        like: dict = {"positions": "learned", "normalization": "layer", "feedforward": "gelu", "bias": True}
        return cls(**like | given)

    @classmethod
    def llama(cls, **given: object) -> Self:
        """Return settings like those of Llama 2: rotary positions, RMS norms, SwiGLU, no biases.

        With a `window` they are like those of Mistral 7B.

        Source: Touvron et al. 2023 (arXiv:2302.13971), sec. 2.2, and (arXiv:2307.09288), sec. 2.2; Jiang et al. 2023.
        """
        like: dict = {"positions": "rotary", "normalization": "rms", "feedforward": "swiglu", "bias": False}
        return cls(**like | given)


class EncoderOnlySettings(BlockSettings):
    """The family of encoders without a decoder, such as BERT."""

    vocabulary: Size
    length: Size = 512  # positions
    layers: Size = 2
    segments: Size = 2
    norm: Norm = "post"


class ClassifierSettings(EncoderOnlySettings):
    """The family of encoders that say one thing of a whole sequence."""

    classes: Size


def expect_embeddings(where: str, settings: TransformerSettings | DecoderOnlySettings, embeddings: Embeddings) -> None:
    """Raise ValueError unless the settings are of a model whose embeddings are such."""
    if settings.embeddings != embeddings:
        raise ValueError(f"{where}: embeddings must be {embeddings!r}, got {settings.embeddings!r}")


def expect_divisor(settings: Settings, name: str, of: str, number: int, divisor: int) -> None:
    """Raise ValueError unless `divisor` divides `number`."""
    if number % divisor:
        raise ValueError(f"{type(settings).__name__}: {name} must divide {of} {number}, got {cut(divisor)}")
