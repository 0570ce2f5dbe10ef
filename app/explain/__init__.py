"""A policy in words: what each setting comes to on a day, and what two policies would decide about it."""
