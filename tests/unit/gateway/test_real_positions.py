"""What real accounts hold, row by row: each is read, or set aside with the reason, and the others come out."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from api_gateway.clientportal.errors import Incomplete
from api_gateway.clientportal.records import Holdings, Position
from tests.unit.gateway import shapes
from tests.unit.gateway.scripted import ACCOUNT, Time, ok, portal_to, ready_gateway
from tests.unit.gateway.shapes import CONID, near_row

AAPL = near_row(CONID, "AAPL", "STK")
NEAR = f"GET /portfolio2/{ACCOUNT}/positions"
UTC = "2025-11-18T15:00:00+00:00"


async def held(*rows: object) -> Holdings:
    return await portal_to(ready_gateway().on(NEAR, ok([AAPL, *rows]))).portfolio.holdings(ACCOUNT)


async def beside_apple(*rows: object) -> Position:
    """The one holding that the rows come to."""
    apple, other = (await held(*rows)).positions
    assert (apple.symbol, apple.quantity, apple.note) == ("AAPL", Decimal(12), None)
    return other


def option(**changes: object) -> dict[str, Any]:
    return near_row(591234567, "SPY    JAN2027 400 C [SPY   270115C00400000 100]", "OPT") | changes


KINDS = (
    "OPT", "FUT", "FOP", "CASH", "BOND", "BILL", "FUND", "CFD", "WAR", "IOPT", "CRYPTO", "CMDTY", "BAG", "PDC", "LATER"
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
async def test_every_security_type_is_carried_also_one_that_nobody_knows_yet(kind: str) -> None:
    found = await beside_apple(near_row(12087792, "EUR.USD", kind))
    assert (found.conid, found.asset_class, found.quantity) == (12087792, kind, Decimal(12))
    assert (found.price, found.market_value) == (Decimal("31.5"), Decimal("378.0"))


@pytest.mark.parametrize("kind", [None, "", 7, [], {}])
async def test_a_security_type_that_is_none_is_unknown(kind: object) -> None:
    assert (await beside_apple(option(secType=kind, assetClass=kind))).asset_class == "UNKNOWN"


async def test_two_security_types_in_one_row_are_unknown_and_said() -> None:
    found = await beside_apple(option(assetClass="STK"))
    assert (found.asset_class, found.note) == ("UNKNOWN", "secType and assetClass are not one: OPT and STK")


async def test_a_fund_may_be_called_either_way() -> None:
    assert (await beside_apple(near_row(756733, "SPY", "STK", assetClass="ETF"))).asset_class == "STK"


@pytest.mark.parametrize("field", ["marketPrice", "marketValue", "avgCost", "unrealizedPnl", "realizedPnl"])
@pytest.mark.parametrize("value", [None, "", "  ", "n/a", [], True, 1e30])
async def test_an_amount_that_cannot_be_read_is_none_and_named(field: str, value: object) -> None:
    found = await beside_apple(option(**{field: value}))
    names = ("price", "market_value", "average_cost", "unrealized_pnl", "realized_pnl")
    assert sum(getattr(found, name) is None for name in names) == 1
    assert found.note is not None
    assert found.note.startswith(field)


async def test_a_row_with_the_fewest_fields_is_a_holding_without_a_price() -> None:
    found = await beside_apple({"conid": "8314", "position": 3, "currency": "USD"})
    assert (found.symbol, found.quantity, found.price, found.asset_class) == ("8314", Decimal(3), None, "UNKNOWN")


@pytest.mark.parametrize(
    ("row", "conid", "reason"),
    [
        (None, None, "row 2 of the positions is no object"),
        ([], None, "row 2 of the positions is no object"),
        ({}, None, "conid: there is none; position is missing; currency is missing"),
        (option(conid=None), None, "conid: there is none"),
        (option(conid="SPY"), None, "conid: not a contract id"),
        (option(conidEx="8314"), None, "conid: a row with two contract ids, 8314 and 591234567"),
        (option(position=None), 591234567, "position is missing"),
        (option(position="many"), 591234567, "position: not a number: 'many'"),
        (option(currency=None), 591234567, "currency is missing"),
        (option(currency="Dollar"), 591234567, "currency is not a currency"),
    ],
)
async def test_a_row_that_is_no_holding_is_set_aside_with_the_reason(
    row: object, conid: int | None, reason: str
) -> None:
    found = await held(row)
    assert [each.symbol for each in found.positions] == ["AAPL"]
    (strange,) = found.strange
    assert (strange.what, strange.conid, strange.reason) == ("position", conid, reason)


@pytest.mark.parametrize("conid", ["591234567", 591234567, 591234567.0, " 591234567 ", "591234567@SMART"])
async def test_a_contract_id_is_read_as_it_is_written(conid: object) -> None:
    assert (await beside_apple(option(conid=conid))).conid == 591234567


@pytest.mark.parametrize("key", ["conid", "conidEx", "conidex"])
async def test_a_combination_is_carried_under_its_own_id_with_its_legs_in_the_note(key: str) -> None:
    combination = near_row(28812380, "SPY spread", "BAG") | {key: "28812380;;;712809821/1,712809881/-1"}
    found = await beside_apple(combination)
    assert (found.conid, found.asset_class) == (28812380, "BAG")
    assert found.note == "a combination of 712809821/1,712809881/-1"


async def test_combinations_that_share_an_id_add_up_in_value_and_have_no_price() -> None:
    legs = ("712809821/1,712809881/-1", "712809822/1,712809882/-1")
    rows = [near_row(28812380, "SPY spread", "BAG", conidEx=f"28812380;;;{each}") for each in legs]
    found = await beside_apple(*rows)
    assert (found.quantity, found.market_value, found.price) == (Decimal(24), Decimal(756), None)


async def test_models_are_added_up_and_the_accounts_own_part_is_told() -> None:
    grown = AAPL | {"position": 10.0, "marketValue": 315.0, "unrealizedPnl": 12.5, "model": "Growth"}
    short = AAPL | {"position": -2.5, "marketValue": -78.75, "unrealizedPnl": -3.0, "model": "Hedge"}
    (found,) = (await held(grown, short)).positions
    assert (found.quantity, found.own_quantity, found.market_value) == (Decimal("19.5"), Decimal(12), Decimal("614.25"))
    assert [(each.model, each.quantity) for each in found.models] == [("Growth", 10), ("Hedge", Decimal("-2.5"))]
    # Cost of two sides is no average.
    assert found.average_cost is None


@pytest.mark.parametrize("model", [None, "", "Core", "INDEPENDENT"])
async def test_the_accounts_own_model_is_none(model: object) -> None:
    assert (await beside_apple(option(model=model))).models == ()


async def test_a_holding_that_is_a_models_alone_is_not_the_accounts_own() -> None:
    found = await beside_apple(option(model="Growth"))
    assert (found.quantity, found.own_quantity) == (Decimal(12), Decimal(0))


async def test_a_model_that_cannot_be_read_is_not_the_accounts_own_either() -> None:
    assert (await beside_apple(option(model=7))).own_quantity == 0


async def test_two_rows_that_differ_for_one_holding_cost_that_holding() -> None:
    found = await held(option(), option(position=30.0))
    assert [each.symbol for each in found.positions] == ["AAPL"]
    (strange,) = found.strange
    assert (strange.conid, strange.reason) == (
        591234567,
        "rows that differ stand for the same holding: position 12.0 and 30.0",
    )


async def test_one_contract_in_two_currencies_is_set_aside() -> None:
    (strange,) = (await held(option(), option(model="Growth", currency="EUR"))).strange
    assert "two currencies" in strange.reason


async def test_a_price_in_pence_beside_a_value_in_pounds_is_in_pounds() -> None:
    pence = near_row(35151400, "GAW", "STK", currency="GBP", marketPrice=3150.0, avgCost=3025.0)
    found = await beside_apple(pence)
    assert (found.price, found.average_cost, found.market_value) == (Decimal("31.5"), Decimal("30.25"), Decimal(378))


async def test_the_price_of_an_option_is_left_as_it_is_though_its_value_is_a_hundred_times_as_large() -> None:
    found = await beside_apple(option(position=1.0, marketPrice=2.15, marketValue=215.0))
    assert (found.price, found.market_value) == (Decimal("2.15"), Decimal(215))


async def test_a_fraction_and_a_short_position_are_held() -> None:
    assert (await beside_apple(option(position=0.3742))).quantity == Decimal("0.3742")
    assert (await beside_apple(option(position=-50.0))).quantity == -50


@pytest.mark.parametrize("rest", [{}, {"marketPrice": "n/a", "conid": None, "currency": 7}])
async def test_what_is_closed_is_nothing_whatever_else_its_row_says(rest: Mapping[str, object]) -> None:
    found = await held(option(position=0) | dict(rest))
    assert (len(found.positions), found.strange) == (1, ())


def _page(request: httpx2.Request, count: int) -> httpx2.Response:
    """A hundred rows as a first read gives them: without names, and one of a model among them."""
    first = int(request.url.path.rsplit("/", 1)[1]) * 100 + 1
    rows = [
        near_row(conid, f"S{conid}", "STK", model="" if conid % 7 else "Growth") for conid in range(first, first + 100)
    ]
    names = {"description": "contractDesc", "marketPrice": "mktPrice", "marketValue": "mktValue"}
    dropped = ("secType", "sector", "group", "timestamp")
    pages = [{names.get(key, key): value for key, value in row.items() if key not in dropped} for row in rows]
    return ok([{**row, "conid": int(str(row["conid"]))} for row in pages if int(str(row["conid"])) <= count])


@pytest.mark.parametrize("count", [500, 5_000, 5_050])
async def test_a_large_account_is_read_to_its_last_row(count: int) -> None:
    gateway = ready_gateway().on(NEAR, ok([near_row(conid, f"S{conid}", "STK") for conid in range(1, 101)]))
    for number in range(count // 100 + 1):
        gateway.on(f"GET /portfolio/{ACCOUNT}/positions/{number}", lambda request: _page(request, count))
    found = await portal_to(gateway, Time()).portfolio.holdings(ACCOUNT)
    assert len(found.positions) == count
    assert (found.positions[-1].symbol, found.strange) == (f"S{count}", ())


async def test_rows_none_of_which_is_a_holding_contradict_a_ledger_with_investments() -> None:
    gateway = ready_gateway().on(NEAR, ok([{}, None])).on(f"GET /portfolio/{ACCOUNT}/ledger", ok(shapes.LEDGER))
    gateway.on(f"GET /portfolio/{ACCOUNT}/positions/0", ok([])).on(
        f"POST /portfolio/{ACCOUNT}/positions/invalidate", ok({})
    )
    with pytest.raises(Incomplete, match="the ledger shows investments"):
        await portal_to(gateway, utc=UTC).portfolio.holdings(ACCOUNT)
