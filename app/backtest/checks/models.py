"""Whether a model could be tested on days that it has read of."""

from datetime import timedelta

from app.backtest.checks.subject import Subject
from app.backtest.result import Check
from app.domain.errors import UsageError

# Half a year is some more.
_TOO_SHORT, _ENOUGH = timedelta(days=170), timedelta(days=190)


def model_guard(subject: Subject) -> Check:
    """Days before a model's cut-off plus six months are refused, and marked where they are forced."""
    mark, first = subject.parts.mark_of_model, subject.history.dates[subject.rows.start]
    for cutoff in (first, first + _ENOUGH, first - _TOO_SHORT):
        try:
            mark(cutoff, first, False)
        except UsageError:
            forced = mark(cutoff, first, True)
            if not (forced or "").startswith("CONTAMINATED"):
                return Check("model guard", False, f"a forced run from {first} with a model of {cutoff} bears no mark")
        else:
            return Check("model guard", False, f"a model that knows until {cutoff} may choose from {first} on")
    if mark(first - _ENOUGH, first, False) is not None:
        return Check("model guard", False, f"a model that knows until {first - _ENOUGH} is refused from {first} on")
    said = f"a model that knows of the half year before {first} is refused, and forced it is marked CONTAMINATED"
    return Check("model guard", True, f"{said}; these ways were chosen by rules alone")
