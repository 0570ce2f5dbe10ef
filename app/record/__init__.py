"""What a day was decided from, and its proof: chunks named by their hash, and the day decided again from them.

Pure: no clock, file, network or environment.
"""
