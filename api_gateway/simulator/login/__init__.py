"""The gateway's front and the login behind it: who may come in, how often, and for how long."""
