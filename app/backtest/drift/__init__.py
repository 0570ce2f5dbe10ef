"""Why the account became worth something else than the model of each day said: one ingredient swapped at a time.

Pure but for `recorded`, which reads the ledger. Must never let a part vanish: what nothing explains is told as such.
"""
