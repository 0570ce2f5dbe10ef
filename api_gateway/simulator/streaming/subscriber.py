"""One socket's side of the conversation, without the socket: what is answered to a message, what is due by itself."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from api_gateway.simulator.accounts.balances_view import SERVER, brokerage_accounts
from api_gateway.simulator.errors import GatewayRefusal, refused
from api_gateway.simulator.exchange.charts import asked_chart, chart_envelope
from api_gateway.simulator.front.brokerage import Tiers
from api_gateway.simulator.routes.http import check_account, contract_of, parsed_json
from api_gateway.simulator.streaming.frames import Frame, read_frame
from api_gateway.simulator.streaming.sockets import CHARTS, MARKET_DATA_LINES
from api_gateway.simulator.streaming.streams import (
    QUOTES_LAST,
    Chart,
    Chosen,
    Ledger,
    Message,
    Orders,
    ProfitAndLoss,
    Quotes,
    Stream,
    Summary,
    Trades,
)
from api_gateway.simulator.world import World

USER = "simulated"
# Documented: "every 10 seconds".
HEARTBEAT = timedelta(seconds=10)
_WAITING: Message = {"message": "waiting for session"}
_MOST_FIELDS, _MOST_TRADE_DAYS = 50, 7


class Subscriber:
    """Nothing is told before the session is known, by a cookie of the handshake or by the first message."""

    def __init__(self, world: World, identified: bool) -> None:
        self._world = world
        self._identified = identified
        self._streams: dict[str, Stream] = {}
        self._heard = len(world.sockets.announced)
        self._generation = world.session.generation
        self._tiers: Tiers | None = None
        self._account: str | None = None
        self._beat = world.session.clock.now()
        self._topics: dict[str, Callable[[Frame], list[Message]]] = {
            "smd": self._quotes,
            "umd": self._end_quotes,
            "smh": self._chart,
            "umh": self._end_chart,
            "sor": self._orders,
            "str": self._trades,
            "spl": self._profit_and_loss,
            "ssd": self._summary,
            "usd": lambda frame: self._end_account("ssd", frame, "unsubscribed from summary"),
            "sld": self._ledger,
            "uld": lambda frame: self._end_account("sld", frame, "unsubscribed from ledger"),
            "uor": lambda _: self._end("sor"),
            "utr": lambda _: self._end("str"),
            "upl": lambda _: self._end("spl"),
            "tic": self._ping,
            "ech": lambda _: [],
        }

    def opened(self) -> list[Message]:
        return self._greeting() if self._identified else [_WAITING]

    def closed(self) -> None:
        for subject in tuple(self._streams):
            self._end(subject)

    def heard(self, text: str) -> list[Message]:
        """The answers to a message of the client."""
        return [*self._follow_session(), *self._answers(text)]

    def _answers(self, text: str) -> list[Message]:
        if text.lstrip().startswith("{"):
            return self._identify(text)
        if not self._identified:
            return [_WAITING]
        try:
            frame = read_frame(text)
        except ValueError:
            return [_unknown(text)]
        handler = self._topics.get(frame.topic)
        if handler is None:
            return [_unknown(text)]
        try:
            return handler(frame)
        except GatewayRefusal as refusal:
            return [{"topic": frame.subject, "error": refusal.text or "Bad Request"}]

    def due(self) -> list[Message]:
        """What there is to tell although nobody has asked."""
        if not self._identified:
            return []
        return [*self._follow_session(), *self._announcements(), *self._heartbeat(), *self._updates()]

    def _identify(self, text: str) -> list[Message]:
        try:
            said = parsed_json(text)
        except ValueError:
            return [_unknown(text)]
        if not isinstance(said, dict) or said.get("session") != self._world.session_token:
            return [_unknown(text)] if self._identified else [_WAITING]
        if self._identified:
            return []
        self._identified = True
        return self._greeting()

    def _greeting(self) -> list[Message]:
        system = {"topic": "system", "success": USER, "isFT": False, "isPaper": True}
        return [system, *self._follow_session()]

    def _follow_session(self) -> list[Message]:
        """A change of its tiers or of the selected account is told; its loss takes the subscriptions along."""
        session = self._world.session
        session.advance()
        if session.generation != self._generation:
            self.closed()
            self._generation = session.generation
        if not self._identified:
            return []
        told: list[Message] = []
        tiers, account = session.tiers(), self._world.selected
        if tiers.established and account != self._account:
            self._account = account
            told.append({"topic": "act", "args": brokerage_accounts(self._world)})
        if tiers != self._tiers:
            self._tiers = tiers
            self._account = self._account if tiers.established else None
            told.append({"topic": "sts", "args": _status(tiers)})
        return told

    def _announcements(self) -> list[Message]:
        announced = self._world.sockets.announced
        news, self._heard = announced[self._heard :], len(announced)
        return news

    def _heartbeat(self) -> list[Message]:
        now = self._world.session.clock.now()
        if now - self._beat < HEARTBEAT:
            return []
        self._beat = now
        # Real time, whatever the world's: clients compare it with their own.
        return [{"topic": "system", "hb": int(time.time() * 1000)}]

    def _updates(self) -> list[Message]:
        if not self._streams:
            return []
        moment, told = self._world.look(), []
        for subject, stream in tuple(self._streams.items()):
            if stream.over(self._world):
                self._end(subject)
            else:
                told += stream.due(self._world, moment)
        return told

    def _begin(self, subject: str, stream: Stream) -> list[Message]:
        """Subscribed again, a stream begins anew."""
        self._streams[subject] = stream
        return stream.due(self._world, self._world.look())

    def _end(self, subject: str) -> list[Message]:
        stream, sockets = self._streams.pop(subject, None), self._world.sockets
        if isinstance(stream, Quotes):
            sockets.feeds[stream.contract.conid] -= 1
        elif isinstance(stream, Chart):
            sockets.charts -= 1
        return []

    def _require_brokerage(self) -> None:
        if not self._world.session.tiers().established:
            raise refused(400, "no bridge")
        self._world.session.require_accounts()

    def _quotes(self, frame: Frame) -> list[Message]:
        """Asked for again, the fields are added to those of before (documented), and the time begins anew."""
        self._require_brokerage()
        world, contract = self._world, contract_of(self._world, frame.target.partition("@")[0])
        before = self._streams.get(frame.subject)
        fields = frame.texts("fields") | (before.fields if isinstance(before, Quotes) else frozenset())
        if len(fields) > _MOST_FIELDS:
            raise refused(400, f"Bad Request: at most {_MOST_FIELDS} fields")
        self._end(frame.subject)
        if not world.sockets.has_line_for(contract.conid):
            raise refused(400, f"the maximum of {MARKET_DATA_LINES} market data lines is reached")
        world.session.snapshot_reads.setdefault(contract.conid, 0)
        world.sockets.feeds[contract.conid] += 1
        until = world.session.clock.now() + QUOTES_LAST
        return self._begin(frame.subject, Quotes(frame.subject, contract, fields, until))

    def _end_quotes(self, frame: Frame) -> list[Message]:
        """Ends the session's feed of the contract, which snapshots and other sockets share (reported)."""
        stream = self._streams.get(f"smd+{frame.target}")
        if isinstance(stream, Quotes):
            self._world.session.snapshot_reads.pop(stream.contract.conid, None)
        return self._end(f"smd+{frame.target}")

    def _chart(self, frame: Frame) -> list[Message]:
        self._require_brokerage()
        world, asked = self._world, frame.arguments
        if world.sockets.charts >= CHARTS:
            raise refused(400, f"at most {CHARTS} requests for history at a time")
        query = {name: str(value) for name, value in asked.items() if name in ("period", "bar")}
        told = chart_envelope(world, asked_chart(world, query | {"conid": frame.target.partition("@")[0]}))
        server_id = world.sockets.next_server_id()
        world.sockets.charts += 1
        told = told | {"data": _formatted(told["data"], asked.get("format")), "serverId": server_id}
        return self._begin(f"smh+{server_id}", Chart(server_id, told | {"topic": frame.subject}))

    def _end_chart(self, frame: Frame) -> list[Message]:
        known = f"smh+{frame.target}" in self._streams
        self._end(f"smh+{frame.target}")
        return [{"message": f"Unsubscribed {frame.target}"}] if known else []

    def _orders(self, frame: Frame) -> list[Message]:
        self._require_brokerage()
        return self._begin("sor", Orders(frame.texts("filters")))

    def _trades(self, frame: Frame) -> list[Message]:
        self._require_brokerage()
        days = frame.arguments.get("days", 1)
        if not isinstance(days, int) or not 1 <= days <= _MOST_TRADE_DAYS:
            raise refused(400, f"Bad Request: days must be 1 to {_MOST_TRADE_DAYS}")
        told = self._begin("str", Trades(days))
        only_new = frame.arguments.get("realtimeUpdatesOnly") is True
        return [{"topic": "str", "args": []}] if only_new else told

    def _profit_and_loss(self, _: Frame) -> list[Message]:
        self._require_brokerage()
        return self._begin("spl", ProfitAndLoss())

    def _summary(self, frame: Frame) -> list[Message]:
        check_account(self._world, frame.target)
        return self._begin(frame.subject, Summary(frame.subject, frame.target, _chosen(frame)))

    def _ledger(self, frame: Frame) -> list[Message]:
        check_account(self._world, frame.target)
        return self._begin(frame.subject, Ledger(frame.subject, frame.target, _chosen(frame)))

    def _end_account(self, topic: str, frame: Frame, result: str) -> list[Message]:
        self._end(f"{topic}+{frame.target}")
        return [{"result": result}]

    def _ping(self, _: Frame) -> list[Message]:
        session = self._world.session
        session.ping()
        now = int(time.time() * 1000)
        return [{"topic": "tic", "alive": session.logged_in, "id": self._world.session_token, "lastAccessed": now}]


def _unknown(text: str) -> Message:
    return {"error": f"Topic unknown: {text[:80]}", "code": 1}


def _status(tiers: Tiers) -> Message:
    status: Message = {
        "connected": tiers.connected,
        "authenticated": tiers.authenticated,
        "competing": tiers.competing,
    }
    if tiers.connected:
        status |= {"established": tiers.established, "message": "", "fail": "", "username": USER} | SERVER
    return status


def _chosen(frame: Frame) -> Chosen:
    return Chosen(frame.texts("keys"), frame.texts("fields"))


def _formatted(bars: list[dict[str, Any]], wanted: object) -> list[dict[str, Any]]:
    """`wanted` is like "%o/%c": of each bar these, and its time."""
    if not isinstance(wanted, str):
        return bars
    names = {part.strip().removeprefix("%") for part in wanted.split("/")} | {"t"}
    return [{name: value for name, value in bar.items() if name in names} for bar in bars]
