"""The broker's words made comparable: it writes one name with and without spaces, capitals and escaped signs."""

import html
import re
import unicodedata
from functools import lru_cache

_WORD = re.compile(r"[a-z0-9]+")


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """Letters and digits only, without "and"; "" where nothing is said."""
    # An answer that went through two programs can be escaped twice.
    spelled = unicodedata.normalize("NFKC", html.unescape(html.unescape(text))).casefold()
    return "".join(word for word in _WORD.findall(spelled) if word != "and")
