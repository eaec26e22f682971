"""What the checker says of PyTorch's operators beside "pass"; an entry that is not needed any more is a failure."""

STRIDES = "reads memory by strides that are arguments of its own, whatever the layout of the tensor"
DRAW = "its backward takes what was drawn for a constant; replayed, the draw moves with its arguments"

# Operators of which at least one sample fails, each with the reason.
FAILS = {
    "as_strided": STRIDES,
    "as_strided.partial_views": STRIDES,
    "as_strided_copy": STRIDES,
    "as_strided_scatter": STRIDES,
    "cdist": "its backward in a batch of cotangents is wrong",
    "cholesky_inverse": "its forward mode is wrong for lower factors",
    "linalg.eig": "its backward holds an absolute tolerance against a loss that may be scaled",
    "logcumsumexp": "its forward mode contradicts its backward, which is right",
    "matrix_exp": "its backward exponentiates a matrix that holds dy, which is not linear where that overflows",
    "native_group_norm": "has no gradient of the mean where that output alone is used",
    "nn.functional.hardsigmoid": "its backward has 1/6 in single precision, an error of 3e-8",
    "nn.functional.max_unpool1d": "of entries put in one place the last one counts, and each gets the gradient",
    "nn.functional.max_unpool2d": "as max_unpool1d",
    "nn.functional.max_unpool3d": "as max_unpool1d",
    "nn.functional.nll_loss": "its backward raises where the input that its forward took is not contiguous",
    "normal": DRAW,
    "normal.number_mean": DRAW,
    "scatter_reduce.prod": "its forward mode is silently zero",
    "select_scatter": "its gradient under torch.vmap is multiplied by the length of an axis",
}

LARGE = "its samples have more than 1000 entries"
CARD = "has no backward on a processor"

UNSAFE = "writes beyond its memory, which ends the process"

NOT_TRIED = {
    "_segment_reduce.lengths": UNSAFE,
    "_segment_reduce.offsets": UNSAFE,
    "_upsample_bilinear2d_aa": LARGE,
    "nn.functional.batch_norm.without_cudnn": CARD,
    "nn.functional.ctc_loss": LARGE,
    "nn.functional.one_hot": "has no gradient",
    "nn.functional.unfold": LARGE,
    "slice_scatter": LARGE,
    "torch.ops.aten._efficient_attention_forward": CARD,
    "torch.ops.aten._flash_attention_forward": CARD,
}

# Operators in which a planted error was not found, each with the reason.
UNSEEN: dict[str, str] = {}
