"""Ledgers of earlier versions, and what those versions made of them the next day."""
