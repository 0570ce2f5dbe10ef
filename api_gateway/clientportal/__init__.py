"""Async client of the Interactive Brokers Client Portal Web API."""
