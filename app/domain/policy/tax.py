"""How the broker counts realised gains, and what may follow from them: never whether, when or how much is sold."""

from enum import StrEnum

from app.domain.policy.fields import Section


class LotMethod(StrEnum):
    """Which purchase the broker takes the shares of a sale from, as the person set it there."""

    FIFO = "fifo"
    LIFO = "lifo"
    HIGHEST_COST = "highest_cost"
    AVERAGE = "average"


class Preference(StrEnum):
    """Which of otherwise equal sales comes first."""

    NONE = "none"
    LOSSES = "losses"


class Tax(Section):
    """`prefer` decides between equal sales only."""

    lot_method: LotMethod = LotMethod.FIFO
    prefer: Preference = Preference.NONE
