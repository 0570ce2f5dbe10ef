"""What the program may say, and when it is true.

Every line on stderr and every JSON answer must be one of these sentences, and its fact must hold: the words are
compared with the database, the broker's list and what was really down. A sentence that is not listed fails its day.
"""

import json
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from tests.reliability.fault_days.hearing import Heard, Moment

Fact = Callable[[Heard, "re.Match[str]"], bool]


def always(_: Heard, __: "re.Match[str]") -> bool:
    """Says nothing that could be otherwise."""
    return True


def down(*parts: str) -> Fact:
    """One of these was struck while the command ran, or was still down."""
    return lambda said, _: not said.down.isdisjoint(parts)


def at_work(said: Heard, found: "re.Match[str]") -> bool:
    """The run was running and whoever had it lived, before or after, or somebody went on with it in between."""
    before, after = (moment.runs.get(found["run"]) for moment in (said.before, said.after))
    running = any(_at_work(moment, found["run"]) for moment in (said.before, said.after))
    return running or (after is not None and (before is None or before != after))


def _at_work(moment: Moment, run_id: str) -> bool:
    return run_id in moment.owned and moment.runs[run_id].status == "running"


def leased(said: Heard, found: "re.Match[str]") -> bool:
    """It is at work, and its lease holds for about as long as that, and never for longer than leases do."""
    lefts = [_left(moment, found["run"]) for moment in (said.before, said.after)]
    known = [each for each in lefts if each is not None]
    seconds = float(found["seconds"])
    # A lease is renewed, and a clock put right, while a command waits.
    near = not known or min(known) - NEARLY_SECONDS < seconds < max(known) + NEARLY_SECONDS
    return at_work(said, found) and near and seconds <= LONGEST_SECONDS


def _left(moment: Moment, run_id: str) -> float | None:
    run = moment.runs.get(run_id)
    return None if run is None else (run.lease_until - moment.lease_time).total_seconds()


def left(said: Heard, found: "re.Match[str]") -> bool:
    """Who worked on it did not live, or had let the lease lapse, or somebody has gone on with it."""
    run = said.before.runs.get(found["run"])
    lapsed = run is not None and run.lease_until <= said.after.lease_time
    return lapsed or not _at_work(said.before, found["run"]) or run != said.after.runs.get(found["run"])


def ended(said: Heard, found: "re.Match[str]") -> bool:
    """A run ended with that status, as the database has it."""
    return any(run.status == found["status"] for run in said.after.runs.values())


def any_of(*facts: Fact) -> Fact:
    """One of them holds."""
    return lambda said, found: any(fact(said, found) for fact in facts)


def in_doubt(said: Heard, _: "re.Match[str]") -> bool:
    """An order of unknown outcome is on record, before or after."""
    return said.before.doubts or said.after.doubts


def taken(_: Heard, found: "re.Match[str]") -> bool:
    """Somebody listens on that port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(found["port"]))) == 0


def at_broker(said: Heard, found: "re.Match[str]") -> bool:
    """The broker holds such an order, filled."""
    wanted = (found["side"], found["symbol"], float(found["quantity"]))
    return any(
        (order["side"], order["symbol"], float(order["filledQuantity"])) == wanted
        for row in said.orders
        for order in row["orders"]
    )


NEARLY_SECONDS: Final = 60.0
LONGEST_SECONDS: Final = 121.0
_RUN: Final = r"(?P<run>run_[0-9a-f]{16})"
_LEASE: Final = r"its lease holds until \d\d:\d\d:\d\d \((?P<seconds>\d+) s\)"
_ORDER: Final = r"(?P<side>BUY|SELL) (?P<quantity>[\d.]+) (?P<symbol>[A-Z.]+) at [\d.]+"
_BROKER: Final = down("gateway", "mcp", "parent")
SENTENCES: Final[Sequence[tuple[str, Fact]]] = (
    (r"· starting the MCP server", always),
    (r"· nothing was sent now: the run was made before this call, at \d\d:\d\d UTC", always),
    (r"· (account read|market read|measured|decision|decision kept from the interrupted attempt): .*", always),
    (r"· reconciled \d+ open orders; uncertain: .*", always),
    (rf"· filled: {_ORDER}.*", any_of(at_broker, down("book"))),
    (rf"· (acked|partial|cancelled|rejected|unknown): {_ORDER}.*", down("gateway", "mcp", "parent")),
    (rf"· not_sent: {_ORDER}.*", always),
    (rf"· previewed: {_ORDER}; not sent: the request asks for a dry run", always),
    (r"· not sent: .*", always),
    (r"· the broker asked about .*", down("gateway")),
    (r"· exit blocked: .*", always),
    (r"· [\d,.-]+ USD came from outside and nobody has explained it", always),
    (r"· drawdown and daily loss are unknown today: .*", always),
    (r"· [A-Z.]+ (in quarantine|cannot be traded|is not managed): .*", down("gateway", "mcp", "book")),
    (rf"· the end of run {_RUN} is not on record: .*", down("database")),
    (r"· day closed: \d+ orders settled, \d+ trades of others", always),
    (r"· ending .* \(pid \d+, .*\)", down("parent", "run")),
    # It may have ended since: what is killed with its parent takes some seconds.
    (r"· left over: .* \(pid \d+, .*\); .*", always),
    (r"· run (?P<status>\w+)(: .*)?", ended),
    (rf"· another caller's run {_RUN} is in progress; waiting for it", at_work),
    (rf"(portfolio:|·) run {_RUN} is in progress elsewhere; {_LEASE}(; waiting for it|\. .*)", leased),
    (rf"portfolio: run {_RUN} is in progress elsewhere\. .*", at_work),
    (rf"· nobody is at work on run {_RUN} any more; asking for it again", left),
    (r"· the (connection to the )?service .*(was lost|does not answer) .*", down("service", "parent", "database")),
    (r"portfolio: no answer from the service at .*", down("service", "parent", "database")),
    (r"portfolio: the IBKR MCP server at .* did not answer .*", down("mcp", "parent", "gateway")),
    (r"portfolio: the IBKR MCP server at .* cannot be reached: .*", down("mcp", "parent")),
    (r"portfolio: no connection to the gateway: .*", down("gateway")),
    (r"portfolio: the gateway.*", down("gateway")),
    (r"portfolio: the broker's session is .*", down("gateway", "mcp")),
    (r"portfolio: .* went to the broker and what became of it is not on record: .*", in_doubt),
    (r"portfolio: stopped by SIG[A-Z]+", down("parent", "run")),
    (r"portfolio: run .* was taken over .*", down("parent", "service", "run")),
    (r"portfolio: there is no ledger in .*", down("database")),
    (r"portfolio: the ledger could not be read or written: .*", down("database")),
    (r"portfolio: it is unknown whether .* reached the broker .*", in_doubt),
    (r"portfolio: the broker's books do not show whether these orders arrived: .*", in_doubt),
    (r"portfolio: port (?P<port>\d+) for the .* is taken.*", taken),
    (r"portfolio: the run was stopped\. .*", down("parent", "run", "service")),
)
_COMPILED: Final = tuple((re.compile(words), fact) for words, fact in SENTENCES)


def untrue(heard: Sequence[Heard]) -> Iterator[str]:
    """Each sentence that is not known, or not so."""
    for said in heard:
        told = " ".join(said.arguments[:2])
        for line in _lines(said.err):
            wrong = _wrong(said, line)
            if wrong is not None:
                yield f"{told}: {wrong}: {line}"
        yield from (f"{told}: {wrong}" for wrong in _answer(said))


def _lines(err: str) -> list[str]:
    """An error is told to a program as a problem: the same words as to a person."""
    return [_said(line) for line in err.splitlines() if line.strip()]


def _said(line: str) -> str:
    if not line.startswith("{"):
        return line
    problem = json.loads(line)
    return (
        f"portfolio: {problem['detail']}. {problem['remedy']}"
        if problem["remedy"]
        else f"portfolio: {problem['detail']}"
    )


def _wrong(said: Heard, line: str) -> str | None:
    for words, fact in _COMPILED:
        found = words.fullmatch(line)
        if found is not None:
            return None if fact(said, found) else "not so"
    return "not known"


def _answer(said: Heard) -> Iterator[str]:
    """A report says what the database says, and a command that fails says why."""
    if said.status is None or said.status < 0 or said.arguments[:1] != ("run",):
        return
    answer = said.answer
    if said.status == 0:
        run = said.after.runs.get(str((answer or {}).get("run_id")))
        if answer is None or run is None:
            yield f"ended well and reported nothing that is on record: {said.out[:80]!r}"
        elif run.status != answer["status"]:
            yield f"reported {run.run_id} as {answer['status']}, on record it is {run.status}"
    elif answer is None and not any(line.startswith("portfolio: ") for line in _lines(said.err)):
        yield f"ended with status {said.status} and said nothing"
