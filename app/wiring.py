"""The only module that picks adapters: it turns settings into desks.

What a process shares (the connection, the ledger, cached history) is opened once; the policy is read anew for each run.
"""

import asyncio
import secrets
from dataclasses import dataclass
from functools import cache

from app.anchor_places import anchor_place
from app.broker.connection import McpConnection
from app.broker.mcp import McpBroker, McpMarketData
from app.broker.signing import HmacSigner
from app.components.board import Board
from app.components.choosers import chooser_for
from app.desk.controls.holds import Outlook
from app.desk.desk import Desk
from app.desk.ports import AnchorPlace, Notifier
from app.desk.run.preview import open_preview
from app.desk.states import Run
from app.domain.errors import PolicyError, UsageError
from app.domain.policy import Policy
from app.ledger.engine import open_ledger
from app.ledger.leases import owner_text
from app.ledger.sql_ledger import SqlLedger
from app.market.calendar import ExchangeCalendar
from app.market.history import CachedMarketData
from app.market.sectors import SECTORS, sector_of_industry
from app.notifier import AppriseNotifier
from app.settings import Settings, load_policy, load_settings, provide_model_keys


@dataclass(frozen=True)
class Wiring:
    """One process's adapters. Close it when the process is done with them."""

    settings: Settings
    ledger: SqlLedger
    connection: McpConnection
    market_data: CachedMarketData
    board: Board
    owner: str

    def desk(self) -> Desk:
        """A desk with today's policy file; PolicyError where it cannot be used."""
        key = self.settings.read_ticket_key()
        policy, notifier = load_policy(self.settings.policy_file), AppriseNotifier()
        return Desk(
            policy=policy,
            broker=McpBroker(self.connection),
            market_data=self.market_data,
            calendar=ExchangeCalendar(),
            ledger=self.ledger,
            chooser=chooser_for(self.settings.model_name, self.board),
            signer=HmacSigner(key.get_secret_value()) if key else None,
            sectors=SECTORS,
            industries=sector_of_industry,
            trading_mode=self.settings.trading_mode,
            owner=self.owner,
            pseudonym_key=self.settings.read_pseudonym_key().get_secret_value(),
            account=self.settings.default_account,
            accounts=self.settings.accounts,
            lease_seconds=self.settings.run_lease_seconds,
            notifier=notifier,
            anchor_place=self._anchor_place(notifier, policy),
            events_at_once=True,
            most_a_buy=self.settings.max_order_value,
        )

    def _anchor_place(self, notifier: Notifier, policy: Policy) -> AnchorPlace | None:
        to = self.settings.anchor_to
        if to is None:
            return None
        return anchor_place(to.get_secret_value(), notifier, lambda: policy.notifications.urls)

    async def close(self) -> None:
        """Leave the MCP session and the database."""
        await self.connection.close()
        await asyncio.to_thread(self.ledger.dispose)


def outlook_of(settings: Settings) -> Outlook | None:
    """By today's policy file; None where it cannot be used: the level is told all the same."""
    try:
        return Outlook(load_policy(settings.policy_file), ExchangeCalendar())
    except PolicyError:
        return None


def wire(settings: Settings) -> Wiring:
    """Opens the ledger, migrated where due; connects to nothing else yet. UsageError where a secret is missing."""
    token = settings.read_mcp_token()
    if token is None:
        raise UsageError(
            "no token for the IBKR MCP server",
            "`portfolio init` makes one, `portfolio serve` and `up` bring their own; or set MCP_TOKEN_FILE",
        )
    load_policy(settings.policy_file)
    provide_model_keys(settings)
    if settings.database_url is None:
        settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    connection = McpConnection(settings.mcp_url, token.get_secret_value())
    return Wiring(
        settings=settings,
        ledger=open_ledger(settings.ledger_url, lease_seconds=settings.run_lease_seconds),
        connection=connection,
        market_data=CachedMarketData(McpMarketData(connection)),
        board=board,
        owner=owner_text(f"process-{secrets.token_hex(6)}"),
    )


@cache
def shared() -> Wiring:
    """The wiring of a process that nobody configures otherwise: the playground's."""
    return wire(load_settings())


async def _open_preview(session_id: str) -> tuple[Desk, Run]:
    desk = shared().desk()
    return desk, await open_preview(desk, session_id)


board = Board(_open_preview)
