"""The commands over history, in one place: what they import takes longer than most other commands work."""

import typer

from app.commands import backtest, drift, history, sweep

cli = typer.Typer()
history.register(cli)
cli.command("backtest")(backtest.command)
cli.command("drift")(drift.command)
cli.command()(sweep.sweep)
