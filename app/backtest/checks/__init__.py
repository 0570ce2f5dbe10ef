"""Promises of a backtest, tried: each check is shown to catch the defect that it is there for."""
