"""Sizes of the small models of Llama's kind that are made in another package and read here."""

SIZES = {
    "vocab_size": 19, "hidden_size": 8, "intermediate_size": 6, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "bos_token_id": None, "eos_token_id": None, "pad_token_id": None,
}  # fmt: skip
ENDS = {"low_freq_factor": 0.5, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
SLOW = {"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, **ENDS}
YARN = {
    "rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "original_max_position_embeddings": 32,
    "beta_slow": 0.5, "beta_fast": 4.0,
}  # fmt: skip
