"""Databases to put the stored ledgers into."""

from tests.support.ledgers import databases, postgres

__all__ = ["databases", "postgres"]
