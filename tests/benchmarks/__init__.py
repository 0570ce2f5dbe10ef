"""Measures the daily run, the start and the memory of real processes; a slow machine makes nothing here fail."""
