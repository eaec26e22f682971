"""The command `gradcheck`: a verdict on layers of yours, by their import path."""
