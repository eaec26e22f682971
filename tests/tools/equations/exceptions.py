"""What is not evaluated, not proved or not seen, each with its reason, of a closed set where there are many."""

REASONS = {
    "ragged": "sets of different sizes, which no array holds: each layer gets the rows that chose it",
    "tuple": "auxiliary outputs are a tuple of arrays of any shape, of which each block has its own number",
    "tree": "the gradient of a layer is a tree, and of a layer without parameters an empty one",
    "sharing": "says which table stands where, and computes nothing",
}
UNEVALUATED = {
    "mixture.5": "ragged",
    "mixture.12": "ragged",
    "encoder.5": "tuple",
    "encoder.9": "tuple",
    "decoder.6": "tuple",
    "decoder.11": "tuple",
    "encoder_decoder.13": "tree",
    "tied.2": "sharing",
    "tied_decoder_only.1": "sharing",
    "masked_language_model.1": "sharing",
    "relative_stack.1": "sharing",
}

# Pages with a backward pass that is not proved for all shapes and values, but holds in balls at random points.
UNPROVED = {
    "blockwise": "its sums run over blocks of different sizes, whose number is not an axis",
}

# Typos that nobody sees, each with the reason.
SURVIVORS = {
    ("online_softmax.8", r"l = \begin{cases} m + \log ( z ) & z > 0 \\ 0 & \text{otherwise} \end{cases}"): "the same: "
    "where z is positive, a score was finite, and so is the largest",
    ("relu.a", r"\delta y = h \delta y"): "the same: h is 0 or 1, and its own square",
}

# Lettered steps that are not proved, but executed on numbers by their page.
STEPS = {
    "chance": "a mean or a variance over draws",
    "relation": "an inequality, a limit, or one thing that follows from another",
    "history": "goes from step to step, whose number is no axis",
    "sets": "sums over blocks and over sets of keys that grow, whose number is no axis",
    "layers": "derivatives of layers of which nothing is known, as matrices",
    "pages": "says of a layer what the page of that layer proves",
    "apart": "about something that the numbered equations do not make, such as another way to compute the same",
}
UNPROVED_STEPS = {
    "chance": """
        attend.k dropout.a dropout.b dropout.c dropout.f stochastic_depth.a stochastic_depth.b stochastic_depth.c
        transformer.c adam.b average.c stream.c interval.a""",
    "relation": """
        relu.b relu.c top_k.b top_k.c kl_divergence.c kl_divergence.h distillation.c distillation.d greedy.a greedy.c
        greedy.e greedy.f adafactor.b adafactor.d adagrad.a adagrad.d adam.e adam.f adamw.d amsgrad.a amsgrad.b
        average.b average.d clipping.b clipping.c lion.c lion.d momentum.g muon.a muon.d nadam.c rmsprop.c sgd.a
        sinusoidal.b sinusoidal.c sampling.a sampling.b beam.a beam.b stream.b
        speculative.a speculative.b law.a""",
    "history": """
        accumulation.a accumulation.b adafactor.a adafactor.c adagrad.b adagrad.c adam.a adam.c adam.d adam.g adamw.b
        adamw.c adamw.e amsgrad.c average.a groups.a lion.a lion.b momentum.a momentum.b momentum.c momentum.d
        momentum.e momentum.f nadam.a nadam.b nadam.d rmsprop.a rmsprop.b rmsprop.d schedules.a schedules.b
        schedules.c schedules.d schedules.e schedules.g schedules.h sgd.b sgd.c greedy.b greedy.d
        cache.b stream.a""",
    "sets": """
        blockwise.a blockwise.b blockwise.c blockwise.d blockwise.e blockwise.f blockwise.g blockwise.h blockwise.i
        online_softmax.a online_softmax.b online_softmax.c online_softmax.d online_softmax.e online_softmax.f
        online_softmax.g online_softmax.h cache.a""",
    "layers": """
        attention.c residual.a residual.b residual.c residual.d residual.e residual.f residual.g stochastic_depth.e
        decoder.a decoder.b decoder.c decoder.d decoder.e decoder_only.c distillation.a distillation.b encoder.a
        encoder.b encoder.c encoder.d encoder.e encoder_decoder.a encoder_decoder.b encoder_decoder.c
        encoder_decoder.d encoder_decoder.e encoder_decoder.f headed.a headed.b objective.a objective.b objective.c
        regression.a regression.b tied.c tied_decoder_only.a tied_decoder_only.b masked_language_model.a
        masked_language_model.b relative_stack.a relative_stack.b""",
    "pages": """
        attention.d attention.e encoder_only.d grouped_attention.a grouped_attention.b grouped_attention.c
        grouped_attention.d grouped_attention.e grouped_attention.f grouped_attention.g grouped_attention.h
        grouped_attention.i grouped_attention.j language_model_head.b cache.c soft_cross_entropy.b
        weighted_cross_entropy.c""",
    "apart": """
        attention.a clipping.a distillation.e muon.b muon.c muon.e regression.c regression.d rotary.d rotary.e rotary.f
        schedules.f top_k.a flops.a law.b law.c memory.a parameters.a""",
}
WHY = {id: reason for reason, ids in UNPROVED_STEPS.items() for id in ids.split()}
