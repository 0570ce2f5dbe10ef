"""Promises of a backtest, tried: each check is shown to catch the defect that it is there for."""

from app.backtest.checks.run import run_checks as run_checks
