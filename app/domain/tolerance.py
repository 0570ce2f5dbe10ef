"""How near to a limit counts as at it: what the sums of floats are off by, and nothing that anybody could trade on."""

TOLERANCE = 1e-9
