"""What a socket subscribes to. A stream remembers what it has told, so that the next message holds what has changed.

Nobody waits here and nothing is queued: whoever reads slowly gets the present, not the past. Which field names and
shapes are documented, which recorded, is said in docs/simulator.md.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from api_gateway.simulator.accounts.balances_view import profit_and_loss
from api_gateway.simulator.exchange.contracts import Contract
from api_gateway.simulator.exchange.hours import Moment
from api_gateway.simulator.exchange.snapshot import snapshot_row
from api_gateway.simulator.orders import order_view
from api_gateway.simulator.orders.order import Execution
from api_gateway.simulator.streaming.stream_view import ledger_rows, summary_rows
from api_gateway.simulator.world import World

Message = dict[str, Any]

# Documented: streams of market data end after fifteen minutes, the ledger speaks every ten seconds, and profit and loss
# once a second at most.
QUOTES_LAST = timedelta(minutes=15)
ACCOUNT_INTERVAL = timedelta(seconds=10)
PROFIT_INTERVAL = timedelta(seconds=1)
_OF_EVERY_QUOTE = frozenset({"conid", "conidEx", "server_id", "6119", "_updated", "simulator"})
_OF_EVERY_ORDER = ("acct", "conid", "conidex", "orderId")


class Stream(Protocol):
    def due(self, world: World, moment: Moment) -> list[Message]:
        """What there is to tell since the last time."""

    def over(self, world: World) -> bool:
        """Whether the stream has ended without a word."""


class _Lasting:
    def over(self, world: World) -> bool:
        return False


@dataclass
class Quotes:
    """As a snapshot of the contract: the first message has no fields, the second not the slow ones."""

    subject: str
    contract: Contract
    fields: frozenset[str]
    until: datetime
    _told: Message | None = None

    def over(self, world: World) -> bool:
        """By time, or because the session has closed the feed, which it shares with the snapshots."""
        return world.session.clock.now() >= self.until or self.contract.conid not in world.session.snapshot_reads

    def due(self, world: World, moment: Moment) -> list[Message]:
        earlier = world.session.snapshot_read(self.contract.conid)
        row = snapshot_row(world.market, self.contract, moment, self.fields, earlier, world.rules)
        told = self._told or {}
        changed = {name: row[name] for name in row if name not in _OF_EVERY_QUOTE and told.get(name) != row[name]}
        if self._told is not None and not changed:
            return []
        self._told = told | changed
        always = {name: row[name] for name in row if name in _OF_EVERY_QUOTE and name != "simulator"}
        marks = {mark: [one for one in names if one in changed] for mark, names in row.get("simulator", {}).items()}
        return [{"topic": self.subject} | always | changed | ({"simulator": marks} if marks else {})]


@dataclass
class Chart(_Lasting):
    """Tells once and keeps one of the few places until it is given up (documented)."""

    server_id: str
    first: Message | None

    def due(self, world: World, moment: Moment) -> list[Message]:
        told, self.first = self.first, None
        return [told] if told is not None else []


@dataclass
class Orders(_Lasting):
    """Whole rows for what is new, then what changes."""

    statuses: frozenset[str]
    _told: dict[int, Message] = field(default_factory=dict)

    def due(self, world: World, moment: Moment) -> list[Message]:
        told, rows = self._told, self._rows(world, moment)
        self._told = rows
        changes = [_changed(told.get(order_id, {}), row) for order_id, row in rows.items()]
        changes = [row for row in changes if row]
        return [{"topic": "sor", "args": changes}] if changes else []

    def _rows(self, world: World, moment: Moment) -> dict[int, Message]:
        return {
            order.order_id: order_view.live_order(order)
            for order in world.desk.orders_of_the_day(moment.now)
            if order.request.account == world.selected and (not self.statuses or order.status.value in self.statuses)
        }


def _changed(told: Message, row: Message) -> Message:
    changed = {name: value for name, value in row.items() if told.get(name) != value}
    return {name: row[name] for name in _OF_EVERY_ORDER} | changed if changed else {}


@dataclass
class Trades(_Lasting):
    """Those of the last `days` at once, then each new one twice: its commission follows (recorded)."""

    days: int
    _told: dict[str, bool] | None = None

    def due(self, world: World, moment: Moment) -> list[Message]:
        executions, account = self._executions(world, moment), world.selected
        if self._told is None:
            self._told = {one.execution_id: True for one in executions}
            return [{"topic": "str", "args": [_trade(world, account, one) for one in executions]}]
        news = [one for one in executions if not self._told.get(one.execution_id, False)]
        rows = []
        for one in news:
            row = _trade(world, account, one)
            if one.execution_id not in self._told:
                del row["commission"]
            rows.append(row)
            self._told[one.execution_id] = "commission" in row
        return [{"topic": "str", "args": rows}] if rows else []

    def _executions(self, world: World, moment: Moment) -> list[Execution]:
        """Newest first, as the endpoint has them."""
        since = moment.session - self.days + 1
        return [one for one in reversed(world.books[world.selected].executions) if one.session >= since]


def _trade(world: World, account: str, execution: Execution) -> Message:
    return order_view.trade(account, execution, world.books[account].held(execution.contract.conid))


@dataclass
class ProfitAndLoss(_Lasting):
    _told: Message | None = None
    _again: datetime | None = None

    def due(self, world: World, moment: Moment) -> list[Message]:
        now = world.session.clock.now()
        if self._again is not None and now < self._again:
            return []
        rows = profit_and_loss(world, moment)
        if rows == self._told:
            return []
        self._told, self._again = rows, now + PROFIT_INTERVAL
        return [{"topic": "spl", "args": rows}]


@dataclass(frozen=True)
class Chosen:
    """Of an account's rows those of some keys, with some fields beside what every row has; none given is all."""

    keys: frozenset[str]
    fields: frozenset[str]

    def of(self, rows: list[Message]) -> list[Message]:
        # Documented as cashBalance, written as cashbalance.
        wanted = {name.lower() for name in self.fields | {"key", "timestamp"}}
        chosen = [row for row in rows if not self.keys or row["key"] in self.keys]
        if not self.fields:
            return chosen
        return [{name: value for name, value in row.items() if name.lower() in wanted} for row in chosen]


@dataclass
class _OfAnAccount(_Lasting):
    """Looked for once in an interval."""

    subject: str
    account: str
    chosen: Chosen
    _again: datetime | None = field(default=None, init=False)

    def _is_time(self, world: World) -> bool:
        now = world.session.clock.now()
        if self._again is not None and now < self._again:
            return False
        self._again = now + ACCOUNT_INTERVAL
        return True


@dataclass
class Summary(_OfAnAccount):
    """All rows whenever one has changed."""

    _told: list[Message] | None = None

    def due(self, world: World, moment: Moment) -> list[Message]:
        if not self._is_time(world):
            return []
        rows = self.chosen.of(summary_rows(world, self.account, moment))
        values = [_untimed(row) for row in rows]
        if values == self._told:
            return []
        self._told = values
        return [{"result": rows, "topic": self.subject}]


@dataclass
class Ledger(_OfAnAccount):
    """Every ten seconds; a currency in which nothing has changed is there by its name alone (documented)."""

    _told: dict[str, Message] = field(default_factory=dict)

    def due(self, world: World, moment: Moment) -> list[Message]:
        if not self._is_time(world):
            return []
        rows = self.chosen.of(ledger_rows(world, self.account, moment))
        told = self._told
        self._told = {row["key"]: _untimed(row) for row in rows}
        blank = [{"key": row["key"], "timestamp": row["timestamp"]} for row in rows]
        result = [
            row if told.get(row["key"]) != self._told[row["key"]] else empty
            for row, empty in zip(rows, blank, strict=True)
        ]
        return [{"result": result, "topic": self.subject}]


def _untimed(row: Message) -> Message:
    return {name: value for name, value in row.items() if name != "timestamp"}
