"""Where a name's sector comes from, and what is said of one that nobody settles."""

from dataclasses import replace

import pytest
import yaml

from app.commands.checks.names import judge
from app.commands.checks.records import Status
from app.desk.desk import settled_sector
from app.desk.report.unsettled import line_for, told, unsettled
from app.domain.instrument import UNKNOWN_SECTOR, AssetClass, Instrument
from app.market.sectors import SECTORS, sector_of_industry
from app.settings import policy_values, shipped_policy
from tests.support.worlds import market, policy

BANK = Instrument(7, "ZZB", "USD", industry="Banks", category="Commer Banks-Eastern US")
SHOP = Instrument(8, "ZZS", "USD", industry="Internet", category="E-Commerce/Services")
FUND = Instrument(9, "VTI", "USD", AssetClass.ETF)


def sector(instrument: Instrument, **named: str) -> str:
    return settled_sector(policy(universe__sector_of=named), SECTORS, sector_of_industry, instrument)


def test_the_policy_comes_first_then_the_samples_table_then_what_the_broker_says() -> None:
    assert sector(BANK) == "Financials"
    assert sector(BANK, ZZB="Energy") == "Energy"
    # The broker calls it a discount store among the cyclical ones.
    walmart = replace(BANK, symbol="WMT", industry="Retail", category="Retail-Discount")
    assert sector(walmart) == "Consumer Staples"
    assert sector(replace(BANK, symbol="XOM")) == "Energy"


def test_a_fund_has_no_sector_unless_the_policy_counts_it_in_one() -> None:
    assert sector(replace(FUND, industry="Banks")) == UNKNOWN_SECTOR
    assert sector(replace(FUND, symbol="XOM")) == UNKNOWN_SECTOR
    assert sector(FUND, VTI="Financials") == "Financials"


def test_a_share_that_nobody_settles_is_listed_with_what_to_write_and_whether_it_waits() -> None:
    base = market()
    shown = replace(base, instruments={**base.instruments, SHOP.conid: SHOP, FUND.conid: FUND})
    (held,) = unsettled(policy(), shown)
    assert (held.symbol, held.industry, held.category, held.buys_wait) == (
        "ZZS",
        "Internet",
        "E-Commerce/Services",
        False,
    )
    wanted = policy(universe__symbols=(*policy().universe.symbols, "ZZS"))
    (waiting,) = unsettled(wanted, shown)
    assert waiting.buys_wait
    assert told(waiting) == (
        "the sector of ZZS is unknown (the broker says Internet / E-Commerce/Services): write "
        'universe.sector_of: {"ZZS": …}, and its purchases wait for it'
    )


@pytest.mark.parametrize("symbol", ["ON", "NO", "BRK B", "ZZS"])
def test_what_is_to_be_written_is_what_a_policy_file_takes(symbol: str) -> None:
    path, value = line_for((symbol,)).split(": ", 1)
    section, field = path.split(".")
    values = policy_values(shipped_policy())
    values[section][field] = yaml.safe_load(value.replace("…", "Financials"))
    assert values[section][field] == {symbol: "Financials"}
    assert type(policy()).model_validate(values).universe.sector_of == {symbol: "Financials"}


def test_the_doctor_names_what_waits_and_what_cannot_be_bought() -> None:
    check = judge(policy(), (BANK, SHOP, FUND), {"BAC PRL": "a preferred share: only stocks and funds are managed"})
    assert check.status is Status.WARNING
    assert "no sector is known of ZZS: their purchases wait" in check.finding
    assert "BAC PRL cannot be bought: a preferred share" in check.finding
    assert 'universe.sector_of: {"ZZS": …}' in str(check.remedy)


def test_a_policy_that_counts_no_sectors_waits_for_none() -> None:
    free = policy(universe__sectors=(), risk_limits__max_sector=1.0)
    assert judge(free, (SHOP,), {}).status is Status.OK
    assert judge(policy(), (BANK, FUND), {}).status is Status.OK
