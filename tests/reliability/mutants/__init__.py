"""Each safeguard is taken away in turn, in a process of its own, and a test must see what that does."""
