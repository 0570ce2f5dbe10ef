"""Histories that never happened: markets drawn by a seed, and the sample's days in another order."""
