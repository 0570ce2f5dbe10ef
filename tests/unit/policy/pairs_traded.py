"""One pair for each field that decides how the day goes: orders, times, budgets, approval, what a person is told."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from types import MappingProxyType

from app.decision import rules
from app.desk.run.approvals import approve
from app.desk.run.attempt import RunRequest, RunResult
from app.desk.run.daily import run_daily
from app.domain.errors import PolicyError, UsageError
from app.domain.instrument import ContractRules, Increment
from app.domain.market import Market, Quote, QuoteKind
from app.domain.order import Side, WhatIf
from app.domain.plan import Action, Plan
from app.domain.policy import Policy
from app.domain.portfolio import CashBalance, Portfolio
from app.domain.pricing import limit_price
from app.domain.ruling import DayUse
from app.risk import what_if_refusal
from tests.support.broker_model import Fate
from tests.support.fakes import Office
from tests.support.world import World
from tests.support.worlds import NOW, buy, conid, evaluate, even, instrument, market, quote, quoted
from tests.unit.policy.pairs import DayPair, Pair, decided, let_through, told

_BUY = buy("II", 50)
_CENT = ContractRules(conid("II"), (Increment(Decimal(0), Decimal("0.01")),))


def _at(hours: float) -> Market:
    """The market so many hours after 11:00 New York, with quotes of that moment."""
    now = NOW + timedelta(hours=hours)
    base = market(as_of=now)
    return replace(base, quotes={number: replace(one, as_of=now) for number, one in base.quotes.items()})


def _delayed() -> Market:
    return replace(quoted(market(), "II", kind=QuoteKind.DELAYED), live=True)


def _jumped() -> Market:
    return quoted(market(), "II", prior_close=Decimal(95))


def _old() -> Market:
    return quoted(market(), "II", as_of=NOW - timedelta(seconds=60))


def _priced(policy: Policy) -> object:
    return limit_price(policy, Side.BUY, quote("II"), _CENT)


def _collared(policy: Policy) -> object:
    """The ask is two percent above the mid, and the offset would go beyond it."""
    wide = replace(quote("II"), bid=Decimal(98), ask=Decimal(102))
    return limit_price(policy, Side.BUY, wide, _CENT)


def _commission(policy: Policy) -> object:
    said = WhatIf(Decimal(5000), Decimal(40), Decimal(100000), Decimal(0), Decimal(0))
    return what_if_refusal(policy, _BUY, said) is None


def _abroad() -> tuple[Portfolio, Market]:
    """A winner in euros, of which there are fewer than it would be added to by."""
    euro = replace(instrument("AA"), currency="EUR")
    base = even(costs={"AA": 80})
    positions = tuple(replace(p, instrument=euro) if p.instrument.symbol == "AA" else p for p in base.positions)
    cash = (CashBalance("USD", Decimal(19000), Decimal(19000)), CashBalance("EUR", Decimal(1000), Decimal(1000)))
    return replace(base, positions=positions, cash=cash), market(
        instruments={**market().instruments, conid("AA"): euro}
    )


def _nothing_to_do(policy: Policy) -> str:
    """What the report and the ledger say of a day without an order."""
    hold = Plan(Action.HOLD, (), "Nothing is due")
    return rules(policy, evaluate(policy, even()), (hold,)).rationale


EXECUTION: Mapping[str, Pair] = MappingProxyType(
    {
        "execution.limit_offset_pct": Pair(0.1, 0.5, _priced),
        "execution.min_order_value": Pair(500, 10000, let_through(_BUY), {"execution.min_order_nav_pct": None}),
        "execution.min_order_nav_pct": Pair(None, 0.1, let_through(buy("II", 4))),
        "execution.max_order_value": Pair(25000, 2000, let_through(_BUY)),
        "execution.max_order_nav_pct": Pair(20, 2, let_through(_BUY)),
        "execution.max_order_volume_pct": Pair(None, 0.0001, let_through(_BUY)),
        "execution.max_orders_per_day": Pair(20, 3, let_through(_BUY, day=DayUse(orders=3))),
        "execution.max_turnover_pct": Pair(30, 2, let_through(_BUY)),
        "execution.price_collar_pct": Pair(3, 2.05, _collared, {"execution.limit_offset_pct": 0.5}),
        "execution.max_price_jump_pct": Pair(15, 2, let_through(_BUY, on=_jumped())),
        "execution.max_quote_age_seconds": Pair(15, 120, let_through(_BUY, on=_old())),
        "execution.allow_delayed_quotes": Pair(False, True, let_through(_BUY, on=_delayed())),
        "execution.trade_from": Pair("09:30", "12:00", let_through(_BUY)),
        "execution.trade_until": Pair("16:00", "10:30", let_through(_BUY)),
        "execution.avoid_open_minutes": Pair(15, 120, let_through(_BUY)),
        "execution.avoid_close_minutes": Pair(15, 180, let_through(_BUY, on=_at(3))),
        "execution.max_share_of_volume_pct": Pair(1, 0.0001, let_through(_BUY), {"execution.min_order_value": 0}),
        "execution.max_commission_pct": Pair(1, 0.5, _commission),
        "execution.fx": Pair("refuse", "hold", decided(*_abroad()), {"risk_limits.max_sector_pct": 60}),
    }
)

# What these say is judged when the policy is read, and told by `policy check`; who gets a notice is tested elsewhere.
TOLD: Mapping[str, Pair] = MappingProxyType(
    {
        "name": Pair("moderate", "mine", _nothing_to_do),
        "investor.risk_tolerance": Pair("moderate", "conservative", told),
        "investor.horizon_years": Pair(10, 2, told),
        "notifications.urls": Pair([], ["json://localhost"], told, {"approval.mode": "approve"}),
        "notifications.on": Pair(
            ["halted"], ["approval_needed"], told,
            {"approval.mode": "approve", "notifications.urls": ["json://localhost"]},
        ),
    }
)  # fmt: skip

# There is one order type, and a policy that asks for another one is refused: the second value is not valid.
SINGLE: Mapping[str, tuple[object, object]] = MappingProxyType({"execution.order_type": ("LMT", "MKT")})


@dataclass
class _Moved(World):
    """Every price is that far from where it was."""

    by: Decimal = Decimal(0)

    def quote(self, symbol: str) -> Quote:
        base = super().quote(symbol)
        if base.bid is None or base.ask is None:
            return base
        return replace(base, bid=base.bid + self.by, ask=base.ask + self.by)


async def _run(office: Office) -> RunResult:
    return await run_daily(office.desk(), RunRequest())


async def _status(office: Office) -> object:
    return (await _run(office)).status


async def _afternoon(office: Office) -> object:
    try:
        return (await run_daily(office.desk(), RunRequest(slot="afternoon"))).status
    except UsageError:
        return "refused"


async def _version(office: Office) -> object:
    report = (await _run(office)).report
    assert report is not None
    return report["policy"]["version"]


async def _refused(office: Office) -> object:
    try:
        return await _status(office)
    except PolicyError as error:
        return str(error)


async def _sent(office: Office) -> object:
    await _run(office)
    return [(ticket.conid, ticket.time_in_force) for ticket in office.broker.placed]


async def _confirmed(office: Office) -> object:
    """The questions that the broker may hear a yes to."""
    await _run(office)
    return [ticket.answers for ticket in office.broker.placed]


async def _looks(office: Office) -> object:
    """How often an order that rests is looked at; time passes only while waiting."""
    office.broker.fates = {"AAPL": Fate.RESTS, "MSFT": Fate.RESTS}
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    await run_daily(replace(office.desk(), sleep=wait, steady=lambda: sum(waits)), RunRequest())
    return len(waits)


async def _approved_later(office: Office) -> object:
    waiting = await _run(office)
    office.world.set_session(now=office.world.now() + timedelta(hours=1))
    return (await approve(office.desk(), waiting.run_id, "a person")).status


async def _approved_elsewhere(office: Office) -> object:
    """The approval comes when prices have risen by one percent."""
    waiting = await _run(office)
    moved = _Moved(by=Decimal(1))
    moved.session, moved.positions, moved.cash = office.world.session, office.world.positions, office.world.cash
    office.world = office.broker.world = office.market_data.world = moved
    return (await approve(office.desk(), waiting.run_id, "a person")).status


async def _told_tomorrow(office: Office) -> object:
    """What a second day has to tell a person."""
    await _run(office)
    office.world.next_day(date(2022, 3, 15))
    await _run(office)
    return [notice.title for notice in office.ledger.take_notices()]


_ASKS = {"approval.mode": "approve"}

DAYS: Mapping[str, DayPair] = MappingProxyType(
    {
        "version": DayPair(1, 2, _version),
        "currency": DayPair("USD", "EUR", _refused),
        "execution.time_in_force": DayPair("DAY", "IOC", _sent),
        "execution.latest_start": DayPair("15:30", "10:00", _status),
        "execution.slots": DayPair({"afternoon": "15:30"}, {"evening": "15:30"}, _afternoon),
        "execution.follow_seconds": DayPair(0, 30, _looks),
        "execution.answer_questions": DayPair({}, {"o10331": "collar"}, _confirmed),
        "approval.mode": DayPair("auto", "preview", _sent),
        "approval.scope": DayPair("discretionary", "all", _sent, _ASKS),
        "approval.expires_minutes": DayPair(120, 30, _approved_later, _ASKS),
        "approval.price_tolerance_pct": DayPair(2, 0.5, _approved_elsewhere, _ASKS),
        "approval.review_after_runs": DayPair(
            60,
            1,
            _told_tomorrow,
            {"notifications.urls": ["json://localhost"], "notifications.on": ["review_due"]},
        ),
    }
)
