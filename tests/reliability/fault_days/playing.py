"""Plays one day on a machine: each fault falls into a run, then everything is mended and the day is run to its end.

What a person or a supervisor would do is done here: dead parts are started again, the gateway program is opened, cron
asks again after four minutes. What the program must do by itself is not.
"""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import httpx2

from tests.reliability.fault_days.events import PREVIEW, SEND, STATUS, Day, Moment, Strike
from tests.reliability.fault_days.hearing import Heard, arrived, heard, moment
from tests.reliability.fault_days.hearing import Moment as What
from tests.reliability.fault_days.machine import DAY_SECONDS, Command, Machine, reached
from tests.reliability.fault_days.striking import Undo, script, strike
from tests.reliability.fault_days.table import end, marked, part_of

HOLD_SECONDS: Final = 2.0
REACH_SECONDS: Final = 60.0
# Cron's next time.
AGAIN_SECONDS: Final = 240.0
ATTEMPTS: Final = 6
PATIENCE_SECONDS: Final = 240.0
# A lease that is waited for lapses sooner on a machine whose clock moves on.
HURRY: Final = (15.0, 45.0)
ORPHAN_SECONDS: Final = 10.0
FINAL: Final = frozenset({"done", "missed", "skipped", "halted", "awaiting_approval", "rejected"})


@dataclass
class Record:
    """What happened: `struck` tells each fault with what it hit; `arrivals` every order list seen, by its world."""

    day: Day
    struck: list[str] = field(default_factory=list)
    kills: list[str] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    hung: list[str] = field(default_factory=list)
    arrivals: list[tuple[int, list[dict[str, Any]]]] = field(default_factory=list)
    ended: str = "never"
    seconds: float = 0.0


@dataclass
class Player:
    """One day of one machine."""

    machine: Machine
    day: Day
    fresh: bool
    record: Record = field(init=False)
    downs: list[tuple[str, float | None]] = field(default_factory=list)
    world: int = 0

    def __post_init__(self) -> None:
        self.record = Record(self.day)

    def play(self) -> Record:
        """From the morning to the last run."""
        began = time.monotonic()
        self._morning()
        for blow in self.day.strikes:
            self._blow(blow)
        self._evening()
        self._bury()
        self.record.seconds = time.monotonic() - began
        return self.record

    def _morning(self) -> None:
        machine, broker = self.machine, self.machine.broker
        if not self.fresh:
            machine.later(DAY_SECONDS)
            broker.post("clock", {"next_session": True})
        machine.as_of = datetime.fromisoformat(str(broker.get("clock")["now"])).date()
        self._owner_trades()
        if machine.house is not None and (self.day.way != "served" or machine.house.arguments != ("house",)):
            self._take_down()
        if self.day.way != "up":
            machine.open_door()

    def _owner_trades(self) -> None:
        """In another program, so that there is something to put right."""
        state = self.machine.broker.get("state")
        held = {row["symbol"]: row for row in state["positions"]}
        side, symbol = "BUY", self.day.bought
        price = Decimal(held[symbol]["price"]) if symbol in held else Decimal(200)
        size = int(Decimal(state["net_liquidation"]) * Decimal("0.2") / price)
        if Decimal(state["cash"]) < size * price * Decimal("1.05"):
            largest = max(held.values(), key=lambda each: Decimal(each["price"]) * each["quantity"])
            side, symbol, size = "SELL", largest["symbol"], largest["quantity"] // 2
        self.machine.broker.post("external-order", {"symbol": symbol, "side": side, "quantity": size})

    def _blow(self, blow: Strike) -> None:
        if blow.kind == "broker":
            self._ready()
            script(self.machine, blow.script)
            self.record.struck.append(f"broker: {blow.script}")
            self._down("gateway")
            self._finish(self._run())
            return
        self._ready()
        # A day that is done sends nothing more: what follows falls into a run that previews.
        dry = self._is_done()
        when = _in_a_preview(blow.moment) if dry else blow.moment
        base = self._held_at_once_ready(when)
        asked = self._run("--dry-run") if dry else self._run()
        self._await(when, asked, base)
        where = "after the run" if asked.ended else "within the run"
        self._see()
        hit, undo = strike(self.machine, asked, blow)
        self._note(blow, hit, where)
        if hit:
            self._follow(blow, asked, undo)
        self._ready()
        self._finish(asked)

    def _follow(self, blow: Strike, asked: Command, undo: Undo) -> None:
        self._down(blow.part)
        if blow.kind == "freeze and kill the parent":
            self._down("parent")
        if blow.part == "parent" and blow.kind != "clock":
            (self.machine.house or asked).ends(ORPHAN_SECONDS)
        if blow.then:
            self._finish(self.machine.portfolio(*self._words(blow.then)))
        time.sleep(blow.seconds)
        undo()
        self._up(blow.part)

    def _words(self, then: tuple[str, ...]) -> tuple[str, ...]:
        if then[0] != "run":
            return then
        return (*then, "--json", *self._where())

    def _where(self) -> tuple[str, ...]:
        return () if self.day.way == "alone" else ("--url", self.machine.service_url)

    def _is_done(self) -> bool:
        runs = moment(self.machine).runs.values()
        return any((run.day, run.status) == (self.machine.as_of.isoformat(), "done") for run in runs)

    def _run(self, *more: str) -> Command:
        return self.machine.portfolio("run", "--json", *more, *self._where())

    def _ready(self) -> None:
        """Whoever looks after the machine starts again what is dead."""
        machine = self.machine
        if self.day.way != "up":
            machine.open_door()
        if self.day.way == "alone":
            return
        parts = ("service", "mcp") if self.day.way == "served" else ("service", "mcp", "gateway")
        house = machine.house
        if house is not None and not house.ended and all(part_of(house.token, part) for part in parts):
            self._up("parent")
            return
        self._take_down()
        for _ in range(2):
            before = moment(machine)
            if machine.bring_up(real=self.day.way == "up"):
                if self.day.way == "up" and self.world:
                    self._down("book")
                self.world += 1
                self._up("parent")
                return
            assert machine.house is not None
            said = self._hear(machine.house, before)
            self._bury()
        raise RuntimeError(f"nothing comes up: {said.err}")

    def _take_down(self) -> None:
        house = self.machine.house
        self._down("parent")
        if house is not None and not house.ended:
            house.process.terminate()
            if not house.ends(30):
                self.record.hung.append("up does not end on SIGTERM")
                house.process.kill()
                house.process.wait()
        self.machine.leave_house()

    def _bury(self) -> None:
        """What is left of a command ten seconds after its death is ended here, and counted."""
        dead = {command.token: command.died for command in self.machine.started if command.ended}
        if not dead:
            return
        newest = max(died for died in dead.values() if died is not None)
        reached(lambda: not marked(*dead), newest + ORPHAN_SECONDS - time.monotonic())
        self.record.orphans += [f"{each.part}: {' '.join(each.words)[:80]}" for each in marked(*dead)]
        end(*dead)
        self.machine.started = [command for command in self.machine.started if command.token not in dead]

    def _held_at_once_ready(self, when: Moment) -> int:
        """What was told to end may still have been there when it was looked for."""
        try:
            return self._held_at(when)
        except httpx2.TransportError:
            self._ready()
            return self._held_at(when)

    def _held_at(self, when: Moment) -> int:
        """The request that is waited for takes its time, so that the fault falls into it. How many there were."""
        if when.request is None:
            return 0
        method, _, template = when.request.partition(" ")
        path = "/".join("*" if part.startswith("{") else part for part in template.split("/"))
        rule = {"path": path, "method": method, "kind": "delay", "seconds": HOLD_SECONDS, "after": when.number - 1}
        self.machine.gateway.post("faults", rule)
        return self.machine.gateway.calls()[when.request]

    def _await(self, when: Moment, asked: Command, base: int) -> None:
        if when.request is None:
            asked.ends(when.seconds)
            return
        request = when.request
        wanted = base + when.number
        reached(lambda: asked.ended or self.machine.gateway.calls()[request] >= wanted, REACH_SECONDS)

    def _finish(self, command: Command) -> Heard:
        before = moment(self.machine)
        for seconds in HURRY:
            if command.ends(command.began + seconds - time.monotonic()):
                break
            self.machine.later(150)
        if not command.ends(command.began + PATIENCE_SECONDS - time.monotonic()):
            self.record.hung.append(f"{' '.join(command.arguments)} after {PATIENCE_SECONDS:g} s")
            command.process.kill()
            command.process.wait()
        return self._hear(command, before)

    def _hear(self, command: Command, before: What) -> Heard:
        after = moment(self.machine)
        down = frozenset(part for part, until in self.downs if until is None or until >= command.began)
        self._see()
        orders = [row for _, rows in self.record.arrivals for row in rows]
        said = heard(command, before, after, down, orders)
        self.record.heard.append(said)
        return said

    def _evening(self) -> None:
        self.machine.set_clock()
        self._ready()
        with suppress(httpx2.HTTPError):
            self.machine.gateway.mend()
        for part in {part for part, until in self.downs if until is None and part != "book"}:
            self._up(part)
        for _ in range(ATTEMPTS):
            self.machine.later(AGAIN_SECONDS)
            self._ready()
            said = self._finish(self._run())
            self.record.ended = str((said.answer or {}).get("status", f"exit {said.status}"))
            if self.record.ended in FINAL:
                break
        if self.day.close:
            self._close()
        self._see()

    def _close(self) -> None:
        at = self.machine.as_of
        self.machine.gateway.post("clock", {"to": f"{at.isoformat()}T21:30:00+00:00"})
        self._finish(self.machine.portfolio("run", "--slot", "close", "--json", *self._where()))

    def _see(self) -> None:
        if self.day.way == "up" and self.machine.under is None:
            return
        self.record.arrivals.append((self.world if self.day.way == "up" else 0, arrived(self.machine)))

    def _note(self, blow: Strike, hit: bool, where: str) -> None:
        if not hit:
            self.record.struck.append(f"{blow.kind} {blow.part}: nothing to strike")
            return
        self.record.struck.append(f"{blow.kind} {blow.part} {where}")
        if blow.kind in ("kill", "freeze and kill the parent"):
            self.record.kills.append("parent" if blow.part in ("parent", "run") or blow.kind != "kill" else "child")

    def _down(self, part: str) -> None:
        self.downs.append((part, None))

    def _up(self, part: str) -> None:
        now = time.monotonic()
        self.downs = [(each, now if each == part and until is None else until) for each, until in self.downs]


def _in_a_preview(when: Moment) -> Moment:
    """The same moment of a run that sends nothing."""
    return Moment(PREVIEW, 1) if when.request in (SEND, STATUS) else when
