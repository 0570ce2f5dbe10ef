"""What an account is worth and may spend, out of its summary and its ledger.

A field or a row that is strange costs itself and is said; what contradicts the account's own totals spoils the answer.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import Incomplete, Malformed
from api_gateway.clientportal.records import AccountType, Cash, Ledger, NavPart, StrangeRow, Summary
from api_gateway.clientportal.row_reader import RowReader

# Exchange rates are rounded, and the sum over the currencies is older than they are by moments.
_SUM_TOLERANCE: Final = Decimal("0.01")
# Rates move all day; on a Monday the currencies have been traded since Sunday.
_LONGEST_RATE_AGE: Final = timedelta(days=1)
# The documented trading types are STKCASH, STKMRGN, STKNOPT, FUTNOPT, PMRGN, GPMRGN and IRAMRGN. A permission to trade
# options or futures comes with a margin account's rules.
_TRADING_TYPES: Final[Mapping[str, AccountType]] = {"STKCASH": "cash", "STKNOPT": "margin", "FUTNOPT": "margin"}
_MARGIN: Final = "MRGN"
_LENT: Final = Decimal("1.05")
_AMOUNTS: Final = ("netliquidation", "availablefunds", "buyingpower")
_CASH: Final = ("cashbalance", "dividends", "interest", "futuresonlypnl")
_WHOLE: Final = "netliquidationvalue"


def summary_of(content: object, account: str | None = None) -> Summary:
    """Parses the answer of `/portfolio/{account}/summary`.

    Raises: Malformed for another account's, and where no row names the base currency.
    """
    answer = wire.mapping(content, "summary")
    owner = answer.get("accountcode")
    if account is not None and isinstance(owner, dict) and isinstance(owner.get("value"), str):
        wire.same_account(owner, "value", expected=account)
    currency = _summary_currency(answer)
    doubts = {name: RowReader() for name in _AMOUNTS}
    net, available, power = (_amount(answer, name, currency, doubts[name]) for name in _AMOUNTS)
    return Summary(
        currency=currency,
        account_type=_account_type(answer, currency),
        net_liquidation=net,
        available_funds=available,
        buying_power=power,
        day_trades_remaining=_day_trades(answer),
        strange=tuple(_strange(f"summary {name}", each.note) for name, each in doubts.items() if each.note),
    )


def _strange(row: str, reason: str | None, symbol: str | None = None) -> StrangeRow:
    return StrangeRow(what="ledger", conid=None, symbol=symbol, reason=f"{row}: {reason}")


def _summary_currency(summary: wire.Row) -> str:
    """The base currency, in which all of a summary is."""
    for name in (*_AMOUNTS, *summary):
        row = summary.get(name)
        found = RowReader().read(name, partial(wire.currency, row, "currency")) if isinstance(row, dict) else None
        if found is not None:
            return found
    raise Malformed("summary netliquidation: currency is missing, there and in all other rows")


def _amount(summary: wire.Row, name: str, currency: str, doubts: RowReader) -> Decimal | None:
    row = summary.get(name)
    if not isinstance(row, dict):
        doubts.add("it is missing" if row is None else "it is no object")
        return None
    if row.get("isNull") is True:
        doubts.add("it is null")
        return None
    if row.get("currency") not in (None, "", currency):
        doubts.add(f"it is not in {currency}")
        return None
    return doubts.number(row, "amount")


def _day_trades(summary: wire.Row) -> int | None:
    """None also for a text such as Unlimited, and for -1, which stands for no limit."""
    row = summary.get("daytradesremaining")
    told = row.get("value") if isinstance(row, dict) else None
    found = RowReader().read("daytradesremaining", partial(wire.whole, told))
    return found if found is not None and found >= 0 else None


def _account_type(summary: wire.Row, currency: str) -> AccountType | None:
    """By the broker's word, or by its figures; `accounttype` names only the owner (individual, joint)."""
    row = summary.get("tradingtype-s")
    word = (RowReader().text(row, "value") or "").upper() if isinstance(row, dict) else ""
    if word in _TRADING_TYPES:
        return _TRADING_TYPES[word]
    return "margin" if _MARGIN in word or _is_lent(summary, currency) else None


def _is_lent(summary: wire.Row, currency: str) -> bool:
    """The broker lends where more can be bought than is there, cash is owed, or holdings tie up less than they cost."""
    names = ("availablefunds", "buyingpower", "totalcashvalue", "initmarginreq", "grosspositionvalue")
    available, power, cash, margin, gross = (_amount(summary, name, currency, RowReader()) for name in names)
    if available and power is not None and power > available * _LENT > 0:
        return True
    return (cash is not None and cash < 0) or bool(margin and gross and 0 < margin * _LENT < gross)


def ledger_of(content: object, account: str, now: datetime) -> Ledger:
    """Parses the answer of `/portfolio/{account}/ledger`.

    Raises: Malformed for another account's; Incomplete when the currencies do not add up to the account's own total.
    """
    rows, strange = _rows(content, account)
    # BASE is the sum over the currencies, not a currency.
    base = rows.pop("BASE", None) or None
    if not rows:
        raise Incomplete("the ledger has no currency")
    if base is None:
        strange.append(_strange("ledger BASE", "it is missing: nothing shows whether the currencies are all there"))
    elif not strange:
        _check_sums(rows, base, now)
    cash: list[Cash] = []
    for name, row in rows.items():
        doubts = RowReader()
        read = _cash(name, row, now, doubts)
        cash += [] if read is None else [read]
        strange += [_strange(f"ledger {name}", doubts.note, name)] if doubts.note else []
    totals, total = RowReader(), base or {}
    unrealized, realized = totals.number(total, "unrealizedpnl"), totals.number(total, "realizedpnl")
    parts = tuple(_parts(total, totals))
    if base is not None and totals.note:
        strange.append(_strange("ledger BASE", totals.note))
    return Ledger(
        cash=tuple(cash),
        unrealized_pnl=unrealized,
        realized_pnl=realized,
        invested=any(_is_invested(row) for row in (rows.values() if base is None else (base,))),
        nav_parts=parts,
        strange=tuple(strange),
    )


def _rows(content: object, account: str) -> tuple[dict[str, wire.Row], list[StrangeRow]]:
    """By name, BASE among them; and what is no row. Raises: Malformed for another account's."""
    rows: dict[str, wire.Row] = {}
    strange: list[StrangeRow] = []
    for name, row in wire.mapping(content, "ledger").items():
        if isinstance(row, dict):
            if isinstance(row.get("acctcode"), str):
                wire.same_account(row, "acctcode", expected=account)
            rows[name] = row
        elif name != "endofbundle":
            strange.append(_strange(f"ledger {name}", "it is no object", name))
    return rows, strange


def _cash(name: str, row: wire.Row, now: datetime, doubts: RowReader) -> Cash | None:
    currency = doubts.read("currency", partial(wire.currency, {"currency": name}, "currency"))
    cash = doubts.number(row, "cashbalance")
    # The row names its currency in `secondkey`; a key alone could be anything.
    if (doubts.text(row, "secondkey") or name) != name:
        doubts.add(f"a row of {row['secondkey']} stands under another currency")
        return None
    if currency is None or cash is None:
        return None
    return Cash(
        currency=currency,
        cash=cash,
        settled_cash=doubts.number(row, "settledcash"),
        exchange_rate=_rate(row, now, doubts),
    )


def _rate(row: wire.Row, now: datetime, doubts: RowReader) -> Decimal | None:
    """None for a rate that cannot be one, and for one that is older than a day, where the row tells its time."""
    rate = doubts.read("exchangerate", partial(wire.price, row.get("exchangerate")))
    told = row.get("timestamp")
    if rate in (None, 1) or told is None:
        return rate
    moment = doubts.read("timestamp", partial(wire.instant, told))
    if moment is None or now - moment <= _LONGEST_RATE_AGE:
        return rate
    doubts.add(f"exchangerate is from {moment:%Y-%m-%d %H:%M} UTC")
    return None


def _check_sums(rows: Mapping[str, wire.Row], base: wire.Row, now: datetime) -> None:
    """Raises: Incomplete when the currencies do not add up to the total: one is missing, or its rate is wrong."""
    for key in ("cashbalance", "netliquidationvalue"):
        total = RowReader().number(base, key)
        in_base = {name: _in_base(row, key, now) for name, row in rows.items()}
        found = [amount for amount in in_base.values() if amount is not None]
        if total is None or len(found) < len(in_base):
            continue
        if abs(sum(found, Decimal(0)) - total) > _SUM_TOLERANCE * sum(map(abs, found), Decimal(0)) + 1:
            told = ", ".join(f"{name} {amount:.2f}" for name, amount in in_base.items())
            raise Incomplete(
                f"the ledger's currencies do not add up to its total: BASE {key} is {total:f}, "
                f"in base currency there are {told}; one is missing or its exchangerate is wrong"
            )


def _in_base(row: wire.Row, key: str, now: datetime) -> Decimal | None:
    amount = RowReader().number(row, key)
    if not amount:
        return amount
    rate = _rate(row, now, RowReader())
    return None if rate is None else amount * rate


def _part_names(row: wire.Row) -> Iterator[str]:
    """Fields of a ledger row that are parts of its net liquidation value, also those of kinds not yet invented."""
    for name in row:
        if name in _CASH or name.endswith("funds") or (name.endswith("value") and name != _WHOLE):
            yield name


def _parts(base: wire.Row, doubts: RowReader) -> Iterator[NavPart]:
    for name in _part_names(base):
        amount = doubts.number(base, name)
        if amount:
            yield NavPart(name=name, amount=amount)


def _is_invested(row: wire.Row) -> bool:
    """Whether it holds anything but cash; what cannot be read may be something."""
    return any(RowReader().number(row, name) != 0 for name in _part_names(row) if name not in _CASH)
