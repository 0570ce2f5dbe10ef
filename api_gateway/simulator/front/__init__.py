"""The gateway program before its endpoints: who may call, how often, and the login behind it."""
