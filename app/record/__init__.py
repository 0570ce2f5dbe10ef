"""What a day was decided from, and the proof of it."""
