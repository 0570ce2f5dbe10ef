"""The socket: what a client subscribes to, and what it is told."""
