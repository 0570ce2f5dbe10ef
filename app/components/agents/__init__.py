"""The five agents of the daily run."""
