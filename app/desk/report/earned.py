"""What each action and rule has earned or cost, in the report."""

from collections.abc import Mapping
from datetime import date

from app.desk.earned import earned
from app.desk.report.part import CENT, Amount, Part
from app.desk.states import MarketRead
from app.engine.earned import Earned


class EarnedRowPart(Part):
    """`fills`: orders of which something was filled; `earned` after `fees`, against not having traded.

    Of `unpriced` ones nobody knows the price then or now, and they earned nothing here; of `feeless` ones not the fee.
    """

    name: str
    fills: int
    earned: Amount
    fees: Amount
    unpriced: int
    feeless: int


class EarnedPart(Part):
    """Since the account was taken over, at today's prices and rates, in `currency`; dividends are left out.

    A sale earned what the price fell since, a purchase what it rose. `actions`: mandatory orders are under EXITS;
    `rules`: an order of two rules counts for both. `total`: of every order once. Fees are what the broker's previews
    named.
    """

    since: date | None
    currency: str
    actions: tuple[EarnedRowPart, ...]
    rules: tuple[EarnedRowPart, ...]
    total: EarnedRowPart


def earned_part(run: MarketRead) -> EarnedPart:
    """As the run found the account; its own orders count from the next run on."""
    found, adoption = earned(run), run.memory.adoption
    return EarnedPart(
        since=adoption.session_date if adoption else None,
        currency=run.portfolio.currency,
        actions=_rows(found.actions),
        rules=_rows(found.rules),
        total=_row("total", found.total),
    )


def _rows(found: Mapping[str, Earned]) -> tuple[EarnedRowPart, ...]:
    return tuple(_row(name, one) for name, one in found.items())


def _row(name: str, one: Earned) -> EarnedRowPart:
    return EarnedRowPart(
        name=name,
        fills=one.fills,
        earned=one.earned.quantize(CENT),
        fees=one.fees.quantize(CENT),
        unpriced=one.unpriced,
        feeless=one.feeless,
    )
