"""Every field of every answer, absent, null, empty, of another type: a typed error, or nothing that was not told.

The reads are driven over HTTP through answers of real shape. Every function of the client that is handed a part of an
answer is found by looking, and one that no case reaches fails. Where rows are listed, a strange one costs itself alone.
"""

import importlib
import inspect
import json
import pkgutil
import sys
import typing
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import CodeType, FrameType, FunctionType
from typing import Any, Final

import httpx2
import pytest

import api_gateway.clientportal as package
from api_gateway.clientportal import wire
from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.errors import ClientPortalError
from api_gateway.clientportal.records import CashRows, Holdings, Ledger, Limit, NavHistory
from api_gateway.clientportal.session_health import PrimedSession
from tests.support.thinning import thin
from tests.support.virtual_time import run
from tests.unit.gateway import instrument_shapes, order_shapes, shapes
from tests.unit.gateway.scripted import Time
from tests.unit.gateway.shapes import ACCOUNT, CONID, INDEX, ORDER_ID
from tests.unit.gateway.spoiling import POISON, Path, drop, numbers, others, places, put

pytestmark = pytest.mark.slow

BASE: Final = "http://gateway/v1/api"
ORDER: Final = Limit(
    account=ACCOUNT,
    conid=CONID,
    side="BUY",
    quantity=Decimal(10),
    limit_price=Decimal("31.25"),
    time_in_force="DAY",
    coid="PM01",
)
ISIN: Final = "US0378331005"
Documents = Mapping[str, Any]
ANSWERS: Final[Documents] = {
    "POST /iserver/auth/status": shapes.STATUS,
    "GET /iserver/accounts": shapes.ACCOUNTS,
    "GET /portfolio/accounts": [{"id": ACCOUNT}],
    "GET /portfolio/subaccounts": [{"id": ACCOUNT}],
    "GET /iserver/account/orders": order_shapes.ORDERS,
    "GET /iserver/account/trades": order_shapes.TRADES,
    f"GET /iserver/account/order/status/{ORDER_ID}": order_shapes.ORDER_STATUS,
    f"GET /portfolio2/{ACCOUNT}/positions": shapes.POSITIONS,
    f"GET /portfolio/{ACCOUNT}/ledger": shapes.LEDGER,
    f"GET /portfolio/{ACCOUNT}/summary": shapes.SUMMARY,
    "POST /pa/performance": shapes.PERFORMANCE,
    "POST /pa/transactions": shapes.TRANSACTIONS,
    "GET /trsrv/stocks": instrument_shapes.STOCKS,
    "GET /trsrv/secdef": instrument_shapes.DEFINITIONS,
    "GET /iserver/secdef/search": instrument_shapes.SEARCH,
    f"GET /iserver/contract/{CONID}/info": instrument_shapes.INFO,
    f"GET /iserver/contract/{INDEX}/info": instrument_shapes.INDEX_INFO,
    "POST /iserver/contract/rules": instrument_shapes.RULES,
    "GET /iserver/marketdata/snapshot": instrument_shapes.SNAPSHOT,
    "GET /iserver/marketdata/history": instrument_shapes.HISTORY,
    f"POST /iserver/account/{ACCOUNT}/orders/whatif": order_shapes.PREVIEW,
    f"POST /iserver/account/{ACCOUNT}/orders": order_shapes.QUESTION,
    f"POST /iserver/reply/{order_shapes.QUESTION[0]['id']}": order_shapes.PLACED,
    f"DELETE /iserver/account/{ACCOUNT}/order/{ORDER_ID}": order_shapes.CANCELLED,
}


@dataclass(frozen=True)
class Case:
    """A read and the answers that are spoilt for it, one at a time.

    `rows` are places of lists of rows, or of objects by name, of which a strange one must leave the others as they are;
    `kept` tells what of an outcome came of each row. `instead` are answers of its own.
    """

    call: Callable[[ClientPortal], Awaitable[object]]
    spoilt: tuple[str, ...]
    instead: Documents = field(default_factory=dict)
    rows: Path | None = None
    kept: Callable[[Any], Mapping[Any, object]] | None = None
    belongs: Callable[[Any, Any], object] = lambda key, row: key


def of_positions(found: Holdings) -> Mapping[object, object]:
    return {each.conid: each for each in found.positions}


def of_ledger(found: Ledger) -> Mapping[object, object]:
    return {each.currency: each for each in found.cash}


def of_performance(found: NavHistory) -> Mapping[object, object]:
    return {f"{each.date:%Y%m%d}": each for each in found.points}


def of_transactions(found: CashRows) -> Mapping[object, object]:
    return {each.description: each for each in found.rows if each.source == "transactions"}


def of_accounts(found: PrimedSession) -> Mapping[object, object]:
    return dict.fromkeys(found.accounts, True)


async def _with_isin(portal: ClientPortal) -> object:
    return await portal.contracts.resolve(["AAPL"], "STK", {"AAPL": ISIN})


async def _kept_performance(portal: ClientPortal) -> object:
    return portal.portfolio.keep_performance(ACCOUNT, wire.decode(json.dumps(shapes.PERFORMANCE).encode()))


CASES: Final[Mapping[str, Case]] = {
    "session": Case(lambda portal: portal.session.reading(), ("POST /iserver/auth/status",)),
    "simulated session": Case(
        lambda portal: portal.session.reading(),
        ("POST /iserver/auth/status",),
        {"POST /iserver/auth/status": shapes.STATUS | {"simulator": shapes.MARKER}},
    ),
    "accounts": Case(
        lambda portal: portal.session.brokerage_accounts(),
        ("GET /iserver/accounts",),
        rows=("accounts",),
        kept=of_accounts,
        belongs=lambda key, row: row,
    ),
    "positions": Case(
        lambda portal: portal.portfolio.holdings(ACCOUNT),
        (f"GET /portfolio2/{ACCOUNT}/positions",),
        rows=(),
        kept=of_positions,
        belongs=lambda key, row: int(row["conid"]),
    ),
    "ledger": Case(
        lambda portal: portal.portfolio.ledger(ACCOUNT),
        (f"GET /portfolio/{ACCOUNT}/ledger",),
        rows=(),
        kept=of_ledger,
    ),
    "summary": Case(lambda portal: portal.portfolio.summary(ACCOUNT), (f"GET /portfolio/{ACCOUNT}/summary",)),
    "performance": Case(
        lambda portal: portal.portfolio.performance(ACCOUNT),
        ("POST /pa/performance",),
        rows=("nav", "data", 0, "navs"),
        kept=of_performance,
        belongs=lambda key, row: shapes.DATES[key],
    ),
    "cash rows": Case(
        lambda portal: portal.portfolio.cash_rows(ACCOUNT, [CONID]),
        ("POST /pa/transactions",),
        rows=("transactions",),
        kept=of_transactions,
        belongs=lambda key, row: row["desc"],
    ),
    "kept performance": Case(_kept_performance, ()),
    "stocks": Case(_with_isin, ("GET /trsrv/stocks", "GET /trsrv/secdef", f"GET /iserver/contract/{CONID}/info")),
    "index": Case(lambda portal: portal.contracts.resolve(["VIX"], "IND"), ("GET /iserver/secdef/search",)),
    "asset class": Case(lambda portal: portal.contracts.asset_class(CONID), (f"GET /iserver/contract/{CONID}/info",)),
    "rules": Case(lambda portal: portal.contracts.rules(CONID, "BUY"), ("POST /iserver/contract/rules",)),
    "quotes": Case(lambda portal: portal.market.quotes([CONID, INDEX]), ("GET /iserver/marketdata/snapshot",)),
    "simulated quotes": Case(
        lambda portal: portal.market.quotes([CONID]),
        ("GET /iserver/marketdata/snapshot",),
        {
            "POST /iserver/auth/status": shapes.STATUS | {"simulator": shapes.MARKER},
            "GET /iserver/marketdata/snapshot": [
                instrument_shapes.SNAPSHOT[0]
                | {"simulator": {"simulated": ["31"], "derived": [], "fictional": ["7289"]}}
                | {"simulator": {"simulated": ["31"], "derived": [], "fictional": ["7289"]}}
            ],
        },
    ),
    "history": Case(lambda portal: portal.market.history(CONID, "3m"), ("GET /iserver/marketdata/history",)),
    "orders": Case(
        lambda portal: portal.orders.live(ACCOUNT),
        ("GET /iserver/account/orders",),
        rows=("orders",),
        kept=lambda found: {each.order_id: each for each in found.orders},
        belongs=lambda key, row: str(row["orderId"]),
    ),
    "executions": Case(
        lambda portal: portal.orders.trades(ACCOUNT),
        ("GET /iserver/account/trades",),
        rows=(),
        kept=lambda found: {each.execution_id: each for each in found.trades},
        belongs=lambda key, row: row["execution_id"],
    ),
    "report": Case(lambda portal: portal.orders.report(ACCOUNT), ("GET /iserver/account/trades",)),
    "status": Case(
        lambda portal: portal.orders.status(ACCOUNT, ORDER_ID), (f"GET /iserver/account/order/status/{ORDER_ID}",)
    ),
    "preview": Case(lambda portal: portal.orders.preview(ORDER), (f"POST /iserver/account/{ACCOUNT}/orders/whatif",)),
    "placing": Case(
        lambda portal: portal.orders.place_once(ORDER),
        (f"POST /iserver/account/{ACCOUNT}/orders", f"POST /iserver/reply/{order_shapes.QUESTION[0]['id']}"),
    ),
    "refused placing": Case(
        lambda portal: portal.orders.place_once(ORDER),
        (f"POST /iserver/account/{ACCOUNT}/orders",),
        {f"POST /iserver/account/{ACCOUNT}/orders": order_shapes.REJECTED},
    ),
    "cancel": Case(
        lambda portal: portal.orders.cancel(ACCOUNT, ORDER_ID),
        (f"DELETE /iserver/account/{ACCOUNT}/order/{ORDER_ID}",),
    ),
    "slow quotes": Case(
        lambda portal: portal.market.quotes([CONID]),
        (),
        {"GET /iserver/marketdata/snapshot": [{k: v for k, v in instrument_shapes.SNAPSHOT[0].items() if k != "84"}]},
    ),
}


async def outcome_of(case: Case, answers: Documents) -> object:
    """A new client's, from its first request on. Raises: whatever the read raises."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        route = f"{request.method} {request.url.path.removeprefix('/v1/api')}"
        if route not in answers:
            return httpx2.Response(404, content=b"Resource not found")
        return httpx2.Response(200, content=json.dumps(answers[route]).encode())

    time = Time()
    async with httpx2.AsyncClient(base_url=BASE, transport=httpx2.MockTransport(answer)) as http:
        portal = ClientPortal(http, refuse_simulator=False, clock=time.clock, sleep=time.sleep, utc_now=shapes.now)
        return await case.call(portal)


@dataclass(frozen=True)
class Trial:
    """A case with its honest outcome, and one answer of it to spoil."""

    case: Case
    route: str
    answers: Documents
    honest: object

    async def wrong(self, every: int) -> list[str]:
        """What is wrong where one of so many places is spoilt."""
        document, found = self.answers[self.route], list[str]()
        for path, value in list(places(document))[::every]:
            told = [await self._with(path, what, put(document, path, other)) for what, other in POISON]
            if any(each is not SAME for each in told):
                told += [await self._with(path, what, put(document, path, other)) for what, other in others(value)]
                told += (
                    [await self._with(path, "absent", drop(document, path))]
                    if path and isinstance(path[-1], str)
                    else []
                )
            found += [each for each in told if each]
        return found

    async def _with(self, path: Path, what: str, document: object) -> str | None:
        """What is wrong with the outcome: None for nothing, blank where it is no other than the honest one."""
        where = f"{self.route} {'.'.join(map(str, path))} {what}"
        answers = {**self.answers, self.route: document}
        try:
            found = await outcome_of(self.case, answers)
        except ClientPortalError as error:
            return f"{where}: {error}" if self._must_go_on(path) else None
        if found == self.honest:
            return SAME
        invented = set(numbers(found)) - set(numbers(self.honest)) - set(numbers(answers))
        if invented:
            return f"{where}: {invented} was invented"
        lost = self._lost(path, found)
        return f"{where}: {lost} are lost" if lost else None

    def _must_go_on(self, path: Path) -> bool:
        """Whose answer it is, an order of ours, and a row that the account's own total misses, may be an error all the
        same.
        """
        row = self._row(path)
        ours = isinstance(row, dict) and str(row.get("order_ref", "")).startswith("PM")
        return row is not None and not ours and path[-1] not in ("acctId", "acctcode", "USD", "EUR")

    def _row(self, path: Path) -> Any:  # noqa: ANN401 any JSON
        """The row of a list, or of an object by name, in which the place is."""
        rows = self.case.rows
        if rows is None or len(path) <= len(rows) or path[: len(rows)] != rows:
            return None
        row = self.answers[self.route]
        for step in path[: len(rows) + 1]:
            row = row[step]
        return row

    def _lost(self, path: Path, found: object) -> list[object]:
        """Rows other than the spoilt one that did not come out, or not as they were."""
        row = self._row(path)
        if row is None or self.case.rows is None or self.case.kept is None:
            return []
        mine = self.case.belongs(path[len(self.case.rows)], row)
        honest, now = self.case.kept(self.honest), self.case.kept(found)
        return [key for key, each in honest.items() if key != mine and now.get(key) != each]


SAME: Final = ""


async def _judged(case: Case, every: int) -> list[str]:
    answers = {**ANSWERS, **case.instead}
    honest = await outcome_of(case, answers)
    return [wrong for route in case.spoilt for wrong in await Trial(case, route, answers, honest).wrong(every)]


@pytest.mark.parametrize("every", thin([5, 1], 2))
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.spoilt])
def test_a_strange_field_is_a_typed_error_or_costs_itself_alone(name: str, every: int) -> None:
    assert run(_judged(CASES[name], every)) == []


# Which parsers there are.


def functions() -> Iterator[FunctionType]:
    """Every function and method of the client's modules."""
    for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(info.name)
        for found in vars(module).values():
            if getattr(found, "__module__", None) == module.__name__:
                members = vars(found).values() if inspect.isclass(found) else (found,)
                yield from (each for each in members if isinstance(each, FunctionType))


def is_parser(function: FunctionType) -> bool:
    """Whether it is handed a part of the gateway's answer: any JSON, a row of it, or the answer's bytes."""
    hints = typing.get_type_hints(function)
    told = [hint for name, hint in hints.items() if name not in ("return", "body")]
    is_made = function.__name__.startswith("__")
    return not is_made and any(hint in (object, bytes) or "[str, object]" in repr(hint) for hint in told)


def reached() -> set[CodeType]:
    """Code of every function that the honest cases run."""
    ran: set[CodeType] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            ran.add(frame.f_code)

    async def played() -> None:
        for case in CASES.values():
            await outcome_of(case, {**ANSWERS, **case.instead})

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run(played())
    finally:
        sys.setprofile(before)
    return ran


def test_every_parser_of_the_client_has_a_case() -> None:
    parsers = {f"{each.__module__}.{each.__qualname__}": each.__code__ for each in functions() if is_parser(each)}
    assert len(parsers) > 60
    ran = reached()
    assert sorted(name for name, code in parsers.items() if code not in ran) == []


def test_the_honest_answers_come_to_what_they_say() -> None:
    found = run(outcome_of(CASES["positions"], ANSWERS))
    assert isinstance(found, Holdings)
    told = [(each.symbol, each.asset_class, int(each.quantity)) for each in found.positions]
    assert told == [
        ("AAPL", "STK", 17),
        ("SPY JAN2027 400 C [SPY 270115C00400000 100]", "OPT", -1),
        ("EUR.USD", "CASH", 2000),
        ("GAW", "STK", 12),
        ("GONE", "STK", 12),
        ("SPY COMBO", "BAG", 12),
    ]
    assert found.strange == ()
    assert (found.positions[0].own_quantity, found.positions[0].market_value) == (Decimal(12), Decimal("535.5"))
