"""What the desk needs from the world, one small Protocol a role. Every adapter of a role passes the same tests."""

from app.desk.ports.account import AccountMemory
from app.desk.ports.anchors import AnchorPlace
from app.desk.ports.books import Books
from app.desk.ports.broker import Broker, Signer
from app.desk.ports.chooser import Chooser, ModelUse, Offer
from app.desk.ports.claims import Claims
from app.desk.ports.controls import Controls
from app.desk.ports.intents import Intents
from app.desk.ports.ledger import Ledger
from app.desk.ports.market import Calendar, Clock, MarketData
from app.desk.ports.notices import Notices, Notifier
from app.desk.ports.record import Record
from app.desk.ports.recoveries import Recoveries

__all__ = [
    "AccountMemory",
    "AnchorPlace",
    "Books",
    "Broker",
    "Calendar",
    "Chooser",
    "Claims",
    "Clock",
    "Controls",
    "Intents",
    "Ledger",
    "MarketData",
    "ModelUse",
    "Notices",
    "Notifier",
    "Offer",
    "Record",
    "Recoveries",
    "Signer",
]
