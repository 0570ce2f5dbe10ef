"""What the ledger holds of an account, for a run that begins."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.desk.records import Flow, FlowPlan, IntentRecord, Quarantine, Snapshot
from app.domain.adoption import Adoption
from app.domain.navs import NavPoint
from app.domain.policy.adoption import AdoptionMode
from app.domain.tax import NO_TAX_BASIS, TaxBasis
from app.engine.memory import EvaluationRecord, Resumed


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """All of one moment.

    `adoption_mode` is what a person chose for it, before it is taken over or after. `inherited`: as of then, None where
    a later session's `evaluation` tells better.
    `flows` were paid in and out, `income` was earned and paid; `plans` are the open withdrawals, earliest due first.
    `filled`: every intent with a fill, oldest first; `filled_since`: those of the snapshot's run and of later ones.
    `orders`: by the client order ids that were asked for; `open_intents`: of the session.
    `resumed`: None where no person ever did, or nothing had been measured yet.
    """

    snapshot: Snapshot | None
    adoption: Adoption | None
    adoption_mode: AdoptionMode | None
    inherited: Mapping[str, float] | None
    evaluation: EvaluationRecord | None
    navs: tuple[NavPoint, ...]
    flows: tuple[Flow, ...]
    quarantined: tuple[Quarantine, ...]
    filled: tuple[IntentRecord, ...]
    filled_since: tuple[IntentRecord, ...]
    orders: Mapping[str, IntentRecord]
    open_intents: tuple[IntentRecord, ...]
    income: tuple[Flow, ...] = ()
    plans: tuple[FlowPlan, ...] = ()
    tax_basis: TaxBasis = NO_TAX_BASIS
    resumed: Resumed | None = None
