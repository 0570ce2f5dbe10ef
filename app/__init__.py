"""The portfolio manager: what it sees, measures, decides and orders, and the record of all of it."""
