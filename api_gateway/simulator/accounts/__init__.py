"""The accounts: what they hold, what they are worth, and how the endpoints write it."""
