"""`portfolio history …`: the prices that a backtest can run over."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from app.backtest import recorded, sample
from app.backtest.data import store
from app.backtest.data.importing import Wanted, read_history
from app.backtest.data.problems import FileRefused
from app.backtest.history import Adjustment, History
from app.backtest.sources import history_named
from app.commands.output import JsonOption, StateOption, print_json, say, settings_of, tell
from app.desk.desk import real_time
from app.domain.errors import UsageError

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Of a history.")]


def register(cli: typer.Typer) -> None:
    """Add `portfolio history …`."""
    history = typer.Typer(no_args_is_help=True, help="Prices that a backtest can run over.")
    history.command("import")(import_file)
    history.command("list")(show_all)
    history.command("show")(show)
    history.command("remove")(remove)
    cli.add_typer(history, name="history")


def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv, .csv.gz or .parquet: date, symbol, close, …")],
    name: Annotated[str, typer.Option("--name", help="What it is called from now on.")],
    adjustment: Annotated[
        Adjustment,
        typer.Option("--adjustment", help="What earlier prices were changed by: nothing, splits, or dividends too."),
    ] = Adjustment.NONE,
    currency: Annotated[str, typer.Option("--currency", help="Of all its prices.")] = "USD",
    events: Annotated[
        Path | None, typer.Option("--events", help="Dividends, splits and endings: date, symbol, kind, value, …")
    ] = None,
    index: Annotated[str | None, typer.Option("--index", help="The symbol that is the index.")] = None,
    vix: Annotated[str | None, typer.Option("--vix", help="The symbol that is the volatility index.")] = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep a file of daily prices as a history, if nothing is wrong with it."""
    where = settings_of(state).state_dir
    store.require_free(name, where)
    try:
        found = read_history(Wanted(file, name, adjustment, currency, events, index, vix))
    except FileRefused as refused:
        if refused.count > 1 and not as_json:
            for problem in refused.problems:
                say(problem)
        raise
    files = {each.name: store.file_hash(each) for each in (file, events) if each is not None}
    store.save(found, store.Origin(real_time(), files), where)
    if as_json:
        print_json(_as_json(found))
        return
    for note in found.notes:
        tell(note)
    first, last = found.dates[0], found.dates[-1]
    typer.echo(f"{name}: {len(found.dates)} sessions of {len(found.instruments)} names from {first} to {last}")


def show_all(state: StateOption = None, as_json: JsonOption = False) -> None:
    """The histories that there are."""
    where = settings_of(state).state_dir
    rows = [_row(name, where) for name in store.names(where)]
    if as_json:
        print_json({"imported": rows, "others": [sample.NAME, recorded.NAME]})
        return
    typer.echo(f"{sample.NAME}: twenty large companies from 1990 to 2022, where the sample's prices are installed")
    typer.echo(f"{recorded.NAME}: what the runs of an account kept, where there are some")
    for row in rows:
        if "damaged" in row:
            typer.echo(f"{row['name']}: {row['damaged']}")
        else:
            typer.echo(
                f"{row['name']}: {row['sessions']} sessions of {row['names']} names from {row['from']} to {row['to']}, "
                f"adjustment {row['adjustment']}, {row['currency']}"
            )


def show(name: NameArgument, state: StateOption = None, as_json: JsonOption = False) -> None:
    """What a history holds, and what it cannot show."""
    where = settings_of(state).state_dir
    found = history_named(name, where)
    origin = _origin(name, where) if name in store.names(where) else {}
    if as_json:
        print_json(_as_json(found) | origin)
        return
    plain = _as_json(found)
    typer.echo(f"{name}: {plain['sessions']} sessions from {plain['from']} to {plain['to']}, {plain['digest']}")
    typer.echo(f"adjustment {plain['adjustment']}; beside closes: {', '.join(plain['has']) or 'nothing'}")
    happenings = ", ".join(f"{count} {kind}" for kind, count in plain["happenings"].items())
    typer.echo(f"happenings: {happenings or 'none'}")
    for one in plain["names"]:
        gaps = f", {one['gaps']} without a price" if one["gaps"] else ""
        typer.echo(
            f"  {one['symbol']:<8} {one['from']} to {one['to']}, {one['sessions']} sessions{gaps}, {one['sector']}"
        )
    for note in found.notes:
        typer.echo(f"note: {note}")
    for file, digest in origin.get("files", {}).items():
        typer.echo(f"from {file}, sha256:{digest}")


def remove(name: NameArgument, state: StateOption = None) -> None:
    """Forget a history that was imported."""
    store.remove(name, settings_of(state).state_dir)
    typer.echo(f"{name} is removed")


def _row(name: str, state: Path) -> dict[str, Any]:
    try:
        plain = store.read_manifest(name, state)
    except UsageError as error:
        return {"name": name, "damaged": str(error)}
    return {
        "name": name,
        "from": plain["span"][0],
        "to": plain["span"][1],
        "sessions": plain["sessions"],
        "names": len(plain["instruments"]),
        "adjustment": plain["adjustment"],
        "currency": plain["currency"],
        "imported_at": plain["imported_at"],
    }


def _origin(name: str, state: Path) -> dict[str, Any]:
    plain = store.read_manifest(name, state)
    return {"imported_at": plain["imported_at"], "files": plain["files"]}


def _as_json(history: History) -> dict[str, Any]:
    kinds = [type(each).__name__.lower() for each in history.happenings]
    beside = {"opens": history.opens, "volumes": history.volumes, "index": history.index, "vix": history.vix}
    return {
        "name": history.name,
        "source": history.source,
        "adjustment": history.adjustment.value,
        "currency": history.instruments[0].currency,
        "from": history.dates[0].isoformat(),
        "to": history.dates[-1].isoformat(),
        "sessions": len(history.dates),
        "names": [_name(history, column) for column in range(len(history.instruments))],
        "has": [name for name, values in beside.items() if values is not None],
        "happenings": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
        "digest": history.digest,
        "notes": list(history.notes),
    }


def _name(history: History, column: int) -> dict[str, Any]:
    instrument = history.instruments[column]
    rows = np.flatnonzero(~np.isnan(history.closes[:, column]))
    first, last = int(rows[0]), int(rows[-1])
    return {
        "symbol": instrument.symbol,
        "conid": instrument.conid,
        "class": instrument.asset_class.value,
        "sector": instrument.sector,
        "from": history.dates[first].isoformat(),
        "to": history.dates[last].isoformat(),
        "sessions": len(rows),
        "gaps": last - first + 1 - len(rows),
    }
