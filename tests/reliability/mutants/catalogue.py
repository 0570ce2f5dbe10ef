"""The safeguards, how each is taken away, and where that must show. Data only: it imports nothing of the product."""

from dataclasses import dataclass
from typing import Final

from tests.reliability.mutants.mutating import Edit

EXECUTING: Final = "app.desk.stages.execute"
RECONCILING: Final = "app.desk.stages.reconcile"
SENDING: Final = "app.ledger.sending"
INTENTS: Final = "app.ledger.intents"
RUNS: Final = "app.ledger.runs"
OUTCOME: Final = "api_gateway.clientportal.outcome"
QUESTIONS: Final = "api_gateway.clientportal.questions"

CRASH_TEST: Final = "test_a_run_that_is_killed_anywhere_is_recovered_without_a_wrong_order"
FREEZE: Final = "tests/reliability/freeze/test_freeze.py"


@dataclass(frozen=True, slots=True)
class Crash:
    """A case of the crash enumeration: the first process dies where it comes to the label for the `nth` time.

    Without a label it lives.
    """

    script: str
    lag: int
    label: str | None = None
    nth: int = 1


@dataclass(frozen=True, slots=True)
class Freeze:
    """The first process is frozen where it comes to the label for the `nth` time, until another has done the day."""

    label: str
    lag: int = 0
    nth: int = 1


@dataclass(frozen=True, slots=True)
class Mutant:
    """`test` names what catches it; `probes` are the cases of it that are counted, or else its tests are.

    `harmless`: another safeguard covers for it, and the probes must show nothing.
    """

    name: str
    edits: tuple[Edit, ...]
    test: str
    probes: tuple[Crash | Freeze, ...] = ()


_COMMIT: Final = (
    "await run.journal.flush_with(\n"
    "        lambda events: desk.in_thread(sending, *what, run.clock.now(), budget, events)\n"
    "    )\n"
)
_UNGUARDED: Final = (
    Edit(SENDING, "    if intent.state != OrderState.PLANNED or intent.sends != 0:\n", "    if intent is None:\n"),
    Edit(SENDING, "    if before is not None:\n", "    if before is None and intent is None:\n"),
    Edit(SENDING, ", intents.c.state == OrderState.PLANNED, intents.c.sends == 0)", ")"),
)
_UNFENCED: Final = (
    Edit(RUNS, "    if (row.fence, row.owner) != (claim.fence, claim.owner):\n", "    if row.fence < 0:\n"),
    Edit(
        RUNS,
        "    if row.status != RunStatus.RUNNING:\n        raise Fenced",
        "    if row.fence < 0:\n        raise Fenced",
    ),
)
_LATE_WAKING: Final = (
    Freeze("after broker.preview", nth=2),
    Freeze("after broker.preview", nth=3),
    Freeze("before ledger.record", 3, nth=6),
)
# Buys: what was sold already is no longer held, and the gate refuses to sell it again.
_LOST_SIGHT: Final = (
    Crash("nothing goes wrong", 3, "after wire.orders", 2),
    Crash("nothing goes wrong", 3, "after broker.place", 2),
    Crash("nothing goes wrong", 3, "after wire.orders", 3),
    Crash("filled late", 3, "after wire.orders", 3),
    Crash("503, live later", 3, "after wire.orders"),
    Crash("503, live later", 0, "before ledger.settle"),
)
_ON_THE_WIRE: Final = (
    Crash("nothing goes wrong", 0),
    Crash("nothing goes wrong", 0, "after wire.orders"),
    Crash("accepted, connection cut", 1, "after broker.place"),
)

MUTANTS: Final = (
    Mutant(
        "intent committed as SENDING before the order is sent",
        (
            Edit(
                EXECUTING,
                f"    refusal = {_COMMIT}",
                "    refusal = None\n",
            ),
            Edit(
                EXECUTING,
                "    state = _state(placement)\n",
                f"    state = _state(placement)\n    {_COMMIT}",
            ),
        ),
        CRASH_TEST,
        _ON_THE_WIRE,
    ),
    Mutant(
        "an order of unknown outcome is never sent again",
        (
            Edit(
                EXECUTING,
                "    state = _state(placement)\n",
                "    if _state(placement) is OrderState.UNKNOWN:\n"
                "        placement = await desk.broker.place(ticket, desk.signer.sign(ticket))\n"
                "    state = _state(placement)\n",
            ),
            # A ticket is good for one order: the server in front of the broker would refuse the second.
            Edit(
                "api_gateway.mcp_server.tickets",
                "        if ticket.coid in self._used:\n",
                "        if not ticket.coid:\n",
            ),
        ),
        CRASH_TEST,
        (
            Crash("accepted, connection cut", 0),
            Crash("accepted, 502", 3),
            Crash("503, live later", 1),
            Crash("second order accepted, connection cut", 3),
        ),
    ),
    Mutant(
        "a timeout is not tried again below the ledger",
        (
            Edit(
                "api_gateway.clientportal.transport",
                "            answer = await self._exchange(method, path, None, body)\n",
                "            try:\n"
                "                answer = await self._exchange(method, path, None, body)\n"
                "            except GatewayDown:\n"
                "                answer = await self._exchange(method, path, None, body)\n",
            ),
        ),
        CRASH_TEST,
        (
            Crash("accepted, connection cut", 0),
            Crash("accepted, connection cut", 3),
            Crash("second order accepted, connection cut", 0),
            Crash("reply accepted, connection cut", 0),
        ),
    ),
    Mutant(
        "absence needs more than one read",
        (Edit(RECONCILING, "ABSENT_READS = 2\n", "ABSENT_READS = 1\n"),),
        "tests/unit/desk/test_reconcile.py::test_one_read_is_no_evidence_of_absence_however_late_it_comes",
    ),
    Mutant(
        "absence counts only after the settle window",
        (Edit(RECONCILING, "SETTLE_SECONDS = 180\n", "SETTLE_SECONDS = -(10**9)\n"),),
        "tests/unit/desk/test_reconcile.py::test_many_reads_at_once_are_no_evidence_of_absence",
    ),
    Mutant(
        "an order's id is the same whoever computes it",
        (
            Edit(
                "app.domain.order",
                "    return COID_PREFIX + hashlib.sha256(text.encode()).hexdigest()[:20]\n",
                '    return COID_PREFIX + hashlib.sha256(__import__("os").urandom(9)).hexdigest()[:20]\n',
            ),
        ),
        "tests/reliability/test_order_ids.py",
    ),
    Mutant(
        "the fence, with the guard on PLANNED off",
        (*_UNGUARDED, *_UNFENCED),
        f"{FREEZE}::test_a_sender_frozen_before_it_commits_is_fenced_off_by_who_took_over",
        _LATE_WAKING,
    ),
    Mutant(
        "the fence, with the guard on PLANNED on",
        _UNFENCED,
        f"{FREEZE}::test_a_sender_frozen_before_it_commits_is_fenced_off_by_who_took_over",
    ),
    Mutant(
        "the guard on PLANNED, with the fence on",
        (
            *_UNGUARDED,
            Edit(
                EXECUTING,
                "    if record.state is not OrderState.PLANNED:\n",
                "    if record.state is OrderState.FILLED:\n",
            ),
        ),
        CRASH_TEST,
        _LOST_SIGHT,
    ),
    Mutant(
        "a question that is not on the list stays unanswered",
        (
            Edit(
                QUESTIONS,
                '        return f"{name} is not on the list',
                '        return None and f"{name} is not on the list',
            ),
        ),
        "tests/unit/gateway/test_orders.py",
    ),
    Mutant(
        "the gate runs again on fresh data before the send",
        (
            Edit(
                EXECUTING,
                "    if not ruling.allowed:\n        return Refused(ruling.refusals)\n    allowed = ruling.allowed[0]",
                "    allowed = priced",
            ),
        ),
        "tests/unit/desk/test_execute.py",
    ),
    Mutant(
        "a day's counters include orders on their way",
        (
            Edit(
                INTENTS,
                "_UNUSED = (_S.REJECTED, _S.NOT_SENT)\n",
                "_UNUSED = (_S.REJECTED, _S.NOT_SENT, _S.SENDING, _S.UNKNOWN, _S.ABANDONED)\n",
            ),
        ),
        "tests/unit/ledger/test_sending.py",
    ),
    Mutant(
        "the deadline between the commit and the wire",
        (Edit(EXECUTING, "    if desk.steady() > due:\n", "    if due < 0:\n"),),
        f"{FREEZE}::test_a_sender_frozen_before_its_deadline_check_never_sends",
        (Freeze("after ledger.sending"), Freeze("after ledger.sending", 3)),
    ),
    Mutant(
        "the sweep for orders that were given up",
        (
            Edit(
                INTENTS,
                "OPEN = (_S.SENDING, _S.ACKED, _S.PARTIAL, _S.UNKNOWN, _S.ABANDONED)\n",
                "OPEN = (_S.SENDING, _S.ACKED, _S.PARTIAL, _S.UNKNOWN)\n",
            ),
        ),
        CRASH_TEST,
        _LOST_SIGHT,
    ),
    Mutant(
        "the kill level is read in the transaction of the send",
        (Edit(SENDING, "    refusal = _stopped(intent, level, budget)\n", "    refusal = None\n"),),
        f"{FREEZE}::test_a_halt_that_is_committed_after_the_gate_and_before_the_send_stops_the_order",
    ),
    Mutant(
        "a server error in answer to an order is no refusal",
        (
            Edit(
                OUTCOME,
                '    return "rejected" if is_unprimed(message) or (300 <= status < 500',
                '    return "rejected" if is_unprimed(message) or (300 <= status < 600',
            ),
        ),
        CRASH_TEST,
        (
            Crash("accepted, 502", 0),
            Crash("accepted, 503", 0),
            Crash("503, live soon", 0),
            Crash("503, live later", 3),
            Crash("second order accepted, connection cut", 0),
        ),
    ),
    Mutant(
        "registered already means accepted earlier",
        (
            Edit(
                EXECUTING,
                "        Outcome.ALREADY_REGISTERED: OrderState.UNKNOWN,\n",
                "        Outcome.ALREADY_REGISTERED: OrderState.REJECTED,\n",
            ),
        ),
        "tests/unit/desk/test_execute.py",
    ),
)
