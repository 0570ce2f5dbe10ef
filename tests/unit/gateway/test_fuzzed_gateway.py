"""Every typed read against answers spoiled in every way that is known: a typed error, or nothing but honest values.

The honest answers are the simulator's. One of them at a time is cut, emptied, or has one of its values dropped or
replaced by what cannot be meant there; what comes out is compared with what the honest answers came to.
"""

import asyncio
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest
from pydantic import BaseModel

from api_gateway.clientportal.errors import ClientPortalError, State
from api_gateway.clientportal.positions import UNKNOWN
from api_gateway.clientportal.records import (
    ContractRules,
    History,
    LiveOrders,
    Position,
    PriceIncrement,
    Trades,
    WhatIf,
)
from api_gateway.clientportal.session import Reading
from tests.support.thinning import thin
from tests.support.virtual_time import run
from tests.unit.gateway.recorded import MSFT, Call, Played, Spoken, play, record
from tests.unit.simulator.worlds import AAPL, ACCOUNT

pytestmark = pytest.mark.slow

ANOTHER: Final = "another"
# How many of a route's spoilt documents are drawn: in every run, and in the long one.
PER_ROUTE: Final = (10, 40)
JSON: Final = {"content-type": "application/json"}
DENIED: Final = b"<html><head><title>Access Denied</title></head><body>Access Denied</body></html>"
# The simulated gateway says who it is; the real one says nothing there, so that nothing can be made of its absence.
MARKER: Final = "simulator"
# A text, a number and a flag can also be replaced by another of their kind, which nobody could tell.
SESSION: Final = ("/iserver/auth/status", "/iserver/accounts", "/portfolio/accounts")
FOR_TEXT: Final[tuple[object, ...]] = (None, 7, True, [], {}, [{}], 1e30)
FOR_NUMBER: Final[tuple[object, ...]] = (
    None,
    "x",
    True,
    [],
    {},
    "NaN",
    "1e30",
    1e30,
    -1e30,
    10**40,
    "C",
    "5 USD EUR",
    {"amount": 1},
)
FOR_FLAG: Final[tuple[object, ...]] = (None, "x", 1, [], {}, "true")
FOR_OBJECT: Final[tuple[object, ...]] = (None, "x", 7, True, [], [[]])
# What says of itself that it was not read, and what only the pages of positions tell: names, and what each share is.
SAID: Final = ("name", "strange", "complete", "note", "type", "sector", "industry", "category")
FOR_LIST: Final[tuple[object, ...]] = (None, "x", 7, True, {}, [None], [7], ["x"], [[]])


@dataclass(frozen=True)
class Spoiling:
    what: str
    spoken: Spoken


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Every value of a JSON document with the way to it; of a list only the first two and the last."""
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            if key != MARKER:
                yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for place in sorted({0, 1, len(value) - 1} & set(range(len(value)))):
            yield from places(value[place], (*path, place))


def instead_of(value: object) -> tuple[object, ...]:
    if isinstance(value, bool):
        return FOR_FLAG
    if isinstance(value, dict):
        return FOR_OBJECT
    if isinstance(value, list):
        return FOR_LIST
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(each for each in FOR_TEXT if not (_is_number(value) and each == 7))
    return FOR_NUMBER


def _is_number(text: str) -> bool:
    return any(letter.isdigit() for letter in text)


def spoilt_documents(document: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 any JSON
    for path, value in places(document):
        way = ".".join(str(step) for step in path)
        for other in instead_of(value):
            yield f"{way} = {other!r}", _with(document, path, lambda _, other=other: other)
        if path and not isinstance(path[-1], int):
            yield f"{way} dropped", _without(document, path)
        if isinstance(value, list) and value:
            yield f"{way} repeated", _with(document, path, lambda rows: [*rows, *rows])
            yield f"{way} empty", _with(document, path, lambda rows: [])
            yield f"{way} shorter", _with(document, path, lambda rows: rows[:-1])
            yield f"{way} nested", _with(document, path, lambda rows: [rows])
        if isinstance(value, dict) and value and path:
            yield f"{way} = {{}}", _with(document, path, lambda _: {})
        if value == ACCOUNT:
            yield f"{way} = {ANOTHER} account", _with(document, path, lambda _: "DU1111111")
        if path and path[-1] in ("conid", "con_id"):
            yield f"{way} = {ANOTHER} contract", _with(document, path, lambda held: type(held)(_other(held)))
    yield from _contradicting(document)


def _other(conid: object) -> int:
    """A contract that is also asked for, so that it is known to the gateway."""
    return AAPL if str(conid) == str(MSFT) else MSFT


def _contradicting(document: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 any JSON
    """A row twice, the second time with other numbers."""
    if isinstance(document, list) and document and isinstance(document[0], dict):
        other = {
            key: value * 2 if type(value) in (int, float) and "con" not in key else value
            for key, value in document[0].items()
        }
        yield "a row that contradicts another", [*document, other]


def _with(document: Any, path: tuple[str | int, ...], change: Any) -> Any:  # noqa: ANN401 any JSON
    if not path:
        return change(document)
    step, rest = path[0], path[1:]
    copy = document.copy()
    copy[step] = _with(document[step], rest, change)
    return copy


def _without(document: Any, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401 any JSON
    return _with(document, path[:-1], lambda held: {key: value for key, value in held.items() if key != path[-1]})


def spoilt_bodies(honest: Spoken) -> Iterator[Spoiling]:
    body, text = honest.body, honest.body.decode()
    cut = {"half": len(body) // 2, "a byte short": len(body) - 1, "a byte": 1, "nothing": 0}
    for what, length in cut.items():
        yield Spoiling(f"cut to {what}", Spoken(200, body[:length], JSON))
    for status in (204, 302, 401, 403, 404, 408, 429, 500, 502, 503):
        yield Spoiling(f"status {status}, empty", Spoken(status, b"", JSON))
        yield Spoiling(f"status {status}, HTML", Spoken(status, DENIED, {"content-type": "text/html"}))
    for other in (b"[]", b"{}", b"null", b"0", b'""', b"true", b'"Success"', b"[[]]", b"[{}]", b"[null]", DENIED):
        yield Spoiling(f"{other[:20]!r} instead", Spoken(200, other, JSON))
    for error in ("no bridge", "not authenticated", "Please query /accounts first", "no session", {"code": 1}, [1]):
        yield Spoiling(f"error {error} with 200", Spoken(200, json.dumps({"error": error}).encode(), JSON))
    yield Spoiling("deep nesting", Spoken(200, b"[" * 50_000 + b"]" * 50_000, JSON))
    yield Spoiling("trailing garbage", Spoken(200, body + b"}", JSON))
    yield Spoiling("twice", Spoken(200, body + body, JSON))
    yield Spoiling("Latin-1", Spoken(200, text.replace('"', '"\xe9', 1).encode("latin-1"), JSON))
    yield Spoiling("not gzip", Spoken(200, body, {**JSON, "content-encoding": "gzip"}))
    yield Spoiling("as HTML", Spoken(200, body, {"content-type": "text/html; charset=utf-16"}))
    yield Spoiling("as UTF-16", Spoken(200, text.encode("utf-16"), {"content-type": "application/json; charset=utf-8"}))
    for number in ("NaN", "Infinity", "-Infinity"):
        yield Spoiling(
            number,
            Spoken(200, text.replace(": 0.0", f": {number}").replace(": 1", f': {number}, "x": 1', 1).encode(), JSON),
        )


def spoilings(route: str, honest: Spoken, count: int) -> list[Spoiling]:
    """All bodies, every change of identity and a drawn share of the other documents."""
    documents = [
        Spoiling(what, Spoken(200, json.dumps(document).encode(), JSON))
        for what, document in spoilt_documents(json.loads(honest.body))
    ]
    others = [each for each in documents if ANOTHER in each.what]
    rest = [each for each in documents if ANOTHER not in each.what]
    drawn = random.Random(route).sample(rest, min(count, len(rest)))  # noqa: S311 no secret
    return [*spoilt_bodies(honest), *others, *drawn]


def dishonest(found: object, honest: object) -> str | None:
    """What of the outcome the honest one does not have; a value that is missing is none."""
    if found is None or found == honest:
        return None
    if isinstance(found, History) and isinstance(honest, History):
        told = dict(zip(honest.dates, honest.closes, strict=True))
        wrong = [day for day, close in zip(found.dates, found.closes, strict=True) if told.get(day) != close]
        return f"closes of {wrong}" if wrong else None
    if isinstance(found, ContractRules) and isinstance(honest, ContractRules):
        return _dishonest_rules(found, honest)
    if isinstance(found, BaseModel) and type(found) is type(honest):
        fields = {name: dishonest(getattr(found, name), getattr(honest, name)) for name in type(found).model_fields}
        wrong_fields = {
            name: wrong
            for name, wrong in fields.items()
            if wrong is not None and name not in SAID and not _is_said(name, found)
        }
        return str(wrong_fields) if wrong_fields else None
    if isinstance(found, tuple) and isinstance(honest, tuple):
        return next((f"{each}" for each in found if all(dishonest(each, one) for one in honest)), None)
    return f"{found!r} for {honest!r}"


def _is_said(name: str, found: BaseModel) -> bool:
    """What says of itself that it was not read; and the names, which only the pages tell."""
    if isinstance(found, Position) and name in ("symbol", "asset_class"):
        return found.symbol == str(found.conid) if name == "symbol" else found.asset_class == UNKNOWN
    return name in ("name", "models", "note", "strange")


def _dishonest_rules(found: ContractRules, honest: ContractRules) -> str | None:
    # Without a ladder there is the step of the present price.
    ladders = (honest.increments, (PriceIncrement.model_validate({"lower_edge": 0, "increment": "0.01"}),))
    if found.increments not in ladders or (found.can_trade and not honest.can_trade):
        return str(found)
    return None if found.quantity_increment == honest.quantity_increment else str(found)


def judged(name: str, found: object, honest: object) -> str | None:
    if isinstance(found, Reading) and isinstance(honest, Reading):
        return "READY" if found.state is State.READY and honest.state is not State.READY else None
    if name in ("stocks", "indices", "quotes") and isinstance(found, tuple) and isinstance(honest, tuple):
        # The second of the pair are those without an answer, with the reason.
        return dishonest(found[0], honest[0])
    if name == "report" and isinstance(found, tuple) and isinstance(honest, tuple):
        return dishonest(found[0], honest[0]) or dishonest(found[1], honest[1])
    if isinstance(found, WhatIf) and found.error is not None:
        # A preview that says no is never wrong to believe.
        return None
    if name == "positions" and not found:
        return "no positions"
    if name == "accounts":
        return None if found == honest else str(found)
    return dishonest(found, honest)


async def outcome_of(call: Call, answers: Mapping[str, Spoken]) -> Played | ClientPortalError:
    try:
        return await play(call, answers)
    except ClientPortalError as error:
        return error


async def _spoil_one_after_the_other(
    name: str, call: Call, answers: Mapping[str, Spoken], count: int = PER_ROUTE[0]
) -> tuple[list[str], int, int]:
    """The dishonest outcomes, and how many outcomes there were with an error and without."""
    honest = await play(call, answers)
    wrong: list[str] = []
    errors = values = 0
    for route in honest.routes:
        # What opens the session is spoilt before the reads that are about it.
        if any(path in route for path in SESSION) and name not in ("session", "accounts"):
            continue
        for spoiling in spoilings(route, answers[route], count):
            found = await outcome_of(call, {**answers, route: spoiling.spoken})
            if isinstance(found, ClientPortalError):
                errors += 1
                continue
            values += 1
            # A search names a contract once; a price of another symbol under that id is refused when it is read.
            unseen = name == "indices" and spoiling.what.endswith(f"conid = {ANOTHER} contract")
            problem = None if unseen else judged(name, found.outcome, honest.outcome)
            if problem is not None:
                wrong.append(f"{route}: {spoiling.what} → {problem[:200]}")
    return wrong, errors, values


@pytest.fixture(scope="module")
def recording() -> tuple[dict[str, Spoken], dict[str, Call]]:
    return asyncio.run(record())


READS: Final = (
    "accounts", "positions", "summary", "ledger", "performance", "stocks", "indices", "asset class", "rules",
    "quotes", "history", "orders", "trades", "report", "status", "preview",
)  # fmt: skip


@pytest.mark.parametrize("count", thin(PER_ROUTE, 2))
@pytest.mark.parametrize("name", READS)
def test_a_spoilt_answer_is_a_typed_error_or_changes_no_value(
    recording: tuple[dict[str, Spoken], dict[str, Call]], name: str, count: int
) -> None:
    answers, reads = recording
    wrong, errors, values = run(_spoil_one_after_the_other(name, reads[name], answers, count))
    assert wrong == []
    assert errors > 20
    assert values > 0


def test_a_spoilt_quote_after_the_close_is_no_price_of_now() -> None:
    answers, reads = asyncio.run(record(closed=True))
    assert b'"31":"C' in b"".join(spoken.body for route, spoken in answers.items() if "/snapshot" in route)
    wrong, _, values = run(_spoil_one_after_the_other("quotes", reads["quotes"], answers))
    assert wrong == []
    assert values > 0


def says_nothing(outcome: object) -> bool:
    if isinstance(outcome, LiveOrders | Trades):
        outcome = outcome.orders if isinstance(outcome, LiveOrders) else outcome.trades
    return isinstance(outcome, tuple) and all(says_nothing(each) for each in outcome)


@pytest.mark.parametrize("body", [b"[]", b"{}", b"null", b"", DENIED, b'{"orders": [], "snapshot": true}'])
def test_a_gateway_that_says_the_same_to_everything_has_nothing_to_say(
    recording: tuple[dict[str, Spoken], dict[str, Call]], body: bytes
) -> None:
    answers, reads = recording
    spoilt = {
        route: spoken if any(path in route for path in SESSION) else Spoken(200, body)
        for route, spoken in answers.items()
    }

    async def played() -> dict[str, object]:
        return {name: await outcome_of(call, spoilt) for name, call in reads.items()}

    silent = {"session", "accounts", "quotes", "stocks", "indices"}
    for name, found in run(played()).items():
        if isinstance(found, Played) and name not in silent:
            assert says_nothing(found.outcome)
            assert name != "positions"
        if isinstance(found, Played) and name in ("quotes", "stocks", "indices"):
            assert isinstance(found.outcome, tuple)
            assert found.outcome[0] == ()


@pytest.mark.parametrize(
    "state",
    [
        {"authenticated": False, "established": False, "competing": False, "connected": False},
        {"authenticated": False, "established": False, "competing": False, "connected": True},
        {"authenticated": True, "established": False, "competing": False, "connected": True},
        {"authenticated": True, "established": True, "competing": True, "connected": True},
    ],
)
def test_no_spoilt_status_makes_a_session_ready(
    recording: tuple[dict[str, Spoken], dict[str, Call]], state: dict[str, bool]
) -> None:
    answers, reads = recording
    (route,) = [route for route in answers if "/iserver/auth/status" in route]
    status = Spoken(200, json.dumps({**state, "message": ""}).encode(), JSON)
    wrong, errors, values = run(_spoil_one_after_the_other("session", reads["session"], {**answers, route: status}))
    # Older gateways do not tell whether a session is established, nor whether another one competes.
    assert [
        each for each in wrong if not each.endswith(("established dropped → READY", "competing dropped → READY"))
    ] == []
    assert errors == 0
    assert values > 50
