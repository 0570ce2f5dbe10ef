"""Other names for accounts, so that what was kept can be shown to others.

There are few enough account ids to try them all, so a plain hash of one is as good as the id; ours need a key.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Collection

from app.domain.order import COID_PREFIX

# What the broker's ids look like, also of accounts that nobody named to us. Texts may be JSON: an escape's last letter
# is no part of a word, and `\u2014` no account.
_WORD_BEGINS = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf])|(?<=\\u[0-9a-f]{4}))"
_LOOKS_LIKE_ONE = _WORD_BEGINS + r"(?:D?[UFI]|(?<!\\)d?u|(?<!\\)d?i)[0-9]{5,9}[A-Za-z]?(?![A-Za-z0-9])"
# Our order ids are plain hashes with the account in them.
_ORDER_ID = rf"{COID_PREFIX}[0-9a-f]{{20}}(?![0-9a-f])"


_NEARLY_ONE = re.compile("[UFIui][0-9]{5}")


def pseudonym(key: str, account: str) -> str:
    """`account-` and 16 hex digits, the same for the same key and account."""
    return "account-" + _keyed(key, account.upper())[:16]


def pseudonymiser(key: str, accounts: Collection[str] = ()) -> Callable[[str], str]:
    """Replaces in any text, JSON among them, `accounts`, what looks like an account, and our order ids.

    What comes out of it goes in again unchanged.
    """
    named = "|".join(map(_named, sorted(accounts, key=len, reverse=True)))
    found = re.compile(f"({_ORDER_ID})|{named + '|' if named else ''}{_LOOKS_LIKE_ONE}")

    def replaced(match: re.Match[str]) -> str:
        order_id = match[1]
        return pseudonym(key, match[0]) if order_id is None else f"{COID_PREFIX}-{_keyed(key, order_id)[:20]}"

    def hide(text: str) -> str:
        # Nearly all texts hold none, and that is seen in a tenth of the time.
        maybe = COID_PREFIX in text or _NEARLY_ONE.search(text) or any(account in text for account in accounts)
        return found.sub(replaced, text) if maybe else text

    return hide


def _named(account: str) -> str:
    # A short name may be a part of any word.
    exact = re.escape(account)
    return exact if len(account) > 5 else f"{_WORD_BEGINS}{exact}(?![A-Za-z0-9])"


def _keyed(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
