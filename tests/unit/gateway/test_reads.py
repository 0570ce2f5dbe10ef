"""Accounts, contracts, quotes and histories out of the gateway's shapes; what did not arrive stays missing."""

from datetime import UTC, date, datetime
from decimal import Decimal

import httpx2
import pytest

from api_gateway.clientportal.errors import GatewayRefused, Incomplete, Malformed, PacingViolation
from tests.unit.gateway.scripted import ACCOUNT, MARKER, ScriptedGateway, Time, ok, portal_to, ready_gateway

SNAPSHOT = "GET /iserver/marketdata/snapshot"
HISTORY = "GET /iserver/marketdata/history"
AAPL = 265598
FULL = {
    "conid": AAPL,
    "conidEx": "265598",
    "_updated": 1672239600000,
    "31": "126.04",
    "84": "126.03",
    "86": "126.05",
    "7741": "130.03",
    "55": "AAPL",
    "6509": "RpB",
    "7762": "1,300",
    "7282": "88.4M",
    "7289": "2.1B",
}
BARE = {"conid": AAPL, "conidEx": "265598"}


def without(*fields: str, **changes: object) -> dict[str, object]:
    row = {key: value for key, value in FULL.items() if key not in fields}
    return {**row, **{key.removeprefix("f"): value for key, value in changes.items()}}


async def test_a_snapshot_is_polled_until_the_slow_fields_are_there() -> None:
    gateway = ready_gateway().on(SNAPSHOT, ok([BARE]), ok([without("7282", "7289")]), ok([FULL]))
    time = Time()
    (quote,), missing = await portal_to(gateway, time).market.quotes([AAPL])
    assert (quote.bid, quote.ask, quote.last) == (Decimal("126.03"), Decimal("126.05"), Decimal("126.04"))
    assert (quote.volume, quote.average_volume, quote.market_cap) == tuple(
        Decimal(each) for each in (1300, 88_400_000, 2_100_000_000)
    )
    assert quote.as_of == datetime(2022, 12, 28, 15, 0, tzinfo=UTC)
    assert (quote.kind, quote.source, quote.marks) == ("live", "ibkr", ())
    assert missing == ()
    assert gateway.count(SNAPSHOT) == 3
    assert sum(time.slept) == pytest.approx(0.3)


async def test_fields_arrive_over_several_answers_and_are_put_together() -> None:
    rows = [BARE, without("84", "86", "7282", "7289"), without("31", "7741")]
    gateway = ready_gateway().on(SNAPSHOT, *(ok([row]) for row in rows))
    (quote,), _ = await portal_to(gateway).market.quotes([AAPL])
    assert None not in (quote.bid, quote.ask, quote.last, quote.prior_close)
    assert gateway.count(SNAPSHOT) == 3


async def test_a_snapshot_that_does_not_grow_any_more_ends_the_polling() -> None:
    gateway = ready_gateway().on(SNAPSHOT, ok([without("84", "86", "7289")]))
    (quote,), _ = await portal_to(gateway).market.quotes([AAPL])
    assert (quote.bid, quote.ask, quote.market_cap) == (None, None, None)
    assert gateway.count(SNAPSHOT) == 3


async def test_a_contract_is_waited_on_once_for_fields_that_it_never_has() -> None:
    gateway = ready_gateway().on(SNAPSHOT, ok([without("84", "86", "7289")]))
    market = portal_to(gateway).market
    await market.quotes([AAPL])
    await market.quotes([AAPL])
    assert gateway.count(SNAPSHOT) == 4


async def test_a_contract_that_never_delivers_is_missing_with_a_reason() -> None:
    gateway = ready_gateway().on(SNAPSHOT, ok([BARE]))
    quotes, (missing,) = await portal_to(gateway).market.quotes([AAPL])
    assert quotes == ()
    assert (missing.conid, missing.reason) == (AAPL, "the gateway delivered no price")
    assert gateway.count(SNAPSHOT) == 8


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (without(), "live"),
        (without(f6509="DPB"), "delayed"),
        (without(f6509="Z"), "frozen"),
        (without(f6509="Y"), "frozen"),
        (without(f31="C130.03"), "prev_close"),
        (without(f31="H126.04"), "halted"),
    ],
)
async def test_the_quality_of_a_quote_is_told(row: dict[str, object], kind: str) -> None:
    (quote,), _ = await portal_to(ready_gateway().on(SNAPSHOT, ok([row]))).market.quotes([AAPL])
    assert quote.kind == kind


async def test_a_side_that_nobody_quotes_is_none_and_never_zero() -> None:
    gateway = ready_gateway().on(SNAPSHOT, ok([without(f84="-1", f86="0")]))
    (quote,), _ = await portal_to(gateway).market.quotes([AAPL])
    assert (quote.bid, quote.ask) == (None, None)


@pytest.mark.parametrize("row", [without("_updated"), without(f6509="N"), without("6509")])
async def test_a_quote_without_time_or_right_to_it_is_missing(row: dict[str, object]) -> None:
    quotes, missing = await portal_to(ready_gateway().on(SNAPSHOT, ok([row]))).market.quotes([AAPL])
    assert quotes == ()
    assert len(missing) == 1


async def test_an_index_is_not_waited_for_because_nobody_bids_for_it() -> None:
    gateway = ready_gateway()
    hit = {"conid": "13455763", "companyName": "CBOE Volatility Index", "symbol": "VIX", "description": "CBOE"}
    foreign = {**hit, "conid": "1", "description": "MEXI"}
    sections = {"sections": [{"secType": "IND"}]}
    gateway.on("GET /iserver/secdef/search", ok([{**foreign, **sections}, {**hit, **sections}]))
    gateway.on("GET /iserver/contract/13455763/info", ok({"currency": "USD", "instrument_type": "IND"}))
    row = {"conid": 13455763, "_updated": 1672239600000, "31": "22.14", "7741": "21.65", "6509": "R"}
    gateway.on(SNAPSHOT, ok([row]))
    portal = portal_to(gateway)
    (contract,), unresolved = await portal.contracts.resolve(["VIX"], "IND")
    assert (contract.conid, contract.exchange, contract.currency, unresolved) == (13455763, "CBOE", "USD", ())
    (quote,), _ = await portal.market.quotes([contract.conid])
    assert quote.last == Decimal("22.14")
    assert gateway.count(SNAPSHOT) == 1


async def test_more_than_a_hundred_contracts_are_asked_in_several_calls() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        conids = request.url.params["conids"].split(",")
        assert len(conids) <= 100
        return ok([{**FULL, "conid": int(conid), "conidEx": conid} for conid in conids])

    gateway = ready_gateway().on(SNAPSHOT, answer)
    quotes, _ = await portal_to(gateway).market.quotes(list(range(1, 251)))
    assert [quote.conid for quote in quotes] == list(range(1, 251))
    assert gateway.count(SNAPSHOT) == 3


async def test_the_simulators_marks_say_what_was_made_up() -> None:
    marker = {"synthetic": ["31"], "simulated": ["31", "84"], "derived": [], "fictional": ["7289", "7282", "7762"]}
    gateway = ready_gateway(marker=MARKER).on(SNAPSHOT, ok([{**FULL, "simulator": marker}]))
    (quote,), _ = await portal_to(gateway).market.quotes([AAPL])
    assert quote.source == "simulator"
    fictional = ("fictional:market_cap", "fictional:average_volume", "fictional:volume")
    assert quote.marks == ("synthetic", "simulated", *fictional)


def bar(day: date, close: object) -> dict[str, object]:
    opening = datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC)
    return {"o": 1.0, "c": close, "h": 2.0, "l": 1.0, "v": 10, "t": int(opening.timestamp() * 1000)}


TUESDAY, WEDNESDAY = date(2022, 12, 27), date(2022, 12, 28)


async def test_a_history_holds_completed_sessions_only_oldest_first() -> None:
    bars = [bar(WEDNESDAY, 126.04), bar(TUESDAY, 130.03)]
    answer = {"data": bars, "simulator": {"origin": "sample", "derived": False}}
    history = await portal_to(ready_gateway(marker=MARKER).on(HISTORY, ok(answer))).market.history(AAPL, "2y")
    assert (history.dates, history.closes) == ((TUESDAY,), (130.03,))
    assert (history.adjusted, history.origin, history.source) == (True, "sample", "simulator")


async def test_after_the_close_todays_bar_counts() -> None:
    closed = {**MARKER, "now": "2022-12-28T21:00:00Z"}
    gateway = ready_gateway(marker=closed).on(HISTORY, ok({"data": [bar(WEDNESDAY, 126.04)]}))
    assert (await portal_to(gateway).market.history(AAPL, "2y")).dates == (WEDNESDAY,)


async def test_the_placeholder_of_an_empty_window_is_not_a_price() -> None:
    gateway = ready_gateway().on(HISTORY, ok({"points": 0, "data": [{"o": 0.0, "c": 0.0}]}))
    with pytest.raises(Incomplete):
        await portal_to(gateway).market.history(AAPL, "2y")


async def test_a_chart_that_is_not_ready_is_asked_for_again_a_few_times() -> None:
    unready = ok({"error": "Chart data unavailable"}, 500)
    gateway = ready_gateway().on(HISTORY, unready, ok({"data": [bar(TUESDAY, 130.03)]}))
    assert (await portal_to(gateway).market.history(AAPL, "1y")).closes == (130.03,)
    never = ready_gateway().on(HISTORY, unready)
    with pytest.raises(GatewayRefused, match="Chart data"):
        await portal_to(never).market.history(AAPL, "1y")
    assert never.count(HISTORY) == 3


@pytest.mark.parametrize("close", [0.0, -1.0, "n/a", None])
async def test_a_close_that_is_no_price_spoils_the_history(close: object) -> None:
    with pytest.raises(Malformed):
        await portal_to(ready_gateway().on(HISTORY, ok({"data": [bar(TUESDAY, close)]}))).market.history(AAPL, "1y")


@pytest.mark.parametrize("period", ["6M", "2Y", "m", "0d", "1h", "", "-1d"])
async def test_a_period_that_the_gateway_would_misread_is_never_sent(period: str) -> None:
    gateway = ready_gateway()
    with pytest.raises(ValueError, match="period"):
        await portal_to(gateway).market.history(AAPL, period)
    assert gateway.calls == []


def company(*contracts: dict[str, object], asset_class: str = "STK") -> dict[str, object]:
    return {"name": "APPLE INC", "assetClass": asset_class, "contracts": list(contracts)}


US = {"conid": AAPL, "exchange": "NASDAQ", "isUS": True}
MEXICO = {"conid": 38708077, "exchange": "MEXI", "isUS": False}
STOCKS = "GET /trsrv/stocks"
DEFINITIONS = "GET /trsrv/secdef"
APPLE = {
    "conid": AAPL,
    "ticker": "AAPL",
    "currency": "USD",
    "assetClass": "STK",
    "listingExchange": "NASDAQ",
    "type": "COMMON",
}


async def test_the_one_us_listing_is_taken_wherever_it_stands_and_kept() -> None:
    gateway = ready_gateway().on(STOCKS, ok({"AAPL": [company(MEXICO), company(MEXICO, US)]}))
    gateway.on(DEFINITIONS, ok({"secdef": [APPLE]}))
    portal = portal_to(gateway)
    for _ in range(2):
        (contract,), unresolved = await portal.contracts.resolve(["aapl"], "STK")
        assert (contract.conid, contract.exchange, contract.symbol, unresolved) == (AAPL, "NASDAQ", "AAPL", ())
    assert (gateway.count(STOCKS), gateway.count(DEFINITIONS)) == (1, 1)


@pytest.mark.parametrize(
    "companies",
    [
        [],
        [company(MEXICO)],
        [company(US), company({**US, "conid": 2})],
        [company({**US, "exchange": "PINK"})],
        [company(US, asset_class="OPT")],
        None,
    ],
)
async def test_a_symbol_without_exactly_one_us_listing_stays_unresolved(companies: object) -> None:
    gateway = ready_gateway().on(STOCKS, ok({"AAPL": companies}))
    contracts, (unresolved,) = await portal_to(gateway).contracts.resolve(["AAPL"], "STK")
    assert contracts == ()
    assert "exactly one" in unresolved.reason


async def test_contract_rules_give_every_step_of_the_tick_ladder() -> None:
    ladder = [{"lowerEdge": 0.0, "increment": 0.0001}, {"lowerEdge": 1.0, "increment": 0.01}]
    answer = {"sizeIncrement": 1, "increment": 0.01, "cashCcy": "USD", "canTradeAcctIds": [ACCOUNT], "error": None}
    path = "POST /iserver/contract/rules"
    gateway = ready_gateway().on(path, ok({**answer, "incrementRules": ladder}), ok({**answer, "canTradeAcctIds": []}))
    portal = portal_to(gateway)
    rules = await portal.contracts.rules(AAPL, "BUY")
    assert [(step.lower_edge, step.increment) for step in rules.increments] == [
        (Decimal(0), Decimal("0.0001")),
        (Decimal(1), Decimal("0.01")),
    ]
    single = await portal.contracts.rules(AAPL, "SELL")
    assert [step.increment for step in single.increments] == [Decimal("0.01")]
    assert (rules.can_trade, single.can_trade) == (True, False)


def position(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "conid": "265598",
        "description": "AAPL",
        "secType": "STK",
        "currency": "USD",
        "position": 10.0,
        "marketPrice": 126.04,
        "marketValue": 1260.4,
        "avgCost": 178.1,
        "unrealizedPnl": -520.6,
        "realizedPnl": 0.0,
    }
    return {**row, **changes}


async def test_closed_positions_are_dropped() -> None:
    path = f"GET /portfolio2/{ACCOUNT}/positions"
    gateway = ready_gateway().on(path, ok([position(), position(conid="8314", position=0)]))
    (held,) = await portal_to(gateway).portfolio.positions(ACCOUNT)
    assert (held.conid, held.symbol, held.quantity, held.price) == (AAPL, "AAPL", Decimal(10), Decimal("126.04"))


async def test_a_summary_reads_amounts_and_whether_the_account_may_borrow() -> None:
    amounts = {key: {"amount": 1.5, "currency": "USD", "isNull": False} for key in ("availablefunds", "buyingpower")}
    net = {"amount": 250000.25, "currency": "USD", "isNull": False}
    answer = {**amounts, "netliquidation": net, "tradingtype-s": {"value": "STKMRGN"}}
    path = f"GET /portfolio/{ACCOUNT}/summary"
    gateway = ready_gateway().on(path, ok(answer), ok({**answer, "buyingpower": {"amount": 0, "isNull": True}}), ok({}))
    portal = portal_to(gateway)
    summary = await portal.portfolio.summary(ACCOUNT)
    assert (summary.net_liquidation, summary.currency, summary.account_type) == (Decimal("250000.25"), "USD", "margin")
    null = await portal.portfolio.summary(ACCOUNT)
    assert (null.buying_power, null.available_funds) == (None, Decimal("1.5"))
    assert [each.reason for each in null.strange] == ["summary buyingpower: it is null"]
    with pytest.raises(Malformed, match="currency"):
        await portal.portfolio.summary(ACCOUNT)


@pytest.mark.parametrize(
    ("told", "remaining"), [({"value": "3"}, 3), ({"value": "0"}, 0), ({"value": "-1"}, None), ({}, None), (None, None)]
)
async def test_day_trades_are_counted_where_the_broker_counts_them(told: object, remaining: int | None) -> None:
    keys = ("netliquidation", "availablefunds", "buyingpower")
    answer = {key: {"amount": 1.5, "currency": "USD", "isNull": False} for key in keys}
    gateway = ready_gateway().on(f"GET /portfolio/{ACCOUNT}/summary", ok({**answer, "daytradesremaining": told}))
    assert (await portal_to(gateway).portfolio.summary(ACCOUNT)).day_trades_remaining == remaining


async def test_the_base_row_of_a_ledger_is_no_currency() -> None:
    row = {"cashbalance": 100.5, "settledcash": 90, "exchangerate": 1, "unrealizedpnl": -5, "realizedpnl": 2}
    path = f"GET /portfolio/{ACCOUNT}/ledger"
    base = {**row, "cashbalance": 210.55}
    gateway = ready_gateway().on(path, ok({"USD": row, "EUR": {**row, "exchangerate": 1.1}, "BASE": base}))
    ledger = await portal_to(gateway).portfolio.ledger(ACCOUNT)
    assert [(cash.currency, cash.exchange_rate) for cash in ledger.cash] == [("USD", 1), ("EUR", Decimal("1.1"))]
    assert ledger.unrealized_pnl == -5


PERFORMANCE = "POST /pa/performance"


def performance(dates: list[str], navs: list[float]) -> httpx2.Response:
    data = [{"id": ACCOUNT, "navs": navs, "baseCurrency": "USD"}]
    return ok({"currencyType": "base", "rc": 0, "nav": {"data": data, "freq": "D", "dates": dates}})


async def test_a_performance_is_read_once_per_session_date_and_an_older_one_keeps_its_time() -> None:
    gateway = ready_gateway(marker=MARKER).on(PERFORMANCE, performance(["20221223", "20221227"], [1.0, 2.5]))
    time = Time()
    portal = portal_to(gateway, time)
    first = await portal.portfolio.performance(ACCOUNT)
    assert first.currency == "USD"
    assert [(point.date, point.nav) for point in first.points] == [(date(2022, 12, 23), 1), (TUESDAY, Decimal("2.5"))]
    assert await portal.portfolio.performance(ACCOUNT) == first
    gateway.on("POST /iserver/auth/status", ok({**_ready(), "simulator": {**MARKER, "now": "2022-12-29T15:00:00Z"}}))
    time.now += 20.0
    await portal.session.reading()
    assert await portal.portfolio.performance(ACCOUNT) == first
    time.now += 90.0
    assert (await portal.portfolio.performance(ACCOUNT)).as_of > first.as_of
    assert gateway.count(PERFORMANCE) == 2


def _ready() -> dict[str, object]:
    return {"authenticated": True, "established": True, "competing": False, "connected": True}


async def test_a_first_performance_inside_the_limit_is_refused_with_the_time_to_wait() -> None:
    gateway = ready_gateway().on(PERFORMANCE, ok({"error": "odd"}, 500))
    portal = portal_to(gateway)
    with pytest.raises(GatewayRefused):
        await portal.portfolio.performance(ACCOUNT)
    with pytest.raises(PacingViolation, match="free again"):
        await portal.portfolio.performance(ACCOUNT)
    assert gateway.count(PERFORMANCE) == 1


@pytest.mark.parametrize("answer", [performance(["20221223"], [1.0, 2.0]), performance(["someday"], [1.0]), ok({})])
async def test_a_performance_that_does_not_fit_together_is_malformed(answer: httpx2.Response) -> None:
    with pytest.raises(Malformed):
        await portal_to(ready_gateway().on(PERFORMANCE, answer)).portfolio.performance(ACCOUNT)


async def test_a_scripted_gateway_answers_404_where_nothing_is_scripted() -> None:
    request = httpx2.Request("GET", "http://gateway/v1/api/nowhere")
    assert (await ScriptedGateway().handle(request)).status_code == 404


async def test_a_price_under_another_symbol_than_the_resolved_one_is_no_price_of_it() -> None:
    gateway = ready_gateway().on(STOCKS, ok({"AAPL": [company(US)]})).on(DEFINITIONS, ok({"secdef": [APPLE]}))
    gateway.on(SNAPSHOT, ok([without(f55="MSFT")])).on(HISTORY, ok({"symbol": "MSFT", "data": [bar(TUESDAY, 130.03)]}))
    portal = portal_to(gateway)
    await portal.contracts.resolve(["AAPL"], "STK")
    quotes, (missing,) = await portal.market.quotes([AAPL])
    assert quotes == ()
    assert "another symbol" in missing.reason
    with pytest.raises(Malformed, match="another symbol"):
        await portal.market.history(AAPL, "1y")


@pytest.mark.parametrize("bars", [[bar(TUESDAY, 1.5), bar(TUESDAY, 2.5)], [bar(date(2022, 12, 24), 1.5)]])
async def test_a_day_with_two_closes_and_a_session_on_a_weekend_spoil_the_history(
    bars: list[dict[str, object]],
) -> None:
    with pytest.raises(Malformed):
        await portal_to(ready_gateway().on(HISTORY, ok({"data": bars}))).market.history(AAPL, "1y")
