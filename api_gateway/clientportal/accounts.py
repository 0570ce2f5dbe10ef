"""Which accounts a login may trade. Names of groups, and of all together, are none and never stop the others."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import Malformed
from api_gateway.clientportal.row_reader import RowReader
from api_gateway.clientportal.session_health import PrimedSession

_PAPER: Final = "D"


def accounts_of(content: object) -> PrimedSession:
    """Parses the answer of `/iserver/accounts`.

    Raises: Malformed where it names no account, and where it contradicts itself on what they are.
    """
    answer = wire.mapping(content, "accounts")
    listed = answer.get("accounts")
    if not isinstance(listed, list):
        raise Malformed("accounts: there is no list of accounts")
    named = tuple(dict.fromkeys(_named(answer, listed)))
    if not named:
        told = ", ".join(str(each)[:20] for each in listed) or "nothing"
        raise Malformed(wire.masked(f"accounts: the login lists no account, but {told}"))
    properties = answer.get("acctProps")
    if isinstance(properties, dict) and properties and not set(named) & properties.keys():
        raise Malformed("accounts: none of the accounts is among those with properties")
    return PrimedSession(named, _is_paper(answer, named), _is_tiered(answer, listed))


def _named(answer: wire.Row, listed: list[object]) -> Iterator[str]:
    """Account ids, also of those that stand there by their alias."""
    aliases, groups = answer.get("aliases"), answer.get("groups")
    by_alias = {str(alias): account for account, alias in aliases.items()} if isinstance(aliases, dict) else {}
    no_accounts = {str(each) for each in groups} if isinstance(groups, list) else set()
    for name in listed:
        if isinstance(name, str) and name not in no_accounts:
            ids = [RowReader().read("account", partial(wire.account, each)) for each in (name, by_alias.get(name))]
            yield from [each for each in ids if each is not None][:1]


def _is_paper(answer: wire.Row, accounts: tuple[str, ...]) -> bool:
    """The ids of paper accounts begin with a D: real money is never taken for paper by one flag alone."""
    by_id = all(account.startswith(_PAPER) for account in accounts)
    paper = by_id if answer.get("isPaper") is None else wire.flag(answer, "isPaper")
    if paper and not by_id:
        raise Malformed("accounts: the login is said to be paper, its accounts are not")
    return paper


def _is_tiered(answer: wire.Row, listed: list[object]) -> bool:
    """An advisor's, or one of linked accounts: there are accounts below an account, or names of several together."""
    properties = answer.get("acctProps")
    of_accounts = properties.values() if isinstance(properties, dict) else ()
    below = any(isinstance(each, dict) and each.get("hasChildAccounts") is True for each in of_accounts)
    return below or len(listed) > 1
