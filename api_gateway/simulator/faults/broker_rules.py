"""How the simulated broker is set: what it deduplicates, what kind of account it keeps, what does not trade.

These are standing conditions, not faults: they hold until they are changed.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api_gateway.simulator.front.pages import DeniedStatus, LoginAnswer
from api_gateway.simulator.scenario import Known

AccountType = Literal["margin", "cash"]
Upstream = Literal["up", "cut", "silent"]


class BrokerChange(BaseModel):
    """What is None stays as it is. `halted` replaces the whole list; `closed` shuts the exchange for the day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dedupe: bool | None = None
    account_type: AccountType | None = None
    halted: tuple[Known, ...] | None = None
    closed: bool | None = None
    duplicate_status: Literal[200, 400] | None = None
    primer_status: Literal[400, 500] | None = None
    login_answer: LoginAnswer | None = None
    availability: Annotated[str, Field(pattern=r"^[RDZYNO][Pp]?[Bd]{0,2}$")] | None = None
    cold_history: bool | None = None
    step_table: bool | None = None
    cached_positions: bool | None = None
    bare_first_page: bool | None = None
    filtered_orders_empty: bool | None = None
    caller_allowed: bool | None = None
    denied_status: DeniedStatus | None = None
    upstream: Upstream | None = None


@dataclass
class BrokerRules:
    """Where reports differ, or a behaviour comes and goes, the default is the one that harms least.

    `duplicate_status`, `primer_status`: of the refusal of a client order id used twice, and of a brokerage read before
    the accounts (reported with either). `login_answer`: form of the answer without a login (reported in all four).
    `availability`: field 6509 of every quote (documented); N and O quote nothing. `cold_history`: the first request for
    a contract's bars answers 500 (recorded, not always). `step_table`: periods and bars outside the documented table
    are refused. `cached_positions`: the paged positions stay as first read until they are invalidated (documented).
    `bare_first_page`: the first page of positions never has what a definition says, name, type and levels (recorded,
    not always). `filtered_orders_empty`: a list of orders with a filter is empty (recorded, not always).
    `caller_allowed`: whether the caller is on the gateway's list; if not, every path is denied with `denied_status`,
    404 as the program itself answers (recorded) or 403 (reported). `upstream`: what becomes of a request while the
    gateway runs and does not reach the broker; it closes the connection (recorded) or leaves the request without an
    answer (reported).
    """

    account_type: AccountType
    dedupe: bool = True
    halted: tuple[str, ...] = ()
    closed: bool = False
    duplicate_status: int = 200
    primer_status: int = 500
    login_answer: LoginAnswer = "json"
    availability: str = "RpB"
    cold_history: bool = False
    step_table: bool = False
    cached_positions: bool = False
    bare_first_page: bool = False
    filtered_orders_empty: bool = False
    caller_allowed: bool = True
    denied_status: DeniedStatus = 404
    upstream: Upstream = "up"

    @property
    def quotes(self) -> bool:
        """False for a login without the market data subscription, or without its agreement."""
        return self.availability[0] not in "NO"

    def change(self, change: BrokerChange) -> None:
        for name, value in change.model_dump(exclude_none=True).items():
            setattr(self, name, value)
