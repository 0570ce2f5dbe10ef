"""Small changes that every test once let pass, and the test of each that fails now. Data only, as the catalogue."""

from typing import Final

from tests.reliability.mutants.catalogue import Mutant
from tests.reliability.mutants.mutating import Edit

SURVIVORS: Final = (
    Mutant(
        "one account of real money makes a login no paper login",
        (Edit("api_gateway.clientportal.accounts", "by_id = all(account", "by_id = any(account"),),
        "tests/unit/gateway/test_real_accounts.py::test_one_account_of_real_money_makes_a_login_no_paper_login",
    ),
    Mutant(
        "a bridge that stays away is tried every quarter of an hour",
        (Edit("api_gateway.clientportal.bridge", "_LONGEST_PAUSE: Final = 900.0", "_LONGEST_PAUSE: Final = 90_000.0"),),
        "tests/unit/gateway/test_bridge.py::test_the_pauses_between_attempts_double_up_to_a_quarter_of_an_hour",
    ),
    Mutant(
        "the moment the exchange opens nobody is reminded to log in",
        (Edit("app.desk.run.notify", "<= now < opens\n", "<= now <= opens\n"),),
        "tests/unit/desk/test_notify.py::test_the_time_to_remind_ends_the_moment_the_exchange_opens",
    ),
    Mutant(
        "long after the opening nobody is reminded to log in",
        (Edit("app.desk.run.notify", "<= now < opens\n", "<= now\n"),),
        "tests/unit/desk/test_notify.py::test_once_the_exchange_is_open_nobody_is_reminded_of_the_login",
    ),
    Mutant(
        "the day's value at risk reduces trading",
        (Edit("app.engine.levels", '(OF_ONE_SESSION, "var_95_1d")', "(OF_ONE_SESSION,)"),),
        "tests/unit/engine/test_levels.py::test_a_loss_over_its_limit_leaves_exits_only",
    ),
    Mutant(
        "a price within three percent of a split's ratio jumped like a split",
        (Edit("app.domain.splits", "SPLIT_TOLERANCE = 0.03", "SPLIT_TOLERANCE = 0.01"),),
        "tests/unit/desk/test_continuity.py::test_a_price_within_three_percent_of_a_usual_ratio_jumped_like_a_split",
    ),
    Mutant(
        "a trade at the moment of the snapshot is in it already",
        (Edit("app.desk.stages.continuity", "if trade.time > before.as_of", "if trade.time >= before.as_of"),),
        "tests/unit/desk/test_continuity.py"
        "::test_what_was_executed_before_the_snapshot_or_in_its_moment_is_in_it_already",
    ),
)
