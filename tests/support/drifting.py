"""Days of one account through the desk on paper, on a scripted market, with a known cause of drift on a known day."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np

from app.backtest.assumptions import Assumptions
from app.backtest.drift.closes import Source
from app.backtest.drift.parts import Cause, Drift
from app.backtest.drift.reading import drift, recorded_days
from app.broker.paper import PaperBook, PaperBroker
from app.broker.paper.book import Cash, Holding
from app.broker.paper.valuation import Wanted
from app.broker.signing import HmacSigner
from app.desk.desk import Desk
from app.desk.records import Claim, Event, Flow, Intent, RunStatus, TakenOver
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.domain.cash import CashKind
from app.domain.instrument import AssetClass, ContractRules, Increment, Instrument
from app.domain.market import PriceSeries, Quote, QuoteKind
from app.domain.order import Outcome, Placement, Side, Ticket
from app.domain.plan import Action
from app.domain.policy import CutLosers, Frequency, MarketRules, Policy, Rebalance, Reinforce, Rotate
from app.domain.session import Simulation
from app.ledger.engine import create_ledger_engine, open_ledger
from app.ledger.sql_ledger import SqlLedger
from app.market.calendar import ExchangeCalendar
from app.market.sectors import SECTORS
from app.record.capture import Told, keep
from app.record.chunks import KeptInputs
from app.record.replay import read
from tests.support.fakes import FakeChooser, no_sleep, policy

ACCOUNT = "DU7654321"
FIRST = date(2021, 3, 1)
NAMES = ("AAPL", "BAC", "GE", "JNJ", "KO", "WMT")
PAST, LIVE = 300, 150
# Until a close is revised, and one day more.
QUIET_AFTER = 5
VOLUME = Decimal(5_000_000)
INDEX, VIX = Instrument(1, "SPX", "USD", AssetClass.INDEX), Instrument(2, "VIX", "USD", AssetClass.INDEX)
CALENDAR = ExchangeCalendar()
NOTHING_FILLS = Decimal("1e-9")
SOLD, ENOUGH = Decimal(200), Decimal(6_000)
DEPOSIT, FEE, DIVIDEND, RATE_MOVE = Decimal(5_000), Decimal("187.30"), Decimal("0.62"), Decimal("1.02")
# Twelve, and money that was paid in.
CAUSES = (
    Cause.LATE_FILL,
    Cause.SPLIT,
    Cause.REFUSED_ORDER,
    Cause.FEE,
    Cause.PARTIAL_FILL,
    Cause.DEPOSIT,
    Cause.POLICY_EDIT,
    Cause.DIVIDEND,
    Cause.MISSED_RUN,
    Cause.MANUAL_TRADE,
    Cause.CODE_VERSION,
    Cause.FX,
    Cause.REVISED_CLOSE,
)
WITH_ORDERS = frozenset(
    {
        Cause.LATE_FILL,
        Cause.PARTIAL_FILL,
        Cause.REFUSED_ORDER,
        Cause.MISSED_RUN,
        Cause.CODE_VERSION,
        Cause.POLICY_EDIT,
        Cause.REVISED_CLOSE,
    }
)


def instrument(symbol: str) -> Instrument:
    return Instrument(1000 + NAMES.index(symbol), symbol, "USD")


def sessions_from(first: date, count: int) -> list[date]:
    found: list[date] = []
    day = first - timedelta(days=1)
    while len(found) < count:
        day = CALENDAR.next_session(day)
        found.append(day)
    return found


def daily_rules() -> Policy:
    """Corrects small drifts every day, so that there is something to trade on most of them."""
    shipped = policy({"review_after_runs": 100_000}, min_order_value=Decimal(500))
    allocation = shipped.allocation.model_copy(
        update={"frequency": Frequency.DAILY, "drift_threshold": 0.003, "sectors": {}}
    )
    universe = shipped.universe.model_copy(update={"symbols": NAMES, "max_volatility_30d": 10.0})
    wide = {
        "max_correlated": 1.0,
        "max_var_95_1d": 0.2,
        "max_annual_volatility": 1.0,
        "max_sector": 1.0,
        "max_position": 0.25,
        "max_drawdown": 0.9,
        "max_daily_loss": 0.5,
    }
    # Nothing but drift, so that every day is like the others.
    strategies = shipped.strategies.model_copy(
        update={
            "sector_rotation": Rotate(enabled=False),
            "cut_losers": CutLosers(enabled=False),
            "reinforce_winners": Reinforce(enabled=False),
        }
    )
    parts = {
        "allocation": allocation,
        "universe": universe,
        "strategies": strategies,
        "risk_limits": shipped.risk_limits.model_copy(update=wide),
        "exits": shipped.exits.model_copy(update={"stop_loss": 0.9, "take_profit": 9.0}),
        "market": MarketRules(bear_threshold_pct=90, bear_exposure_pct=100),
    }
    return shipped.model_copy(update=parts)


@dataclass
class Script:
    """Prices of a seeded walk: one at eleven, at which runs trade, and a close; both end at the clock's day.

    `ratios`: symbol → (session from which shares are counted anew, new for old). `revised`: (symbol, session) → (factor
    on its close, session from which it is told). `moved`: what a price is multiplied by for now.
    """

    seed: int
    at: datetime = field(init=False)
    days: list[date] = field(init=False)
    ratios: dict[str, tuple[date, int]] = field(default_factory=dict)
    revised: dict[tuple[str, date], tuple[float, date]] = field(default_factory=dict)
    moved: dict[str, Decimal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        drawn, total = np.random.default_rng(self.seed), PAST + LIVE
        # More than two years of days hold the past's sessions.
        past = [day for day in sessions_from(FIRST - timedelta(days=2 * PAST), 2 * PAST) if day < FIRST]
        self.days = past[-PAST:] + sessions_from(FIRST, LIVE)
        steps = drawn.normal(0, 0.035, (total, len(NAMES)))
        small = drawn.normal(0, 0.001, (total, len(NAMES)))
        paths = 100 * np.exp(np.cumsum(steps + small, axis=0) * np.where(np.arange(total) < PAST, 0.3, 1)[:, None])
        self._closes = np.round(paths, 2)
        self._eleven = np.round(paths / np.exp(small), 2)
        self._index = np.round(4000 * np.exp(np.cumsum(drawn.normal(0.0002, 0.006, total))), 2)
        self.at_eleven(self.live[0])

    @property
    def live(self) -> list[date]:
        return self.days[PAST:]

    def now(self) -> datetime:
        return self.at

    def tick(self) -> None:
        self.at += timedelta(seconds=1)

    def at_eleven(self, day: date) -> None:
        session = CALENDAR.session_on(day)
        assert session is not None
        self.at = session.opens + timedelta(minutes=90)

    def price(self, symbol: str) -> Decimal:
        row, today = self.days.index(CALENDAR.local_date(self.at)), CALENDAR.local_date(self.at)
        price = Decimal(f"{self._eleven[row, NAMES.index(symbol)]:.2f}") / self._old_shares(symbol, today)
        return (price * self.moved.get(symbol, Decimal(1))).quantize(Decimal("0.01"))

    def _prior(self, symbol: str) -> Decimal:
        today = CALENDAR.local_date(self.at)
        close = Decimal(f"{self._closes[self.days.index(today) - 1, NAMES.index(symbol)]:.2f}")
        return close / self._old_shares(symbol, today)

    def _old_shares(self, symbol: str, day: date) -> int:
        since, ratio = self.ratios.get(symbol, (date.max, 1))
        return ratio if day >= since else 1

    async def instruments(
        self, symbols: Sequence[str], asset_class: AssetClass = AssetClass.STOCK
    ) -> tuple[dict[str, Instrument], dict[str, str]]:
        if asset_class is AssetClass.INDEX:
            return {"SPX": INDEX, "VIX": VIX}, {}
        return {symbol: instrument(symbol) for symbol in symbols}, {}

    async def quotes(self, conids: Sequence[int]) -> tuple[dict[int, Quote], dict[int, str]]:
        found = {conid: self._quote(conid) for conid in conids if conid >= 1000}
        if VIX.conid in conids:
            found[VIX.conid] = Quote(VIX.conid, QuoteKind.LIVE, self.at, "script", last=Decimal(15))
        return found, {}

    def _quote(self, conid: int) -> Quote:
        price = self.price(NAMES[conid - 1000])
        return Quote(
            conid, QuoteKind.LIVE, self.at, "script", price - Decimal("0.01"), price + Decimal("0.01"), price,
            self._prior(NAMES[conid - 1000]), VOLUME, Decimal(100_000_000_000),
        )  # fmt: skip

    async def history(self, conid: int, before: date) -> PriceSeries:
        rows = self.days.index(before)
        if conid == INDEX.conid:
            return PriceSeries(conid, tuple(self.days[:rows]), self._index[:rows], "script", self.at)
        symbol, today = NAMES[conid - 1000], CALENDAR.local_date(self.at)
        closes = self._closes[:rows, conid - 1000] / self._old_shares(symbol, today)
        for (name, day), (factor, since) in self.revised.items():
            if name == symbol and today >= since and day < before:
                closes[self.days.index(day)] *= factor
        return PriceSeries(conid, tuple(self.days[:rows]), closes, "script", self.at)

    async def rules(self, conid: int, side: Side) -> ContractRules:
        return ContractRules(conid, (Increment(Decimal(0), Decimal("0.01")),))


class Counter(PaperBroker):
    """Fills what it is sent, unless it is told to refuse it, to fill two fifths of it, or to let it wait."""

    fate: Cause | None = None
    tick: Callable[[], None]

    async def place(self, ticket: Ticket, signature: str) -> Placement:
        # What is traded comes after what was read.
        self.tick()
        if self.fate is Cause.REFUSED_ORDER:
            return Placement(Outcome.REJECTED, message="no trading permission")
        if self.fate is Cause.LATE_FILL:
            self.allow(NOTHING_FILLS)
        if self.fate is Cause.PARTIAL_FILL:
            self.allow((ticket.quantity * 2 // 5 + Decimal("0.5")) / VOLUME)
        placed = await super().place(ticket, signature)
        self.allow(NOTHING_FILLS if self.fate is Cause.LATE_FILL else None)
        if self.fate is Cause.PARTIAL_FILL:
            self.allow(NOTHING_FILLS)
        return placed

    def allow(self, participation: Decimal | None) -> None:
        self._book = self._book.changed(participation=participation)


class OtherCode(SqlLedger):
    """Keeps of a day that other code decided it as it was decided, by its own rules."""

    other = False

    def commit_plan(
        self,
        claim: Claim,
        plan: Mapping[str, object],
        intents: Sequence[Intent],
        at: datetime,
        events: Sequence[Event] = (),
        inputs: KeptInputs | None = None,
        taken_over: TakenOver | None = None,
    ) -> None:
        if self.other and inputs is not None:
            record = read(inputs)
            told = Told(record.told.run, {**record.told.code, "source": "of another version"})
            inputs = keep(replace(record.inputs, choice=None), record.outcome, told, lambda text: text)
        super().commit_plan(claim, plan, intents, at, events, inputs, taken_over)


@dataclass
class Driven:
    """A desk led through the script's sessions. By number of the session: `orders` that were sent, the cause that was
    `injected` and, where it was in one name, its symbol.
    """

    script: Script
    ledger: OtherCode
    broker: Counter
    rules: Policy
    signer: HmacSigner
    orders: dict[int, list[str]] = field(default_factory=dict)
    injected: dict[int, Cause] = field(default_factory=dict)
    symbols: dict[int, str] = field(default_factory=dict)

    def explained(self) -> Drift:
        """By the policy as it is now, with the closes that the script told last."""
        (book,) = self.ledger.books()
        recorded = recorded_days(self.ledger, book.name, 1000)
        return drift(recorded, self.rules, Source("script", recorded.newest_closes), Assumptions())


def opening(script: Script) -> PaperBook:
    """A million: nine tenths in shares, as much of each; money in euros beside."""
    day = script.live[0]
    prices = {symbol: script.price(symbol) for symbol in NAMES}
    holdings = tuple(
        Holding(instrument=instrument(symbol), quantity=150_000 // price, average_cost=price, price=price)
        for symbol, price in prices.items()
    )
    euros = Cash(currency="EUR", amount=Decimal(20_000), exchange_rate=Decimal("1.1"))
    cash = (Cash(currency="USD", amount=Decimal(100_000)), euros)
    return PaperBook(account=ACCOUNT, currency="USD", session_date=day, day=day, cash=cash, holdings=holdings)


async def drive(folder: Path, seed: int, causes: Sequence[Cause], pause: int = 0, least: int = 0) -> Driven:
    """One run a session. After each `pause` quiet ones the next of `causes` happens; what needs orders waits for them.

    It goes on for some quiet sessions after the last, and for `least` in all.
    """
    driven, left, quiet = _driven(folder, Script(seed)), list(causes), 0
    for at, day in enumerate(driven.script.live):
        if not left and at >= max(least, max(driven.injected, default=0) + QUIET_AFTER):
            return driven
        driven.script.at_eleven(day)
        # A split is of the next morning, as all else is after the day's run and before the next one.
        was_split = driven.injected.get(at - 1) is Cause.SPLIT
        if was_split:
            await _split(driven, at - 1, day)
        cause = await _due(driven, left, quiet, pause)
        quiet = quiet + 1 if cause is None else 0
        if cause is not Cause.MISSED_RUN:
            await _run(driven, at, cause)
        if was_split:
            _look_at(driven, driven.symbols[at - 1])
        if cause is not None:
            driven.injected[at] = left.pop(0)
            await _afternoon(driven, at, cause)
    raise AssertionError(f"{left} found no day")


def _driven(folder: Path, script: Script) -> Driven:
    url, signer = f"sqlite:///{folder}/portfolio.db", HmacSigner("key-of-the-drift-tests")
    open_ledger(url).dispose()
    world = Simulation(FIRST, script.seed, "synthetic", 0.1)
    broker = Counter(opening(script), script, script, CALENDAR, signer, map(instrument, NAMES), simulation=world)
    broker.tick = script.tick
    return Driven(script, OtherCode(create_ledger_engine(url)), broker, daily_rules(), signer)


async def _due(driven: Driven, left: Sequence[Cause], quiet: int, pause: int) -> Cause | None:
    """The next one, where it can happen today."""
    if not left:
        return None
    # What a run that was missed would have done is told on the day before, which must have been quiet.
    if quiet < (max(pause, 1) if left[0] is Cause.MISSED_RUN else pause):
        return None
    return left[0] if left[0] not in WITH_ORDERS or await _has_orders(driven) else None


async def _split(driven: Driven, at: int, day: date) -> None:
    symbol, script = _held(driven, at), driven.script
    script.ratios[symbol] = (day, 2)
    await driven.broker.split(instrument(symbol).conid, Decimal(2), script.price(symbol))
    driven.symbols[at] = symbol


def _look_at(driven: Driven, symbol: str) -> None:
    """A person lets orders near it again."""
    book = driven.ledger.books()[0].name
    driven.ledger.release(book, instrument(symbol).conid, "a split", "ada", driven.script.at)


async def _has_orders(driven: Driven) -> bool:
    """By a preview of the day: for enough that what becomes of them is seen."""
    preview = await run_daily(_desk(driven, driven.rules), RunRequest(dry_run=True))
    assert preview.report is not None
    worth = (Decimal(one["quantity"]) * Decimal(one["reference_price"]) for one in preview.report["orders"])
    return sum(worth, Decimal(0)) >= ENOUGH


def _desk(driven: Driven, rules: Policy, action: Action | None = None) -> Desk:
    return Desk(
        policy=rules,
        broker=driven.broker,
        market_data=driven.script,
        calendar=CALENDAR,
        ledger=driven.ledger,
        chooser=FakeChooser(action),
        signer=driven.signer,
        sectors=SECTORS,
        trading_mode="paper",
        owner="drift",
        pseudonym_key="a test's own",
        sleep=no_sleep,
    )


async def _run(driven: Driven, at: int, cause: Cause | None) -> None:
    broker, ledger, rules = driven.broker, driven.ledger, driven.rules
    broker.fate, ledger.other = cause, cause is Cause.CODE_VERSION
    if cause is Cause.POLICY_EDIT:
        # The file of that day, which was changed back the day after.
        changed = rules.strategies.model_copy(update={"rebalance": Rebalance(enabled=False)})
        rules = rules.model_copy(update={"strategies": changed})
    done = await run_daily(_desk(driven, rules, Action.HOLD if cause is Cause.CODE_VERSION else None), RunRequest())
    assert done.status is RunStatus.DONE, done.status
    driven.orders[at] = [f"{intent.side} {intent.quantity:f} {intent.symbol}" for intent in ledger.intents(done.run_id)]


async def _afternoon(driven: Driven, at: int, cause: Cause) -> None:
    driven.script.at += timedelta(hours=3)
    if cause in AFTERNOONS:
        await AFTERNOONS[cause](driven, at)
    driven.broker.allow(None)


async def _fill_late(driven: Driven, at: int) -> None:
    """The prices come two hundredths further than the limits."""
    broker, script = driven.broker, driven.script
    for order in broker.book.open_orders():
        script.moved[order.instrument.symbol] = 1 - order.side.sign * Decimal("0.02")
    broker.allow(None)
    await broker.report(ACCOUNT)
    script.moved.clear()


async def _sell_elsewhere(driven: Driven, at: int) -> None:
    symbol, script = _held(driven, at), driven.script
    driven.symbols[at] = symbol
    script.moved[symbol] = Decimal("0.99")
    await driven.broker.place_elsewhere(Wanted(instrument(symbol), Side.SELL, SOLD, None))
    script.moved.clear()


async def _revise(driven: Driven, at: int) -> None:
    """Today's close of a name that was ordered, three sessions later."""
    symbol, days = driven.orders[at][0].split()[-1], driven.script.live
    driven.symbols[at] = symbol
    driven.script.revised[symbol, days[at]] = (1.05, days[at + 3])


async def _deposit(driven: Driven, at: int) -> None:
    await driven.broker.pay("USD", DEPOSIT)
    flow = Flow(driven.script.live[at], DEPOSIT, "savings", "ada")
    driven.ledger.add_flow(driven.ledger.books()[0].name, flow, driven.script.at)


async def _charge(driven: Driven, at: int) -> None:
    await driven.broker.pay("USD", -FEE, CashKind.FEE)


async def _change_rate(driven: Driven, at: int) -> None:
    await driven.broker.set_rate("EUR", driven.broker.book.rate("EUR") * RATE_MOVE)


async def _pay_dividend(driven: Driven, at: int) -> None:
    symbol = _held(driven, at)
    driven.symbols[at] = symbol
    await driven.broker.pay_dividend(instrument(symbol).conid, DIVIDEND)


AFTERNOONS: Mapping[Cause, Callable[[Driven, int], Awaitable[None]]] = {
    Cause.LATE_FILL: _fill_late,
    Cause.MANUAL_TRADE: _sell_elsewhere,
    Cause.REVISED_CLOSE: _revise,
    Cause.DEPOSIT: _deposit,
    Cause.FEE: _charge,
    Cause.FX: _change_rate,
    Cause.DIVIDEND: _pay_dividend,
}


def _held(driven: Driven, at: int) -> str:
    """Another one each day, none that was split."""
    held = [one.instrument.symbol for one in driven.broker.book.holdings if one.quantity > SOLD]
    held = [symbol for symbol in held if symbol not in driven.script.ratios]
    return held[at % len(held)]
