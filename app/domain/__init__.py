"""The nouns of the portfolio manager. Pure: no clock, file, network, log or environment."""
