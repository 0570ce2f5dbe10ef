"""Processes that are frozen on their way to the broker while another one takes over, and many that begin at once."""
