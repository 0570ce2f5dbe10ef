"""What the tests across processes share."""

from tests.support.ledgers import databases, postgres

__all__ = ["databases", "postgres"]
