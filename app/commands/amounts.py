"""Amounts as arguments: what was paid out begins like an option, and is none."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from typer.core import TyperCommand, TyperOption

# No option begins so.
_AMOUNT = re.compile(r"-[^-a-zA-Z].*", re.DOTALL)
_END_OF_OPTIONS = "--"


class WithAmounts(TyperCommand):
    """A command that takes -500 for an amount, wherever it stands; a misspelt option stays an error."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - the framework's own
        """What looks like a negative amount is put behind all options."""
        valued = {name for one in self.params if isinstance(one, TyperOption) and not one.is_flag for name in one.opts}
        given, rest = _until_end(args)
        amounts = list(_amounts(given, valued))
        kept = [word for place, word in enumerate(given) if place not in amounts]
        behind = [_END_OF_OPTIONS, *(given[place] for place in amounts), *rest]
        # The value that an option at the end lacks must not be found in what marks that end.
        return super().parse_args(ctx, kept if kept[-1:] and kept[-1] in valued else [*kept, *behind])


def _until_end(args: Sequence[str]) -> tuple[list[str], list[str]]:
    end = args.index(_END_OF_OPTIONS) if _END_OF_OPTIONS in args else len(args)
    return list(args[:end]), list(args[end + 1 :])


def _amounts(words: Sequence[str], valued: set[str]) -> Iterator[int]:
    """Where they stand: not after an option that takes a value, which a note may well begin with a minus."""
    for place, word in enumerate(words):
        if _AMOUNT.fullmatch(word) and (place == 0 or words[place - 1] not in valued):
            yield place
