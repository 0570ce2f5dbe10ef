"""The days of a desk that trades at the simulator's closes, and the same days in a replay: the same to the cent."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from app.backtest.assumptions import Assumptions, FillRule, Resume
from app.backtest.replay import Replayed
from app.broker.paper.book import PaperBook
from app.broker.paper.opening import opened
from app.desk.controls.level import set_level
from app.desk.ports import Offer
from app.desk.ports.chooser import ModelUse
from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.domain.plan import Choice
from app.domain.policy import Policy
from app.domain.ruling import KillLevel
from app.domain.slots import CLOSE_SLOT
from app.ledger.sql_ledger import SqlLedger
from tests.contract.desks import desk_at
from tests.contract.exchange import Exchange
from tests.contract.venue import McpVenue
from tests.support.fakes import FakeChooser

# What a desk at the simulator finds: it fills at the quote, and a person resumes before the next day.
AS_THE_DESK = Assumptions(
    fill=FillRule.SAME_BAR, slippage_bps=Decimal(0), dividends=False, participation=Decimal(1), resume=Resume.AT_ONCE
)
HOURS_TO_AFTER_THE_CLOSE = 7


@dataclass(frozen=True, slots=True)
class Trade:
    """What was sent of a plan, and at which price it was filled."""

    symbol: str
    side: str
    quantity: Decimal
    leg: int
    rules: tuple[str, ...]
    price: Decimal


@dataclass(frozen=True, slots=True)
class Day:
    """What was decided and done, and what the account was after the close."""

    on: date
    plan: str
    level: KillLevel
    trades: tuple[Trade, ...]
    positions: tuple[tuple[str, int], ...]
    cash: Decimal
    nav: Decimal


@dataclass
class Seconds:
    """The simulator's time; it passes when somebody says so."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Thinking(FakeChooser):
    """The rules' choice, two seconds later: what is sent is later than what was read, which is told in seconds."""

    seconds: Seconds = field(default_factory=Seconds)

    async def choose(self, offer: Offer) -> tuple[Choice, ModelUse]:
        """See `Chooser.choose`."""
        self.seconds.now += 2
        return await super().choose(offer)


class Driven:
    """A desk on the simulator, moved from close to close."""

    def __init__(self, policy: Policy, exchange: Exchange, ledger: SqlLedger, seconds: Seconds) -> None:
        self.policy = policy
        self.chooser = Thinking(seconds=seconds)
        self.exchange = exchange
        self.ledger = ledger
        self.venue = McpVenue(exchange)

    async def book(self) -> PaperBook:
        """The account as it is, with its closing values up to now."""
        broker, account = self.exchange.broker, self.exchange.account
        return opened(
            await broker.portfolio(account), self.exchange.now.date(), closes=await broker.performance(account)
        )

    async def day(self) -> Day:
        """The daily slot and, after the close, the close slot; then a person resumes, and it is the next morning."""
        desk = replace(desk_at(self.venue, self.ledger, self.policy), chooser=self.chooser)
        exchange = self.exchange
        done = await run_daily(
            desk, RunRequest(), progress=print if __import__("os").environ.get("SAY") else lambda _: None
        )
        assert done.status is RunStatus.DONE
        assert done.report is not None
        await exchange.move(advance_seconds=HOURS_TO_AFTER_THE_CLOSE * 3600)
        closed = await run_daily(desk, RunRequest(slot=CLOSE_SLOT))
        assert closed.status is RunStatus.DONE
        state = await exchange.state()
        sent = self.ledger.intents(done.run_id)
        told = done.report
        set_level(self.ledger, KillLevel.ACTIVE, "looked at", "the test", exchange.now)
        found = Day(
            on=date.fromisoformat(told["session_date"]),
            plan=told["decision"]["plan_id"],
            level=KillLevel(told["level"]["level"]),
            trades=tuple(
                sorted(
                    (
                        Trade(
                            one.symbol,
                            one.side.value,
                            one.filled_quantity,
                            one.leg,
                            tuple(rule.value for rule in one.rules),
                            one.average_price or Decimal(0),
                        )
                        for one in sent
                        if one.filled_quantity
                    ),
                    key=lambda t: (t.symbol, t.side, t.leg),
                )
            ),
            positions=tuple(sorted((p["symbol"], p["quantity"]) for p in state["positions"] if p["quantity"])),
            cash=cents(Decimal(state["cash"])),
            nav=cents(Decimal(state["net_liquidation"])),
        )
        await exchange.move(next_session=True)
        return found


def cents(amount: Decimal) -> Decimal:
    """As a statement has it."""
    return amount.quantize(Decimal("0.01"))


def replayed_days(found: Replayed) -> list[Day]:
    """The same of a replay."""
    held = Counter({one.instrument.symbol: int(one.quantity) for one in found.start.holdings})
    days = []
    for n, (on, decided) in enumerate(zip(found.dates, found.days, strict=True)):
        done = [one for one in found.done if one.row == found.first + n]
        for one in done:
            held[one.order.instrument.symbol] += int(one.quantity) * one.order.side.sign
        trades = [
            Trade(
                one.order.instrument.symbol,
                one.order.side.value,
                one.quantity,
                one.order.leg,
                tuple(rule.value for rule in one.order.rules),
                one.paid,
            )
            for one in done
        ]
        days.append(
            Day(
                on=on,
                plan=decided.plan_id,
                level=decided.level,
                trades=tuple(sorted(trades, key=lambda t: (t.symbol, t.side, t.leg))),
                positions=tuple(sorted((symbol, quantity) for symbol, quantity in held.items() if quantity)),
                cash=cents(Decimal(f"{found.cash[n + 1]:.4f}")),
                nav=cents(Decimal(f"{found.nav[n + 1]:.4f}")),
            )
        )
    return days
