"""Two workers on one ledger, switched at every call of a port, in orders that seeds decide."""
