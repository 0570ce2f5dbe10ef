"""Adapters of the desk's broker and market-data ports."""
