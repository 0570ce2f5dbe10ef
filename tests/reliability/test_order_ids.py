"""An order's id is part of the ledger and of the broker's books: it must never change between versions."""

from datetime import date

from app.domain.order import Side, client_order_id


def test_a_leg_has_the_id_that_it_always_had() -> None:
    assert client_order_id("DU1234567", date(2022, 3, 14), "daily", 265598, Side.SELL, 1) == "PM420e95ea784f7073b288"
    assert client_order_id("DU1234567", date(2022, 3, 14), "daily", 265598, Side.SELL, 2) == "PM30083ef5d0af4a4a2d7b"
