"""A run is killed at every point where it touches the ledger, the broker or the market, and recovered, and judged."""
