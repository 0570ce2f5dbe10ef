"""Mutants of the product, made and run outside the test suite."""
