"""The ledger is lost and an older copy restored at a random moment of random days, and recovered, and judged."""
