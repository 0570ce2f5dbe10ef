"""The order system, from the request to the fill, and what can go wrong in it."""
