"""What may be passed on of what a day was decided from, by where it came from. What is not listed may not be."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """`name` as quotes and series carry it; what may not be passed on a bundle withholds, unless a person decides."""

    name: str
    gives: str
    may_be_passed_on: bool
    because: str


SOURCES = (
    Source(
        "ibkr",
        "quotes, histories, index and volatility index through the broker's gateway",
        False,
        "market data of exchanges and vendors comes under subscriber agreements that as a rule forbid to pass it on; "
        "what yours allow nobody here has checked",
    ),
    Source(
        "simulator",
        "the simulator's quotes",
        True,
        "worked out from the closes of one of the next two; nobody ever paid them",
    ),
    Source(
        "simulator:sample",
        "histories out of the sample's closes",
        True,
        "the closes are in a public package under BSD-3-Clause, for testing and examples",
    ),
    Source(
        "simulator:sample-close",
        "the same where a session is quoted at its own close",
        True,
        "the closes are in a public package under BSD-3-Clause, for testing and examples",
    ),
    Source("simulator:synthetic-close", "the same of generated closes", True, "no such price ever existed"),
    Source("simulator:synthetic", "histories out of generated closes", True, "no such price ever existed"),
    Source(
        "derived",
        "the simulator's volatility index",
        True,
        "worked out from the sample's index",
    ),
)
_BY_NAME = {source.name: source for source in SOURCES}


def may_be_passed_on(name: str) -> bool:
    """Whether what that source gave may go to others; False of one that nobody has looked at."""
    return name in _BY_NAME and _BY_NAME[name].may_be_passed_on
