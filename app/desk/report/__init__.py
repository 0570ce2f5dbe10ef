"""The report of a run: its schema, and how it is written."""
