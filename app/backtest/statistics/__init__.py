"""What can be said of a way through history, and how sure of it one can be."""
