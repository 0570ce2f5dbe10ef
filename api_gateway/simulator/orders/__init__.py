"""The order system, from the request to the fill."""
