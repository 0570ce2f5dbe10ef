"""The session of one user in its two tiers, and what its brokerage tier remembers of earlier reads.

The login in the browser (single sign-on) opens portfolio, contract and performance reads; the brokerage tier on top of
it opens everything under `/iserver`, exists once per user name, and forgets every primer when it is lost. Nothing
happens in the background: `advance` applies what session time has decided since the last request.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from api_gateway.simulator.clock import SessionClock
from api_gateway.simulator.errors import refused
from api_gateway.simulator.faults.broker_rules import BrokerRules
from api_gateway.simulator.front.session_windows import RESET, in_maintenance, in_reset, last_reset

ColdRead = Literal["orders", "trades", "pnl", "position_names", "watchlist"]
SessionMode = Literal["lenient", "strict"]
SessionEvent = Literal["sso_expired", "bridge_lost", "competing", "competing_ended", "reset"]
Window = Literal["reset", "maintenance"]

# Documented: about five to six minutes without a request or a tickle, and at most 24 hours.
IDLE = timedelta(minutes=6)
LONGEST = timedelta(hours=24)
# `established` follows `authenticated` some polls later (recorded); how many is chosen.
POLLS_UNTIL_ESTABLISHED = 2


@dataclass(frozen=True)
class Tiers:
    """The session as a status answer tells it."""

    connected: bool
    authenticated: bool
    established: bool
    competing: bool


LOGGED_OUT = Tiers(False, False, False, False)
NO_BRIDGE = Tiers(True, False, False, False)
# Authenticated and competing at the same time (reported).
COMPETING = Tiers(True, True, False, True)


@dataclass
class BrokerageSession:
    """`lenient`: nothing expires by itself. `strict`: idling, a day, the daily reset and Saturday's maintenance.

    `polls_left` None means that there is no brokerage session, 0 that it is established. `forget_questions` is called
    whenever the brokerage session is lost. `selected` is the account that somebody has switched to,
    `searched` are the symbols whose definitions may be asked for, `charted` the contracts whose bars were asked for,
    `history_service` is the legacy one's login. `generation` counts the losses of all that, and of the socket's
    subscriptions with it.
    """

    clock: SessionClock
    mode: SessionMode = "lenient"
    reset_hour: int = 0
    forget_questions: Callable[[], None] = lambda: None
    rules: BrokerRules = field(default_factory=lambda: BrokerRules("margin"))
    logged_in: bool = True
    polls_left: int | None = 0
    competing: bool = False
    accounts_queried: bool = False
    portfolio_accounts_queried: bool = False
    snapshot_reads: dict[int, int] = field(default_factory=dict)
    suppressed_questions: frozenset[str] = frozenset()
    selected: str | None = None
    searched: set[str] = field(default_factory=set)
    history_service: bool = False
    charted: set[int] = field(default_factory=set)
    warm: set[ColdRead] = field(default_factory=set)
    counters: Counter[str] = field(default_factory=Counter)
    logouts: Counter[str] = field(default_factory=Counter)
    forced_reset_until: datetime | None = None
    generation: int = 0

    def __post_init__(self) -> None:
        self.logged_in_at = self._last_request = self._last_brokerage_request = self.clock.now()

    @property
    def established(self) -> bool:
        return self.polls_left == 0

    def advance(self) -> None:
        """Apply every expiry up to now."""
        if self.mode == "strict" and self.logged_in:
            now = self.clock.now()
            why = self._expiry(now)
            if why:
                self.log_out(why)
            elif self.polls_left is not None and now - self._last_brokerage_request > IDLE:
                self.lose_bridge()
        if self.window() is not None and self.polls_left is not None:
            self.lose_bridge()

    def _expiry(self, now: datetime) -> str:
        """Why the login has ended; empty while it lasts."""
        if self.logged_in_at < last_reset(now, self.reset_hour):
            return "midnight"
        if now - self.logged_in_at > LONGEST:
            return "day"
        return "idle" if now - self._last_request > IDLE else ""

    def window(self) -> Window | None:
        """In a reset `/iserver` answers 503, in maintenance everything does."""
        now = self.clock.now()
        if self.forced_reset_until is not None and now < self.forced_reset_until:
            return "reset"
        if self.mode == "lenient":
            return None
        if in_maintenance(now):
            return "maintenance"
        return "reset" if in_reset(now, self.reset_hour) else None

    def touch(self, path: str) -> None:
        """A request keeps its tier alive, a tickle both; reads of tier one let the brokerage tier time out."""
        self._last_request = self.clock.now()
        if path == "/tickle" or path.startswith("/iserver"):
            self._last_brokerage_request = self._last_request

    def ping(self) -> None:
        """The socket's: keeps the brokerage tier alive; the login still wants to be tickled (documented)."""
        self._last_brokerage_request = self.clock.now()

    def tiers(self) -> Tiers:
        if not self.logged_in:
            return LOGGED_OUT
        if self.competing:
            return COMPETING
        return NO_BRIDGE if self.polls_left is None else Tiers(True, True, self.established, False)

    def polled(self) -> Tiers:
        """What a status answer says; a session that is being opened comes one poll nearer."""
        tiers = self.tiers()
        if self.polls_left:
            self.polls_left -= 1
        return tiers

    def happen(self, event: SessionEvent) -> None:
        """Something that no request of this client causes; in either mode."""
        if event == "sso_expired":
            self.log_out("event")
        elif event == "competing_ended":
            self.competing = False
        else:
            self.lose_bridge()
            self.competing = self.competing or event == "competing"
            if event == "reset":
                self.forced_reset_until = self.clock.now() + RESET

    def open_bridge(self, compete: bool) -> None:
        """Without `compete` a session that another program holds stays there; with it the other is pushed out."""
        self.counters["inits"] += 1
        if self.competing and compete:
            self.counters["pushes"] += 1
            self.competing = False
        if not self.competing and self.polls_left is None and self.window() is None:
            self.polls_left = POLLS_UNTIL_ESTABLISHED
            self._last_brokerage_request = self.clock.now()

    def lose_bridge(self) -> None:
        """Losing the brokerage session loses every primer (recorded)."""
        self.polls_left = None
        self.forget_primers()

    def forget_primers(self) -> None:
        self.generation += 1
        self.accounts_queried = False
        self.snapshot_reads.clear()
        self.suppressed_questions = frozenset()
        self.selected = None
        self.searched.clear()
        self.charted.clear()
        self.warm -= {"orders", "trades", "pnl", "watchlist"}
        self.forget_questions()

    def log_out(self, why: str = "request") -> None:
        self.lose_bridge()
        if self.logged_in:
            self.logouts[why] += 1
        self.logged_in = False
        self.portfolio_accounts_queried = self.history_service = False
        self.warm.clear()

    def log_in(self) -> None:
        """Stands for the browser login of a person; the gateway then opens the brokerage tier by itself (documented).

        Raises: GatewayRefusal 503 during maintenance.
        """
        self.advance()
        if self.window() == "maintenance":
            raise refused(503, "Service Unavailable")
        self.counters["logins"] += 1
        self.logged_in = True
        self.logged_in_at = self._last_request = self._last_brokerage_request = self.clock.now()
        if self.polls_left is None and not self.competing and self.window() is None:
            self.polls_left = POLLS_UNTIL_ESTABLISHED if self.mode == "strict" else 0

    def require_accounts(self) -> None:
        # Status 500 in most user reports, 400 in some.
        if not self.accounts_queried:
            raise refused(self.rules.primer_status, "Please query /accounts first")

    def require_portfolio_accounts(self) -> None:
        if not self.portfolio_accounts_queried:
            raise refused(400, "Please query /portfolio/accounts first")

    def first_read(self, what: ColdRead) -> bool:
        """True exactly once per brokerage session: that read answers with plausible emptiness."""
        cold = what not in self.warm
        self.warm.add(what)
        return cold

    def snapshot_read(self, conid: int) -> int:
        """Number of earlier snapshots of this contract."""
        earlier = self.snapshot_reads.get(conid, 0)
        self.snapshot_reads[conid] = earlier + 1
        return earlier
