"""Today's decision if so much more cash were there: decided as on any day, and nothing of it is written or sent."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from app.desk.desk import Desk, Progress, silent
from app.desk.journal import Journal, nowhere
from app.desk.ports import Broker
from app.desk.records import RunStatus, new_run_id
from app.desk.report.build import report_of
from app.desk.run.attempt import RunRequest
from app.desk.run.open_attempt import open_attempt
from app.desk.stages.money import free_cash
from app.desk.stages.pipeline import DECIDE, EVALUATE, READ_ACCOUNT, READ_MARKET, perform_stage
from app.desk.states import AccountRead, EffectiveMode
from app.domain.cash import CashKind, CashRow
from app.domain.errors import UsageError
from app.domain.flows import EXAMPLE, impossible
from app.domain.order import Placement, Ticket
from app.domain.policy import Mode
from app.domain.portfolio import CashBalance, Portfolio
from app.domain.slots import PREVIEW_SLOT

ROW = "what-if"


class _WithCash:
    """The broker of an account that has so much more, or less; its reads alone, so that nothing can be sent."""

    def __init__(self, broker: Broker, amount: Decimal, currency: str, today: date) -> None:
        self._broker, self._amount, self._currency, self._today = broker, amount, currency, today
        self.session, self.performance, self.report = broker.session, broker.performance, broker.report
        self.preview, self.order = broker.preview, broker.order

    async def portfolio(self, account: str) -> Portfolio:
        found = await self._broker.portfolio(account)
        power, whole = found.buying_power, found.broker_net_liquidation
        return replace(
            found,
            cash=_added(found, self._amount),
            available_funds=found.available_funds + self._amount,
            buying_power=None if power is None else power + self._amount,
            broker_net_liquidation=None if whole is None else whole + self._amount,
        )

    async def cash_rows(self, account: str, conids: Sequence[int]) -> tuple[CashRow, ...]:
        kind = CashKind.DEPOSIT if self._amount > 0 else CashKind.WITHDRAWAL
        return (
            *await self._broker.cash_rows(account, conids),
            CashRow(ROW, self._today, kind, self._amount, self._currency, "if it were there"),
        )

    async def place(self, ticket: Ticket, signature: str) -> Placement:
        raise UsageError("a preview places no order")

    async def cancel(self, account: str, order_id: str) -> str:
        raise UsageError("a preview cancels no order")


def _added(portfolio: Portfolio, amount: Decimal) -> tuple[CashBalance, ...]:
    """To the cash in base currency, all of it settled."""
    base = portfolio.currency
    kept = portfolio.cash
    if not any(balance.currency == base for balance in kept):
        kept = (*kept, CashBalance(base, Decimal(0), Decimal(0)))
    return tuple(
        replace(one, cash=one.cash + amount, settled_cash=one.settled_cash + amount) if one.currency == base else one
        for one in kept
    )


async def what_if(
    desk: Desk, amount: Decimal, account: str | None = None, progress: Progress = silent
) -> dict[str, Any]:
    """The report of the decision. Raises UsageError for no amount, and for one that the account does not have."""
    attempt = await open_attempt(desk, RunRequest(account, PREVIEW_SLOT, dry_run=True))
    problem = impossible(amount, attempt.key.session_date)
    if problem is not None:
        raise UsageError(problem, EXAMPLE)
    portfolio = await desk.broker.portfolio(attempt.key.account)
    if portfolio.nav + amount <= 0:
        raise UsageError(
            f"{-amount:,.2f} {portfolio.currency} is more than the account's {portfolio.nav:,.2f}", "Give less"
        )
    words = f"as if {abs(amount):,.2f} were paid {'in' if amount > 0 else 'out'}; nothing is written or sent"
    mode = EffectiveMode(Mode.PREVIEW, Mode.PREVIEW.value, words)
    imagined = replace(desk, broker=_WithCash(desk.broker, amount, desk.policy.currency, attempt.key.session_date))
    opened = replace(attempt, mode=mode).open_run(new_run_id(), Journal(nowhere), progress=progress)
    account_read = _as_new(desk, await perform_stage(READ_ACCOUNT, imagined, opened), amount)
    read = await perform_stage(READ_MARKET, imagined, account_read)
    decided = await perform_stage(DECIDE, imagined, await perform_stage(EVALUATE, imagined, read))
    return report_of(imagined, decided, RunStatus.DRY_RUN, words).as_json()


def _as_new(desk: Desk, run: AccountRead, amount: Decimal) -> AccountRead:
    """Where no run is on record cash that came cannot be told from cash that was there."""
    if amount < 0 or any(flow.external_id == ROW for flow in run.continuity.rows):
        return run
    new = max(Decimal(0), min(amount, free_cash(desk.policy, run.portfolio)))
    return replace(run, memory=replace(run.memory, new_money=new))
