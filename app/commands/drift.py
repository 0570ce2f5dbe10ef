"""`portfolio drift`: why the account became worth something else than the model of its days said."""

from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from app.backtest.assumptions import Assumptions
from app.backtest.drift.closes import Source
from app.backtest.drift.parts import MEANINGS, DayDrift, Drift
from app.backtest.drift.reading import Days, drift, recorded_days
from app.backtest.history import Dividend
from app.backtest.sources import history_named
from app.commands.output import AccountOption, JsonOption, StateOption, opened_ledger, print_json, settings_of, tell
from app.desk.accounts import Whose, masked, meant
from app.settings import read_policy

OWN = "source"
_DAYS_SHOWN = 3
_SENTENCES = 12


def command(
    days: Annotated[int, typer.Option("--days", min=1, max=10_000, help="Newest recorded sessions.")] = 60,
    data: Annotated[
        str, typer.Option("--data", help="Closes as they are now: `source` for the account's own, or a history's name.")
    ] = OWN,
    account: AccountOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Each recorded day against what its model said: the difference in NAV, explained part by part."""
    settings = settings_of(state)
    policy, _ = read_policy(settings.policy_file)
    with opened_ledger(settings) as ledger:
        book = meant(ledger.books(), Whose(account, settings.accounts))
        recorded = recorded_days(ledger, book.name, days)
        source = _source(data, recorded, settings.state_dir)
        found = drift(recorded, policy, source, Assumptions(), _progress)
    if as_json:
        print_json({"account": masked(book.account), "data": source.name, **_plain(found)})
    else:
        _show(found, source)


def _progress(done: int, of: int) -> None:
    if done % 20 == 0:
        tell(f"{done} of {of} days explained")


def _source(name: str, recorded: Days, state: Path) -> Source:
    if name == OWN:
        return Source("the account's own source", recorded.newest_closes)
    history = history_named(name, state)
    known = recorded.conids
    # The history numbers its names in its own way.
    conids = {one.conid: known[one.symbol] for one in history.instruments if one.symbol in known}
    closes = {
        conids[one.conid]: {
            day: close
            for day, close in zip(history.dates, history.closes[:, column].tolist(), strict=True)
            if close == close
        }
        for column, one in enumerate(history.instruments)
        if one.conid in conids
    }
    paid = tuple(
        Dividend(conids[one.conid], one.session_date, one.known_at, one.amount)
        for one in history.happenings
        if isinstance(one, Dividend) and one.conid in conids
    )
    return Source(name, closes, paid)


def _plain(found: Drift) -> dict[str, Any]:
    """Amounts as text, in base currency."""
    return {
        "currency": found.currency,
        "difference": f"{found.difference}",
        "causes": [
            {
                "cause": one.cause.value,
                "amount": f"{one.amount}",
                "share_of_nav": one.share,
                "days": [day.isoformat() for day in one.days],
            }
            for one in found.totals
        ],
        "days": [_plain_day(day) for day in found.days],
        "not_explainable": [{"session_date": day.isoformat(), "why": why} for day, why in found.not_explainable],
        "notes": list(found.notes),
    }


def _plain_day(day: DayDrift) -> dict[str, Any]:
    return {
        "session_date": day.session_date.isoformat(),
        "until": day.until.isoformat(),
        "nav": f"{day.nav}",
        "modelled": f"{day.modelled}",
        "became": f"{day.became}",
        "difference": f"{day.difference}",
        "parts": [
            {"cause": part.cause.value, "symbol": part.symbol, "amount": f"{part.amount}", "words": part.words}
            for part in day.parts
        ],
    }


def _show(found: Drift, source: Source) -> None:
    if found.days:
        _show_days(found, source)
    for session, why in found.not_explainable:
        typer.echo(f"{session}: not explainable: {why}")
    for note in found.notes:
        typer.echo(note)


def _show_days(found: Drift, source: Source) -> None:
    first, last = found.days[0].session_date, found.days[-1].until
    typer.echo(
        f"{len(found.days)} recorded days from {first} to {last}, against {source.name}: the account became worth "
        f"{found.difference:+,.2f} {found.currency} against what the model of each day said"
    )
    table = Table("cause", found.currency, "of NAV", "most of it on", "what it is", box=None)
    for one in found.totals:
        most = ", ".join(day.isoformat() for day in one.days[:_DAYS_SHOWN])
        table.add_row(one.cause.value, f"{one.amount:+,.2f}", f"{one.share:+.3%}", most, MEANINGS[one.cause])
    Console().print(table)
    for day in sorted(found.days, key=lambda day: -abs(day.difference))[:_SENTENCES]:
        for sentence in islice(day.sentences(), _DAYS_SHOWN):
            typer.echo(sentence)
