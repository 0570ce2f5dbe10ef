"""Every error is a problem that says what to do, with the status that tells a scheduler whether to come again."""

import json

import pytest

from app.domain.errors import (
    AnchorError,
    BrokerUnavailable,
    DataError,
    Fenced,
    Halted,
    InsufficientHistory,
    LedgerError,
    LedgerUnavailable,
    MissingQuote,
    ModelError,
    NotAllowed,
    NotReady,
    OrderUncertain,
    OutOfTime,
    PolicyError,
    PortfolioError,
    RecordError,
    RunAtWork,
    SettingsError,
    UsageError,
)
from app.web.problems import problem_of

CASES = [
    (UsageError("no such account", "Check it"), 422),
    (SettingsError("MAX_ODER_VALUE is not a setting", "Correct it"), 422),
    (NotAllowed("not by this caller", "Ask another"), 403),
    (PolicyError("percent out of range", "Correct it"), 500),
    (NotReady("LOGIN_REQUIRED", "log in", "At the gateway"), 503),
    (BrokerUnavailable("nobody there", "Start it"), 503),
    (OrderUncertain("did it arrive?", "Look"), 503),
    (DataError("no data"), 503),
    (MissingQuote("no quote"), 503),
    (InsufficientHistory("too short"), 503),
    (LedgerError("cannot be written", "Free the disk"), 500),
    (LedgerUnavailable("cannot be written", "Free the disk"), 503),
    (Fenced("taken over"), 500),
    (RunAtWork("run_1", 60), 503),
    (OutOfTime("an hour has passed"), 500),
    (Halted("books differ", "Look"), 500),
    (ModelError("silent"), 500),
    (RecordError("damaged"), 500),
    (AnchorError("no answer"), 500),
]


@pytest.mark.parametrize(("error", "status"), CASES, ids=lambda case: type(case).__name__)
def test_an_error_is_a_problem_of_its_kind(error: PortfolioError, status: int) -> None:
    answer = problem_of(error)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(bytes(answer.body)) == {
        "type": "about:blank",
        "title": type(error).__name__,
        "status": status,
        "detail": error.cause,
        "remedy": error.remedy,
    }
    assert answer.headers.get("retry-after") == ("60" if status == 503 else None)


def test_no_error_is_without_a_case() -> None:
    def kinds(kind: type[PortfolioError]) -> set[type[PortfolioError]]:
        return {kind}.union(*(kinds(each) for each in kind.__subclasses__() if each.__module__ == kind.__module__))

    covered = {type(error) for error, _ in CASES}
    assert kinds(PortfolioError) - covered <= {PortfolioError}
