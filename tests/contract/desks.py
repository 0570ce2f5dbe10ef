"""A desk that trades at a venue by itself: the rules choose, and its orders are sent."""

from app.desk.desk import Desk
from app.domain.policy import Policy
from app.ledger.sql_ledger import SqlLedger
from app.market.calendar import ExchangeCalendar
from app.market.sectors import SECTORS
from tests.contract.venue import Venue
from tests.support.fakes import FakeChooser, no_sleep


def desk_at(venue: Venue, ledger: SqlLedger, rules: Policy) -> Desk:
    return Desk(
        policy=rules,
        broker=venue.broker,
        market_data=venue.market,
        calendar=ExchangeCalendar(),
        ledger=ledger,
        chooser=FakeChooser(),
        signer=venue.signer,
        sectors=SECTORS,
        trading_mode="paper",
        owner="contract",
        pseudonym_key="a test's own",
        sleep=no_sleep,
    )
