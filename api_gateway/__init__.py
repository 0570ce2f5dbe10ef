"""Everything between the portfolio manager and Interactive Brokers; shares no code with `app`."""
