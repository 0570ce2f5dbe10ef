"""What the broker keeps for a user beside the accounts: watchlists, alerts, notices. It outlives every session."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

_FIRST_ALERT_ID = 1_470_000_001
# Some of the documented kinds of notice, with texts of the simulator's own.
KINDS = {
    "SM": ("System Messages", "Notify me of changes to the systems."),
    "DA": ("Dividends Advisory", "Notify me of dividends of what I hold."),
    "CT": ("Cash Transfer", "Notify me of cash that has moved."),
    "UA": ("User Alert", "Notify me when an alert of mine is triggered."),
    "EA": ("Upcoming Earnings", "Notify me of earnings of what I hold."),
}


@dataclass(frozen=True)
class Watchlist:
    """Contracts in their order; None is a blank row."""

    list_id: str
    name: str
    conids: tuple[int | None, ...]
    modified: datetime


@dataclass(frozen=True)
class Alert:
    """`terms` is what was asked for, as it was asked. An alert is never triggered here."""

    alert_id: int
    account: str
    terms: dict[str, Any]
    placed_at: datetime
    active: bool = True


@dataclass(frozen=True)
class Notice:
    """What the gateway calls an FYI; `kind` is one of `KINDS`."""

    notice_id: str
    kind: str
    title: str
    text: str
    at: datetime
    read: bool = False


@dataclass(eq=False)
class UserData:
    """`accepted` are the kinds whose disclaimer was read, `silenced` those that nobody wants."""

    watchlists: dict[str, Watchlist] = field(default_factory=dict)
    alerts: dict[int, Alert] = field(default_factory=dict)
    notices: dict[str, Notice] = field(default_factory=dict)
    accepted: frozenset[str] = frozenset()
    silenced: frozenset[str] = frozenset()
    email: bool = True
    _asked: int = 0
    _alerts: int = 0

    def ask(self) -> str:
        """The number of this request, as the gateway counts those for watchlists."""
        self._asked += 1
        return str(self._asked)

    def add_alert(self, account: str, terms: dict[str, Any], at: datetime) -> Alert:
        alert = Alert(_FIRST_ALERT_ID + self._alerts, account, terms, at)
        self._alerts += 1
        self.alerts[alert.alert_id] = alert
        return alert

    def post(self, kind: str, title: str, text: str, at: datetime) -> Notice:
        notice = Notice(f"{at:%Y%m%d}{len(self.notices) + 1:08d}", kind, title, text, at)
        self.notices[notice.notice_id] = notice
        return notice

    def newest(self) -> list[Notice]:
        return list(reversed(self.notices.values()))

    def mark_read(self, notice: Notice) -> Notice:
        self.notices[notice.notice_id] = replace(notice, read=True)
        return self.notices[notice.notice_id]
