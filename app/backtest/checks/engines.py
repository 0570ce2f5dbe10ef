"""Other reckonings of the same: ten lines of numpy, a second engine, and days that were kept and are decided again."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import numpy as np

from app.backtest.account import Account
from app.backtest.books import even_book
from app.backtest.checks import oracle
from app.backtest.checks.subject import PROBE, Subject
from app.backtest.checks.world import made_world
from app.backtest.history import History
from app.backtest.judge import names_of
from app.backtest.result import Check
from app.domain.policy import Policy
from app.engine import decide_all
from app.record.capture import Inputs, Told, keep, outcome_of
from app.record.chunks import KeptInputs
from app.record.compare import first_difference
from app.record.pseudonyms import pseudonymiser
from app.record.replay import read
from app.settings import load_policy, shipped_policy

SHIPPED = ("conservative_policy", "default_policy", "aggressive_policy")
_AMOUNT = Decimal(250_000)
_BPS = 5
_EQUAL = 1e-12
_KEPT_DAYS = 5
_KEY = "of this check, and of nothing else"


def ten_lines(subject: Subject) -> Check:
    """An equal weight portfolio through the replay's account and fills is worth what ten lines of numpy say."""
    history, rows, where = _plain(subject)
    reader = subject.reader(replace(history, volumes=None))
    led = subject.parts.equal_weight_led(subject.policies[0], reader, rows, _BPS)
    told = oracle.equal_weight(history.closes[rows.start : rows.stop], _BPS, float(oracle.AMOUNT))
    apart = float(np.abs(led / told - 1).max())
    said = (
        f"equal weights at {_BPS} basis points over {len(rows)} sessions {where} differ from ten lines by {apart:.1e}"
    )
    return Check("ten-line oracle", apart <= _EQUAL, f"{said}; at most {_EQUAL:.0e} is allowed")


def second_engine(subject: Subject) -> Check:
    """Another engine, in fractions, comes to the same fills, fees, cash, positions and values to the cent."""
    history, rows, where = _plain(subject)
    policies = _led_policies(subject, history)
    book = even_book(history, rows.start - 1, _AMOUNT)
    ways = subject.of(*policies).led_from(book, history, rows, replace(subject.assumptions, cash_rate=0.0))
    for one in ways:
        wrong = next(oracle.second_engine(one), None)
        if wrong is not None:
            return Check("second engine", False, f"{one.policy.name}: {wrong}")
    orders = sum(len(one.done) for one in ways)
    names = ", ".join(one.policy.name for one in ways)
    said = f"{names} {where}: {orders} fills, cash and values of {len(rows)} sessions follow to the cent"
    return Check("second engine", True, said)


def live_equality(subject: Subject) -> Check:
    """Days that are kept as a run keeps them are decided again from what was kept, to the same outcome."""
    days = 0
    for policy in subject.policies:
        for on, kept in _kept(subject, policy):
            record = read(kept)
            difference = first_difference(record.outcome, subject.parts.decide_again(record.inputs))
            if difference is not None:
                told = f"{difference.path} was {difference.kept}, and is {difference.again}"
                return Check("live equality", False, f"{on} of {policy.name} decided again: {told}")
            days += 1
    said = f"{days} days were kept like a run's and decided again from that: the same measures, plans and choice"
    return Check("live equality", True, said)


def _plain(subject: Subject) -> tuple[History, range, str]:
    """The asked data where they have all prices of one currency and nothing happens; else made ones."""
    history, rows = subject.history, subject.probed
    whole = not np.isnan(history.closes[rows.start - 1 : rows.stop]).any() and not history.happenings
    if whole and {one.currency for one in history.instruments} == {"USD"}:
        return history, rows, "of these data"
    made = made_world(subject.policies[0], PROBE, subject.seed)
    return made, range(len(made.dates) - PROBE, len(made.dates)), "of made prices, for these are not plain"


def _led_policies(subject: Subject, history: History) -> tuple[Policy, ...]:
    """The asked ones and the three shipped ones, as far as the data have their names; each once."""
    shipped = (load_policy(shipped_policy().with_name(f"{name}.yaml")) for name in SHIPPED)
    useful = [one for one in shipped if names_of(one, history)]
    return tuple({one.hash: one for one in (*subject.policies, *useful)}.values())


def _kept(subject: Subject, policy: Policy) -> Iterator[tuple[object, KeptInputs]]:
    """(day, what was kept), spread over the probe."""
    rows = subject.probed
    wanted = set(np.linspace(rows.start, rows.stop - 1, _KEPT_DAYS).astype(int).tolist())
    reader = subject.reader(subject.history)
    account = Account(policy, reader, subject.assumptions, subject.book, rows.start)
    hide = pseudonymiser(_KEY, [subject.book.account])
    for row in rows:
        market = reader.market(row)
        account.open(market)
        given = account.given(market)
        # With what a run shows people beside what it decides by.
        given = replace(given, today=replace(given.today, bare=False))
        decided = decide_all([given])[0]
        if row in wanted:
            outcome = outcome_of(decided.evaluation, decided.level, decided.options, decided.options.default)
            inputs = Inputs(given.today, given.use, given.level, given.causes)
            yield market.session.date, keep(inputs, outcome, Told({"id": f"run_{row}"}, {"version": "check"}), hide)
        account.take(decided, market)
        account.close()
