"""The table of sectors covers the names of the sample and guesses nothing else."""

from app.domain.instrument import GICS_SECTORS, UNKNOWN_SECTOR
from app.market.sectors import SECTORS, sector_of
from app.settings import load_policy, shipped_policy


def test_every_name_of_the_shipped_universe_has_a_gics_sector() -> None:
    assert set(SECTORS) == set(load_policy(shipped_policy()).universe.symbols)
    assert set(SECTORS.values()) <= set(GICS_SECTORS)


def test_retailers_are_told_apart_as_gics_does() -> None:
    assert sector_of("WMT") == "Consumer Staples"
    assert sector_of("HD") == "Consumer Discretionary"


def test_a_name_outside_the_table_has_no_known_sector() -> None:
    assert sector_of("NVDA") == UNKNOWN_SECTOR
