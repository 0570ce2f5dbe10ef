"""What a test makes go wrong, and how the broker is set meanwhile."""
