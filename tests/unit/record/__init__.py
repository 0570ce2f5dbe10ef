"""What is kept of a day, and the day decided again from it."""
