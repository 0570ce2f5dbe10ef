"""An amount that was paid out is an argument, wherever it stands and without `--`."""

from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner, Result

from app.commands.amounts import WithAmounts
from app.commands.flows import register

cli = typer.Typer()


@cli.callback()
def _several() -> None:
    pass


@cli.command("add", cls=WithAmounts)
def _add(
    amount: Annotated[str, typer.Argument()],
    note: Annotated[str, typer.Option("--note")] = "",
    asked: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    typer.echo(f"{amount}|{note}|{asked}")


def add(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["add", *arguments])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-500",), "-500||False"),
        (("-500", "--note", "rent"), "-500|rent|False"),
        (("--note", "rent", "-2.50"), "-2.50|rent|False"),
        (("--json", "-5"), "-5||True"),
        (("-5", "--note", "-7"), "-5|-7|False"),
        (("--note=-7", "-5"), "-5|-7|False"),
        (("--", "-500"), "-500||False"),
        (("-1e3",), "-1e3||False"),
        (("-.5",), "-.5||False"),
        (("-$500",), "-$500||False"),
        (("500",), "500||False"),
    ],
)
def test_a_negative_amount_is_taken_as_it_is_written(arguments: tuple[str, ...], said: str) -> None:
    result = add(*arguments)
    assert (result.exit_code, result.output) == (0, f"{said}\n")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("-5", "--nota", "x"), "--nota"),
        (("-j",), "-j"),
        (("-5", "-6"), "-6"),
        (("-5", "--note"), "--note"),
    ],
)
def test_a_misspelt_option_beside_an_amount_is_an_error_that_names_it(arguments: tuple[str, ...], named: str) -> None:
    result = add(*arguments)
    assert result.exit_code == 2
    assert named in result.output


def test_every_command_of_flow_that_takes_an_amount_takes_one_that_was_paid_out() -> None:
    program = typer.Typer()
    register(program)
    group = typer.main.get_command(program)
    flow = group.commands["flow"]  # type: ignore[attr-defined]  # a group
    takes = {name for name, one in flow.commands.items() if any(p.name == "amount" for p in one.params)}
    assert takes == {"add", "plan", "what-if"}
    assert all(isinstance(flow.commands[name], WithAmounts) for name in takes)
