"""Who chooses among the plans: the rules, or a language model that may name one of them and nothing else."""

from app.components.board import Board
from app.components.plugins.audit import AuditPlugin
from app.desk.ports import Chooser, ModelUse, Offer
from app.domain.plan import Choice

OFFLINE = "offline/rules"


class RulesChooser:
    """The rules' own choice; no model, no key, no network."""

    spends = False

    async def choose(self, offer: Offer) -> tuple[Choice, ModelUse]:
        """See `Chooser.choose`."""
        return offer.default, ModelUse()


def chooser_for(model_name: str, board: Board) -> Chooser:
    """The rules for `offline/rules`, else a model by its name; the model's client is imported only where it is used."""
    if model_name == OFFLINE:
        return RulesChooser()
    from app.components.model_chooser import ModelChooser

    return ModelChooser(model_name, (AuditPlugin(board),))
