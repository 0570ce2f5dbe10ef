"""What the desk needs from the world, one small Protocol a role. Every adapter of a role passes the same tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

from app.desk.records import (
    NOTHING_LEFT,
    Book,
    Busy,
    Claim,
    Control,
    Done,
    EvaluationRecord,
    Event,
    Flow,
    Intent,
    IntentRecord,
    Notice,
    Quarantine,
    RunKey,
    RunMemory,
    RunRecord,
    RunStatus,
    SendBudget,
    Snapshot,
    Verification,
)
from app.domain.instrument import AssetClass, ContractRules, Instrument
from app.domain.market import PriceSeries, Quote, Session
from app.domain.navs import NavPoint
from app.domain.order import BrokerOrder, Order, OrderReport, OrderState, Placement, Side, Ticket, WhatIf
from app.domain.plan import Choice, Plan
from app.domain.portfolio import Portfolio
from app.domain.questions import Question
from app.domain.ruling import DayUse, KillLevel, Refusal
from app.domain.session import BrokerSession


class Clock(Protocol):
    """Market time."""

    def now(self) -> datetime:
        """Aware, UTC."""
        ...


class Broker(Protocol):
    """The account and its orders. A read that gets no answer raises BrokerUnavailable or NotReady, never is empty."""

    async def session(self) -> BrokerSession:
        """Reports, never raises for a gateway that is down; BrokerUnavailable if nobody can be asked at all."""
        ...

    async def portfolio(self, account: str) -> Portfolio:
        """Positions, cash and the day's orders. Sectors are not the broker's to know: they come back as unknown."""
        ...

    async def performance(self, account: str) -> tuple[tuple[date, Decimal], ...]:
        """Closing NAV of earlier sessions, oldest first; empty where the broker has no record."""
        ...

    async def preview(self, account: str, order: Order, time_in_force: str) -> WhatIf:
        """The order needs its limit price."""
        ...

    async def place(self, ticket: Ticket, signature: str) -> Placement:
        """Sent once. An answer that never comes is a placement with outcome `unknown`, not an exception."""
        ...

    async def cancel(self, account: str, order_id: str) -> str:
        """Ask for one of our own orders to be cancelled: "requested" (no more than that), "refused" or "unknown".

        Behind "unknown: " stands what the broker asked in return; nobody answers it.
        """
        ...

    async def report(self, account: str) -> OrderReport:
        """Primed orders of the day and executions of the last days."""
        ...

    async def order(self, account: str, order_id: str) -> BrokerOrder:
        """One order by the broker's id."""
        ...


class MarketData(Protocol):
    """Prices and what instruments are."""

    async def instruments(
        self, symbols: Sequence[str], asset_class: AssetClass = AssetClass.STOCK
    ) -> tuple[dict[str, Instrument], dict[str, str]]:
        """(symbol → instrument, symbol → why it could not be resolved)."""
        ...

    async def quotes(self, conids: Sequence[int]) -> tuple[dict[int, Quote], dict[int, str]]:
        """(conid → quote, conid → why there is none)."""
        ...

    async def history(self, conid: int, before: date) -> PriceSeries:
        """About two years of daily closes of sessions before that date; DataError where there are none."""
        ...

    async def rules(self, conid: int, side: Side) -> ContractRules:
        """Price grid and quantity step."""
        ...


class Calendar(Protocol):
    """The exchange's sessions."""

    def session(self, at: datetime) -> Session | None:
        """The session of the exchange-local date of `at`, None when the exchange is closed that day."""
        ...

    def local_date(self, at: datetime) -> date:
        """The exchange's own date at that moment."""
        ...

    def sessions_between(self, earlier: date, later: date) -> int:
        """Sessions after `earlier` up to and including `later`."""
        ...


@dataclass(frozen=True, slots=True)
class Offer:
    """What a chooser sees: the plans, and the numbers that led to them as JSON. Never free text from outside.

    `default` is what the rules choose.
    """

    run_id: str
    plans: tuple[Plan, ...]
    default: Choice
    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What choosing took. `cost` in USD, None when the model's price is unknown."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal | None = Decimal(0)


class Chooser(Protocol):
    """Picks one plan. It never fails: where a model does, the rules' choice comes back with `fallback` saying why.

    `spends`: a choice costs money, which is not spent on a day that cannot be traded.
    """

    spends: bool

    async def choose(self, offer: Offer) -> tuple[Choice, ModelUse]:
        """The id is one of the offered plans'."""
        ...


class Signer(Protocol):
    """Mints the permission to send one order."""

    def sign(self, ticket: Ticket) -> str:
        """HMAC-SHA256 in hex over the ticket's canonical form."""
        ...


class Notifier(Protocol):
    """Brings messages to people."""

    async def send(self, addresses: Sequence[str], title: str, text: str) -> bool:
        """Whether they took it; it never raises."""
        ...


class Ledger(Protocol):
    """The record. Every write of a run carries its claim and is refused with Fenced when the fence has moved on.

    All calls block until committed and raise LedgerError when they cannot be; one transaction each.
    """

    def claim(self, key: RunKey, owner: str, policy_hash: str, at: datetime) -> Claim | Busy | Done:
        """Insert the run, or join it: done → its result, leased → busy, lapsed → taken over with the next fence.

        Busy too while another run of the book is at work, whatever its slot. One whose lease has lapsed, or whose
        process is known to have ended, is fenced, or ended where it had committed nothing.
        """
        ...

    def renew(self, claim: Claim) -> None:
        """Extend the lease."""
        ...

    def record(self, claim: Claim, events: Sequence[Event], at: datetime) -> None:
        """Append to the book's hash chain."""
        ...

    def observe(self, book: str, events: Sequence[Event], at: datetime) -> None:
        """Append events that belong to no run."""
        ...

    def commit_plan(self, claim: Claim, plan: Mapping[str, Any], intents: Sequence[Intent], at: datetime) -> None:
        """The plan, its intents as PLANNED and their event in one commit; a run's second plan raises."""
        ...

    def intents(self, run_id: str) -> tuple[IntentRecord, ...]:
        """In the order in which the plan lists them."""
        ...

    def open_intents(self, book: str, session_date: date | None = None) -> tuple[IntentRecord, ...]:
        """Those SENDING, ACKED, PARTIAL, UNKNOWN or ABANDONED: of that session, or of all sessions of the book."""
        ...

    def find_intent(self, book: str, coid: str) -> IntentRecord | None:
        """By the id the broker saw."""
        ...

    def reopen(self, run_id: str, owner: str, at: datetime) -> Claim:
        """An approved run goes on: awaiting_approval → running with the next fence; LedgerError from elsewhere.

        RunAtWork while another run of the book is at work.
        """
        ...

    def adopt(self, claim: Claim, at: datetime, *, same_day: bool) -> tuple[Claim, ...]:
        """The book's runs with a plan that ended by a kill, and with whose day nobody can go on, to be closed.

        Those of sessions before the claim's; `same_day`: of its own, too.
        """
        ...

    def put_to_rest(self, owner: str) -> int:
        """End as failed what a process that ended left behind, in any book, where no order hangs on it. How many."""
        ...

    def sending(
        self, claim: Claim, coid: str, quantity: Decimal, limit_price: Decimal, at: datetime, budget: SendBudget
    ) -> Refusal | None:
        """PLANNED → SENDING with `sends` 0 → 1, before a byte goes out; LedgerError from any other state.

        The kill level and the day's use, in-flight orders included, are read in the same transaction: what they forbid
        comes back as a refusal and changes nothing.
        """
        ...

    def absent(self, claim: Claim, coid: str, at: datetime) -> IntentRecord:
        """One more complete, primed read of the broker's books did not show an UNKNOWN order."""
        ...

    def settle(
        self,
        claim: Claim,
        coid: str,
        state: OrderState,
        at: datetime,
        *,
        broker_order_id: str | None = None,
        filled_quantity: Decimal | None = None,
        average_price: Decimal | None = None,
        reason: str | None = None,
        what_if: Mapping[str, Any] | None = None,
        questions: Sequence[Question] = (),
    ) -> None:
        """Move an intent along the allowed transitions; a transition that is not allowed raises LedgerError.

        `questions`: what the broker asked on the way.
        """
        ...

    def day_use(self, book: str, session_date: date) -> DayUse:
        """Orders and turnover of the day, everything that was or may have been sent included."""
        ...

    def add_navs(self, book: str, points: Sequence[NavPoint]) -> None:
        """Append; a point before its book's newest raises LedgerError, the same session's `run` point is replaced."""
        ...

    def navs(self, book: str) -> tuple[NavPoint, ...]:
        """Oldest first."""
        ...

    def close(
        self,
        claim: Claim,
        status: RunStatus,
        report: Mapping[str, Any],
        events: Sequence[Event],
        at: datetime,
        nav: NavPoint | None = None,
        memory: RunMemory = NOTHING_LEFT,
    ) -> None:
        """Final status, report, memory, NAV point and sealing event in one commit; frees the key unless it is held.

        A failed run whose plan was committed holds it, too; LedgerError while its orders are not settled.
        """
        ...

    def abandon(self, claim: Claim, status: RunStatus, error: str, at: datetime) -> None:
        """End an attempt that came to nothing; after a committed plan only the lease lapses and the key stays."""
        ...

    def level(self, book: str | None) -> Control:
        """The stricter of the book's own level and that of all books, None: of all books' alone; ACTIVE by default."""
        ...

    def tighten(self, book: str, level: KillLevel, reason: str, at: datetime) -> Control:
        """Raise the level automatically; a stricter one that is in force stays."""
        ...

    def set_level(self, book: str | None, level: KillLevel, reason: str, actor: str, at: datetime) -> Control:
        """A person sets the level of one book, or of all; this also counts as a review of the automatic runs."""
        ...

    def runs_since_review(self, book: str) -> int:
        """Runs that sent orders since a person last set the level."""
        ...

    def add_flow(self, book: str, flow: Flow, at: datetime) -> None:
        """Record a cash flow."""
        ...

    def flows(self, book: str) -> tuple[Flow, ...]:
        """Oldest first."""
        ...

    def quarantine(self, book: str, quarantine: Quarantine, at: datetime) -> None:
        """Keep automatic orders off a name; a name that is in quarantine stays as it is."""
        ...

    def release(self, book: str, conid: int, reason: str, actor: str, at: datetime) -> None:
        """A person has looked; LedgerError for a name that is not in quarantine."""
        ...

    def quarantined(self, book: str) -> tuple[Quarantine, ...]:
        """By symbol."""
        ...

    def last_snapshot(self, book: str) -> Snapshot | None:
        """Of the run of the book that was sealed last, dry runs aside, and those that did not come so far."""
        ...

    def snapshots(self, book: str, limit: int) -> tuple[Snapshot, ...]:
        """Of the newest runs, dry ones too, newest first."""
        ...

    def asked_prices(self, run_id: str) -> Mapping[str, Decimal]:
        """What a person was asked about when the run was last closed, by order id."""
        ...

    def run(self, run_id: str) -> RunRecord | None:
        """One run."""
        ...

    def held_up(self, session_date: date, slot: str, *, previews: bool) -> tuple[RunKey, ...]:
        """The keys of that day's slot whose newest attempt met a broker's session that was not ready.

        `previews`: a preview that came later counts as the run that was missing.
        """
        ...

    def runs(self, limit: int = 20, book: str | None = None, account: str | None = None) -> tuple[RunRecord, ...]:
        """Newest first."""
        ...

    def books(self) -> tuple[Book, ...]:
        """By their newest run, newest first; an account that only waited for a login was perhaps never the broker's."""
        ...

    def asked(self, limit: int = 20) -> tuple[IntentRecord, ...]:
        """Orders of any book about which the broker asked something, newest first."""
        ...

    def add_notice(self, notice: Notice) -> bool:
        """Put down what a person is to be told; False where it was told under that key before."""
        ...

    def take_notices(self) -> tuple[Notice, ...]:
        """Those to be sent now; for some minutes they are the caller's alone."""
        ...

    def notice_delivered(self, key: str) -> None:
        """Not to be sent again."""
        ...

    def history(self, book: str) -> tuple[IntentRecord, ...]:
        """Every intent of the book that was filled at least in part, oldest first: what memory is made from."""
        ...

    def last_evaluation(self, book: str, before: date) -> EvaluationRecord | None:
        """Of the newest session before that one whose run is done and measured."""
        ...

    def verify(self) -> Verification:
        """Walk every chain from its first event."""
        ...
