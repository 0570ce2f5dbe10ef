"""Any order of events, found by hypothesis; see `tests.reliability.invariants` for what must hold."""
