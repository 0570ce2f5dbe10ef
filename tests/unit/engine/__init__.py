"""The pure day: one function from what is known to what may be done."""
