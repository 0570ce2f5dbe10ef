"""Sectors: of the sample by name, of all others by what the broker says that they do; nothing is guessed."""

import csv
import html
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_gateway.simulator.exchange.listings import listings
from app.broker.kinds import class_of
from app.domain.instrument import GICS_SECTORS, UNKNOWN_SECTOR, AssetClass
from app.market.companies import COMPANIES
from app.market.industries import INDUSTRIES, SEVERAL
from app.market.sectors import SECTORS, sector_of, sector_of_industry
from app.settings import load_policy, shipped_policy

# Ticker, type, industry and category in the broker's words; class and sector as index makers have them.
with (Path(__file__).parent / "instruments.csv").open(newline="", encoding="utf-8") as file:
    INSTRUMENTS = tuple(csv.DictReader(file))
SHARES = tuple(row for row in INSTRUMENTS if row["class"] == "STK")
PAIRS = tuple((line, kind) for line, rows in INDUSTRIES.items() for kind in rows)


def test_every_name_of_the_shipped_universe_has_a_gics_sector() -> None:
    assert set(SECTORS) == set(load_policy(shipped_policy()).universe.symbols)
    assert set(SECTORS.values()) <= set(GICS_SECTORS)


def test_retailers_are_told_apart_as_gics_does() -> None:
    assert sector_of("WMT") == "Consumer Staples"
    assert sector_of("HD") == "Consumer Discretionary"


def test_a_name_outside_the_table_has_no_known_sector() -> None:
    assert sector_of("NVDA") == UNKNOWN_SECTOR


def test_no_public_instrument_has_a_wrong_class() -> None:
    found = [(row["ticker"], row["class"], _class(row["type"])) for row in INSTRUMENTS]
    assert [each for each in found if each[1] != each[2]] == []


def test_no_public_share_has_a_wrong_sector_and_few_have_none() -> None:
    found = {row["ticker"]: _sector(row) for row in SHARES}
    assert {ticker: found[ticker] for ticker in found if found[ticker] not in (_expected(ticker), UNKNOWN_SECTOR)} == {}
    assert sum(sector == UNKNOWN_SECTOR for sector in found.values()) < 0.05 * len(SHARES)


def test_the_categories_alone_are_never_wrong_where_no_company_is_listed() -> None:
    """What is to be expected of names that nobody has looked at."""
    plain = [row for row in SHARES if row["ticker"].split()[0] not in COMPANIES.get(row["industry"], {})]
    found = Counter(sector_of_industry("ZZZZZ", row["industry"], row["category"]) == row["sector"] for row in plain)
    assert found[False] == 0
    assert found[True] > 800


def test_the_names_of_the_simulated_broker_were_classed_by_another_hand_and_agree() -> None:
    """It prices a whole category by one sector; the two that GICS has elsewhere are no mistake of ours."""
    shares = [one for one in listings() if class_of(one.type) is AssetClass.STOCK]
    found = {one.symbol: (sector_of_industry(one.symbol, one.industry, one.category), one.moves_with) for one in shares}
    assert len(found) > 300
    assert {symbol for symbol, (ours, theirs) in found.items() if ours != theirs} <= {"GRMN", "LDOS"}


def test_the_facts_are_wide_enough_to_mean_something() -> None:
    assert len(INSTRUMENTS) >= 500
    assert {row["sector"] for row in SHARES} == set(GICS_SECTORS)
    assert len({row["category"] for row in SHARES}) >= 250
    assert {"COMMON", "ADR", "REIT", "MLP", "ETF", "ETC", "PUBLIC"} <= {row["type"] for row in INSTRUMENTS}


def test_every_row_of_the_tables_names_a_gics_sector_or_says_that_there_are_several() -> None:
    assert {sector for rows in INDUSTRIES.values() for sector in rows.values()} <= {*GICS_SECTORS, SEVERAL}
    assert {sector for rows in COMPANIES.values() for sector in rows.values()} <= {*GICS_SECTORS, UNKNOWN_SECTOR}
    assert set(COMPANIES) <= set(INDUSTRIES)


def test_a_category_stands_in_one_industry_so_that_it_speaks_for_itself() -> None:
    assert [kind for kind, times in Counter(kind for _, kind in PAIRS).items() if times > 1] == []


def test_a_company_counts_only_with_the_industry_that_the_broker_has_for_it() -> None:
    assert sector_of_industry("UBER", "Internet", "E-Commerce/Services") == "Industrials"
    assert sector_of_industry("UBER", "Mining", "Mining Services") == UNKNOWN_SECTOR


@pytest.mark.parametrize(
    ("industry", "category", "sector"),
    [
        ("Banks", None, "Financials"),
        ("Banks", "Banks of a new kind", "Financials"),
        (None, "Airlines", "Industrials"),
        ("Retail", None, UNKNOWN_SECTOR),
        ("REITS", "REITS of a new kind", UNKNOWN_SECTOR),
        ("Banks", "Airlines", UNKNOWN_SECTOR),
        ("Cosmetics/Personal Care", "Cosmetics", "Consumer Staples"),
        ("Internet", "E-Commerce/Services", UNKNOWN_SECTOR),
        (None, None, UNKNOWN_SECTOR),
        ("", "", UNKNOWN_SECTOR),
    ],
)
def test_what_is_missing_new_or_contradictory_is_decided_by_what_is_sure(
    industry: str | None, category: str | None, sector: str
) -> None:
    assert sector_of_industry("ZZZZZ", industry, category) == sector


SPELLINGS: tuple[Callable[[str], str], ...] = (
    str.upper,
    str.lower,
    html.escape,
    lambda text: html.escape(html.escape(text)),
    lambda text: text.replace("&", " & ").replace("/", " / "),
    lambda text: text.replace("&", " and "),
    lambda text: text.replace("/", "&"),
    lambda text: f"  {text.replace(' ', '   ')}\t",
)


@given(st.sampled_from(PAIRS), st.sampled_from(SPELLINGS), st.sampled_from(SPELLINGS))
def test_spelling_makes_no_difference(
    pair: tuple[str, str], one: Callable[[str], str], other: Callable[[str], str]
) -> None:
    line, kind = pair
    assert sector_of_industry("ZZZZZ", one(other(line)), other(one(kind))) == sector_of_industry("ZZZZZ", line, kind)


@given(st.text(), st.none() | st.text(), st.none() | st.text())
def test_whatever_is_said_the_answer_is_a_sector_or_unknown(
    symbol: str, industry: str | None, category: str | None
) -> None:
    assert sector_of_industry(symbol, industry, category) in {*GICS_SECTORS, UNKNOWN_SECTOR}


@given(st.none() | st.text())
def test_whatever_the_type_there_is_a_class_or_a_reason(kind: str | None) -> None:
    assert class_of(kind)


@pytest.mark.parametrize("kind", ["ETF", "etf", " Etf "])
def test_a_fund_is_a_fund_however_it_is_written(kind: str) -> None:
    assert class_of(kind) is AssetClass.ETF


def _class(kind: str) -> str:
    found = class_of(kind)
    return found.value if isinstance(found, AssetClass) else ""


def _sector(row: dict[str, str]) -> str:
    return sector_of_industry(row["ticker"], row["industry"], row["category"])


def _expected(ticker: str) -> str:
    return next(row["sector"] for row in SHARES if row["ticker"] == ticker)
