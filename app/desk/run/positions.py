"""What is held, as the broker tells it now, or as the newest run on record saw it and left it; which is always said.

Looking claims nothing and records nothing.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from app.desk.accounts import Whose, masked, meant
from app.desk.desk import Desk, Progress, silent
from app.desk.journal import Journal, nowhere
from app.desk.ports import Ledger
from app.desk.readiness import not_ready
from app.desk.records import RunStatus
from app.desk.report.build import report_of
from app.desk.report.part import CENT
from app.desk.run.attempt import RunRequest
from app.desk.run.open_attempt import open_attempt_by_hand
from app.desk.stages.read import read_account, read_market
from app.domain.errors import BrokerUnavailable, DataError, NotReady, UsageError
from app.domain.session import SessionState
from app.domain.slots import PREVIEW_SLOT

Row = Mapping[str, Any]
_SEARCHED = 200
_LEVELS = ("stop", "cut", "take_profit", "reinforce")


async def show_positions(desk: Desk, account: str | None = None, progress: Progress = silent) -> dict[str, Any]:
    """From the broker where it can be reached, else from the record, with why. Raises UsageError where neither can."""
    try:
        session = await desk.broker.session()
        if session.state is not SessionState.READY:
            raise not_ready(session)
        attempt = await open_attempt_by_hand(desk, RunRequest(account, PREVIEW_SLOT, dry_run=True))
        run = attempt.open_run("", Journal(nowhere), progress=progress)
        report = report_of(desk, await read_market(desk, await read_account(desk, run)), RunStatus.DRY_RUN)
    except (BrokerUnavailable, NotReady, DataError) as error:
        return await desk.in_thread(recorded_positions, desk.ledger, Whose(account, desk.accounts), str(error))
    return _facts(report.as_json(), "broker", None)


def recorded_positions(ledger: Ledger, whose: Whose, why: str | None = None) -> dict[str, Any]:
    """By the newest run of the account that read it. Raises UsageError where none did."""
    book = meant(ledger.books(), whose)
    reports = (record.report for record in ledger.runs(_SEARCHED, book.name))
    newest = next((report for report in reports if report and report.get("portfolio")), None)
    if newest is None:
        reason = f" ({why})" if why else ""
        raise UsageError(
            f"no run on record has read account {masked(book.account)}{reason}", "`portfolio run --dry-run` reads it"
        )
    return _facts(newest, "record", why)


def _facts(report: Row, told_by: str, why: str | None) -> dict[str, Any]:
    portfolio, after = report["portfolio"], report.get("after")
    return {
        "account": masked(report["account"]),
        "from": told_by,
        "why": why,
        "as_of": portfolio["as_of"],
        "source": report["source"],
        "session_date": report["session_date"],
        "run_id": report["run_id"] or None,
        "status": report["status"] if told_by == "record" else None,
        "currency": portfolio["currency"],
        "nav": (after or portfolio)["nav"],
        "cash": (after or portfolio)["cash"],
        "positions": _positions(report),
        "not_managed": [dict(row) for row in portfolio.get("unmanaged", ())],
        "notes": _notes(report, told_by),
    }


def _positions(report: Row) -> list[dict[str, Any]]:
    """Of a run that traded as its orders left them, where the report tells that; prices stay those of the reading."""
    read = {row["symbol"]: row for row in report["portfolio"]["positions"]}
    levels = {row["symbol"]: row for row in report.get("price_levels", ())}
    legacy = frozenset((report.get("adoption") or {}).get("legacy", ()))
    after = report.get("after")
    held = {row["symbol"]: row for row in after["positions"]} if after else read
    return [
        _position(symbol, read.get(symbol), held[symbol], levels.get(symbol), _bought(report, symbol))
        | {"legacy": symbol in legacy}
        for symbol in sorted(held)
        if Decimal(held[symbol]["quantity"])
    ]


def _position(
    symbol: str, read: Row | None, held: Row, levels: Row | None, bought: tuple[Decimal, Decimal]
) -> dict[str, Any]:
    quantity = Decimal(held["quantity"])
    price = Decimal(read["price"]) if read else _decimal(held.get("price"))
    cost = _average_cost(read, quantity, bought)
    value = price * quantity if price is not None else None
    gain = (price - cost) * quantity if price is not None and cost is not None else None
    return {
        "symbol": symbol,
        "sector": read["sector"] if read else None,
        "currency": read["currency"] if read else None,
        "quantity": f"{quantity.normalize():f}",
        "price": _text(price),
        "market_value": _text(value, cents=True),
        "weight": held["weight"],
        "average_cost": _text(cost),
        "gain": _text(gain, cents=True),
        "gain_fraction": float(price / cost - 1) if price is not None and cost else None,
        **{name: levels[name] if levels else None for name in _LEVELS},
    }


def _bought(report: Row, symbol: str) -> tuple[Decimal, Decimal]:
    """Shares of the run's own purchases, and what they cost."""
    fills = [
        (Decimal(order["filled_quantity"]), Decimal(order["average_price"]))
        for order in report.get("orders", ())
        if order["symbol"] == symbol and order["side"] == "BUY" and order["average_price"] is not None
    ]
    return sum((q for q, _ in fills), Decimal(0)), sum((q * price for q, price in fills), Decimal(0))


def _average_cost(read: Row | None, quantity: Decimal, bought: tuple[Decimal, Decimal]) -> Decimal | None:
    """The broker's, with what was bought since at its price; unknown where more is held than either tells."""
    shares, paid = bought
    before = Decimal(read["quantity"]) if read else Decimal(0)
    if read is not None and (not shares or before >= quantity):
        return Decimal(read["average_cost"])
    if before + shares != quantity or not quantity:
        return None
    kept = before * Decimal(read["average_cost"]) if read else Decimal(0)
    return (kept + paid) / quantity


def _notes(report: Row, told_by: str) -> list[str]:
    """What a reader must know of the numbers."""
    notes: list[str] = list(report["portfolio"].get("gaps", ()))
    after = report.get("after")
    if told_by == "record":
        filled = [order for order in report.get("orders", ()) if Decimal(order["filled_quantity"])]
        if after is None and filled:
            notes.append(f"as it was before the run's {len(filled)} orders were filled")
        elif filled:
            notes.append("with the run's own orders, at the prices before them")
        notes += [f"may still be filled: {words}" for words in (after or {}).get("open_orders", ())]
        notes += list((after or {}).get("unknown", ()))
    return notes


def _decimal(written: str | None) -> Decimal | None:
    return None if written is None else Decimal(written)


def _text(amount: Decimal | None, *, cents: bool = False) -> str | None:
    if amount is None:
        return None
    return f"{amount.quantize(CENT):f}" if cents else f"{amount.quantize(Decimal('0.0001')).normalize():f}"
