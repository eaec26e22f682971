"""What the help says of each setting."""

TASK = {"training": "sequences to train on", "held-out": "sequences to judge by, none of which occurs in training"}
MODEL = {
    "width": "width of the model",
    "heads": "attention heads, a divisor of the width",
    "key-value-heads": "heads of keys and values, a divisor of the heads (default: as many)",
    "hidden": "hidden width of the feed-forward layers",
    "layers": "blocks",
    "encoder-layers": "blocks in the encoder",
    "decoder-layers": "blocks in the decoder",
    "norm": "where the norm of a residual connection stands",
    "normalization": "what norm it is",
    "positions": "how the model knows positions",
    "feedforward": "the activation, GELU by tanh, or a gate",
    "bias": "whether maps within a block have biases",
    "window": "positions that a position sees, itself among them (default: all before it)",
    "base": "of rotary positions",
    "segments": "kinds of segments",
    "embeddings": "a table for each use, or one for all",
    "dropout": "share that is dropped while training",
}
TRAINING = {
    "seed": "of the data, the parameters and the order; the same seed gives the same bits",
    "batch": "sequences in a batch",
    "epochs": "times through the training sequences",
    "shards": "parts of a batch whose gradients are computed by themselves and added in order",
    "optimizer": (
        "what makes a step of a gradient of the loss, summed over a sequence's tokens; with their mean, and the "
        "same rates, sgd needs about five times as many epochs, adam no more"),
    "momentum": "of the gradients, where the optimizer has one",
    "nesterov": "look ahead along the momentum",
    "beta1": "how much of its mean of gradients an optimizer keeps at a step",
    "beta2": "how much of its mean of squares an optimizer keeps at a step",
    "decay": "share of weights and tables that is taken away, where the optimizer has one",
    "table-scale": "times the rate, for tables of tokens and positions",
    "clip": "most of the norm of all gradients together (default: no limit)",
    "schedule": "how the learning rate goes on",
    "rate": "learning rate, the highest of a schedule that rises or falls",
    "end-rate": "the last learning rate of a schedule that falls",
    "warmup": "steps in which the rate rises first",
    "fall": "steps of the line at the end of warmup-stable-decay (default: a fifth of the run)",
    "factor": "of the rate, every so many steps, with schedule step",
    "every": "steps from one factor to the next, with schedule step",
    "keep": "checkpoints of the last epochs that are kept, besides the best one",
}
