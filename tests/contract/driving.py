"""Days of a desk on the simulator that quotes closes, led from close to close, and the same days out of a replay."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from api_gateway.simulator import application
from api_gateway.simulator.world import Options, build_world
from app.backtest.assumptions import Assumptions, FillRule, Resume
from app.backtest.history import History
from app.backtest.replay import Replayed
from app.backtest.sample import sample
from app.broker.paper.book import PaperBook
from app.broker.paper.opening import opened
from app.desk.controls.level import set_level
from app.desk.ports import Offer
from app.desk.ports.chooser import ModelUse
from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.domain.order import OrderRule, Side
from app.domain.plan import Choice
from app.domain.policy import Policy
from app.domain.ruling import KillLevel
from app.domain.slots import CLOSE_SLOT
from app.ledger.engine import open_ledger
from app.ledger.sql_ledger import SqlLedger
from tests.contract.desks import desk_at
from tests.contract.exchange import Exchange
from tests.contract.venue import McpVenue
from tests.support.fakes import FakeChooser

# What a desk at the simulator finds: it fills at the quote, whatever the size.
AS_THE_DESK = Assumptions(fill=FillRule.SAME_BAR, slippage_bps=Decimal(0), dividends=False, participation=Decimal(1))
TO_AFTER_THE_CLOSE = 7 * 3600


@dataclass(frozen=True, slots=True)
class Trade:
    """What was filled of a plan's order, and at which price."""

    symbol: str
    side: Side
    quantity: Decimal
    leg: int
    rules: tuple[OrderRule, ...]
    price: Decimal | None


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


@dataclass
class Driven:
    """A desk on the simulator and its days."""

    policy: Policy
    exchange: Exchange
    ledger: SqlLedger
    chooser: FakeChooser
    resume: Resume

    async def book(self) -> PaperBook:
        """The account as it is, with its closing values up to now."""
        broker, account = self.exchange.broker, self.exchange.account
        return opened(
            await broker.portfolio(account), self.exchange.now.date(), closes=await broker.performance(account)
        )

    def history(self) -> History:
        """The sample with the broker's numbers for its names."""
        names = self.exchange.instruments
        whole = sample()
        return replace(
            whole,
            instruments=tuple(
                replace(one, conid=names[one.symbol].conid, name=names[one.symbol].name) for one in whole.instruments
            ),
        )

    async def day(self) -> Day:
        """The daily slot and, after the close, the close slot; a person looks at it, and it is the next morning."""
        exchange = self.exchange
        desk = replace(desk_at(McpVenue(exchange), self.ledger, self.policy), chooser=self.chooser)
        done = await run_daily(desk, RunRequest())
        assert done.status is RunStatus.DONE
        assert done.report is not None
        await exchange.move(advance_seconds=TO_AFTER_THE_CLOSE)
        closed = await run_daily(desk, RunRequest(slot=CLOSE_SLOT))
        assert closed.status is RunStatus.DONE
        state = await exchange.state()
        level = KillLevel(done.report["level"]["level"])
        if self.resume is Resume.AT_ONCE:
            set_level(self.ledger, KillLevel.ACTIVE, "looked at", "the test", exchange.now)
        await exchange.move(next_session=True)
        return Day(
            on=date.fromisoformat(done.report["session_date"]),
            plan=done.report["decision"]["plan_id"],
            level=level,
            trades=tuple(
                Trade(one.symbol, one.side, one.filled_quantity, one.leg, one.rules, one.average_price)
                for one in self.ledger.intents(done.run_id)
                if one.filled_quantity
            ),
            positions=tuple(sorted((p["symbol"], p["quantity"]) for p in state["positions"] if p["quantity"])),
            cash=cents(Decimal(state["cash"])),
            nav=cents(Decimal(state["net_liquidation"])),
        )


@asynccontextmanager
async def driven(policy: Policy, first: date, state: Path, resume: Resume) -> AsyncIterator[Driven]:
    """From the morning of that session, with the simulator's own account; `state` holds the ledger."""
    seconds = Seconds()
    app = application.create_app(build_world(Options(first, 7, 0, pricing="close"), seconds))
    async with AsyncExitStack() as stack:
        ledger = open_ledger(f"sqlite:///{state}/ledger.db")
        stack.callback(ledger.dispose)
        exchange = Exchange(app, stack, seconds)
        await exchange.open({}, first, policy.universe.symbols)
        yield Driven(policy, exchange, ledger, Thinking(seconds=seconds), resume)


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
        days.append(
            Day(
                on=on,
                plan=decided.plan_id,
                level=decided.level,
                trades=tuple(
                    Trade(
                        one.order.instrument.symbol,
                        one.order.side,
                        one.quantity,
                        one.order.leg,
                        one.order.rules,
                        one.paid,
                    )
                    for one in done
                ),
                positions=tuple(sorted((symbol, quantity) for symbol, quantity in held.items() if quantity)),
                cash=cents(Decimal(f"{found.cash[n + 1]:.4f}")),
                nav=cents(Decimal(f"{found.nav[n + 1]:.4f}")),
            )
        )
    return days
