"""Prices that a person brings: read line by line, checked whole, and kept only where nothing is wrong with them.

Nothing in a file is believed, mended or guessed: what is doubtful is told with its line, and what is missing stays so.
"""
