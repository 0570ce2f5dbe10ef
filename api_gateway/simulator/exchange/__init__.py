"""The exchange: contracts, prices, sessions, quotes and bars."""
