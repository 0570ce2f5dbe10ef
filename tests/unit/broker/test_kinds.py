"""The class of an instrument is the broker's own word for it; what is neither a share nor a fund has a reason."""

import pytest

from app.broker.kinds import class_of
from app.domain.instrument import AssetClass


@pytest.mark.parametrize(
    "kind", ["COMMON", "common", "ADR", "GDR", "REIT", "MLP", "LTD PART", "NY REG SHRS", "NY REG", "TRACKING STK"]
)
def test_a_share_in_whatever_paper_is_a_share(kind: str) -> None:
    assert class_of(kind) is AssetClass.STOCK


@pytest.mark.parametrize("kind", ["ETF", "ETC"])
def test_what_holds_what_it_tracks_is_a_fund(kind: str) -> None:
    assert class_of(kind) is AssetClass.ETF


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("PUBLIC", "a preferred share or a note"),
        ("PREFERRED", "a preferred share"),
        ("CONVPREFERRED", "a preferred share"),
        ("CORPORATE PREFERRED", "a preferred share"),
        ("RIGHT", "a right"),
        ("WAR", "a warrant"),
        ("UNIT", "a unit of several securities"),
        ("ETN", "an exchange-traded note"),
        ("ETP", "may be a note"),
        ("CLOSED-END FUND", "a closed-end fund"),
        ("ROYALTY TRST", "a royalty trust"),
        ("SAVINGS SHARE", "a savings share"),
        ("MISC.", "of a kind that the broker does not name"),
        ("US DOMESTIC", "of a kind that the broker does not name"),
        ("A NEW KIND", "of the type A NEW KIND"),
        ("", "does not tell whether it is a share or a fund"),
        (None, "does not tell whether it is a share or a fund"),
    ],
)
def test_everything_else_has_a_reason(kind: str | None, reason: str) -> None:
    found = class_of(kind)
    assert not isinstance(found, AssetClass)
    assert reason in found
