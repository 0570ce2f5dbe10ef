"""The five stages of a day, and what only they need."""
