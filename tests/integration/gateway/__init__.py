"""The gateway's container, as far as it can be tried without one: its scripts are run, its files are read."""
