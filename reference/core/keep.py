"""Which attention weights survive dropout: a pure function of seed, batch, head, row and key.

Drawn block by block, in any cut, the bits are the same, so a pass that never holds the whole
(T, S) table drops what a pass that does would drop, and the backward pass can draw them again.
An entry takes 2 random bytes and about 3 ns, in bands that are wide enough.
"""

import numpy as np

BAND = 16  # rows that are drawn together: one setting of the counter serves 16 S entries
BITS = 16  # per entry, so the share that is kept is 1 - rate to within 2**-17


def draw(rng: np.random.Generator) -> int:
    """Return the seed of one pass: the one number that dropout of attention weights takes from `rng`."""
    return int(rng.integers(2**63))


def keep(seed: int, rate: float, shape: tuple[int, int, int, int], rows: range) -> np.ndarray:
    """Return (B, H, len(rows), S), True where a weight is kept, for `rows` of a table of `shape` (B, H, T, S).

    Entry (b, h, t, j) is the same whatever the rows, and whatever the lengths in `shape`.

    Raises:
        ValueError: rows are not consecutive rows of the table, or the rate lies outside [0, 1).

    Source: the counter-based generator Philox4x64-10 of Salmon et al. 2011, "Parallel random
    numbers: as easy as 1, 2, 3", as NumPy has it.
    """
    batch, heads, queries, keys = shape
    if rows.step != 1 or not 0 <= rows.start <= rows.stop <= queries:
        raise ValueError(f"keep: rows must be consecutive and lie in [0, {queries}), got {rows}")
    if not 0 <= rate < 1:
        raise ValueError(f"keep: rate must lie in [0, 1), got {rate}")
    philox = np.random.Philox(key=seed)
    state = philox.state
    dropped = round(float(rate) * 2**BITS)  # of the values that 16 bits can have
    kept = np.empty((batch, heads, len(rows), keys), bool)
    for first in range(rows.start - rows.start % BAND, rows.stop, BAND):
        start, stop = max(first, rows.start), min(first + BAND, rows.stop)
        for b, h in np.ndindex(batch, heads):
            # The stream of a band counts up from here in the first word: two bands never meet.
            state["state"]["counter"][:] = 0, first // BAND, h, b
            philox.state = state
            drawn = philox.random_raw(keys * BAND * BITS // 64).astype("<u8", copy=False).view("<u2")
            # Key by key, so that a longer table only goes on where a shorter one ends.
            band = drawn.reshape(keys, BAND).T[start - first : stop - first]
            np.greater_equal(band, dropped, out=kept[b, h, start - rows.start : stop - rows.start])
    return kept
