"""Decides which accounts this server may touch: those listed, or without a list every paper account of the login."""

from dataclasses import dataclass

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.errors import AccountNotAllowed
from api_gateway.clientportal.session_health import PrimedSession


@dataclass(frozen=True)
class Admission:
    portal: ClientPortal
    listed: tuple[str, ...]

    def allowed(self, session: PrimedSession) -> tuple[str, ...]:
        """Never the accounts of a live login unless they are listed by name."""
        if self.listed:
            return tuple(account for account in session.accounts if account in self.listed)
        return session.accounts if session.paper else ()

    async def require(self, account: str) -> None:
        """Raises: AccountNotAllowed; SessionError when the session cannot be used at all."""
        if account not in self.allowed(await self.portal.session.prime()):
            raise AccountNotAllowed("the account is not among those this server may use")
