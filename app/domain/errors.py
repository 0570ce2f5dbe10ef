"""Errors, named by what to do next.

PortfolioError
├── UsageError            the request itself is wrong: correct it
│   └── SettingsError     of a setting: correct `.env` or the environment
├── PolicyError           do not start: correct the policy file
├── NotAllowed            who was asked does not do it for this caller or not now; nothing was done
├── DataError             that symbol is untradable today
│   ├── MissingQuote
│   └── InsufficientHistory
├── BrokerUnavailable     nothing was sent; reads may be retried
├── NotReady              a person must act (login, second factor, competing session)
├── OrderUncertain        never retry: reconcile
├── ModelError            the rules choose
├── RecordError           what is kept of a run cannot be read: it is replayed from a backup or not at all
├── AnchorError           the ledger's head is not put down elsewhere: nothing else is wrong
├── OutOfTime             the caller's time limit passed: what was begun elsewhere may go on
├── Halted                the books contradict each other: a person must look before anything is sent
└── LedgerError           stop: nothing more may be sent
    ├── Fenced            another process took the run over
    ├── RunAtWork         another run of the account is at work: come again when it has ended
    └── LedgerUnavailable the database cannot be used now: do what the remedy says and come again

A refusal by the gate is a value (`app.domain.ruling.Refusal`), never an error.
"""


class PortfolioError(Exception):
    """Base of every error that the portfolio manager raises on purpose."""

    # Where there are several, each in a line of its own; `cause` then tells the first.
    problems: tuple[str, ...] = ()

    def __init__(self, cause: str, remedy: str | None = None) -> None:
        """`cause` says what is wrong; `remedy` says what a person can do about it."""
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        if not self.remedy:
            return self.cause
        return f"{self.cause} {self.remedy}" if self.cause.endswith("?") else f"{self.cause}. {self.remedy}"


class UsageError(PortfolioError):
    """The request cannot be served as it was made."""


class SettingsError(UsageError):
    """A setting is wrong, or a name that looks like one; one line a problem."""


class NotAllowed(PortfolioError):
    """A guard refused what was asked, and nothing was done."""


class PolicyError(PortfolioError):
    """The policy file is missing, invalid or contradicts itself."""


class DataError(PortfolioError):
    """A datum that a decision needs is not to be had."""


class MissingQuote(DataError):
    """No source gave a usable price."""


class InsufficientHistory(DataError):
    """Too few observations for the statistic."""


class BrokerUnavailable(PortfolioError):
    """The broker could not be reached or did not answer a read."""


class NotReady(PortfolioError):
    """The brokerage session needs a person."""

    def __init__(self, state: str, cause: str, remedy: str | None = None) -> None:
        super().__init__(cause, remedy)
        self.state = state


class OrderUncertain(PortfolioError):
    """The order may or may not have reached the broker."""


class ModelError(PortfolioError):
    """The model was down, late, over budget or answered outside its choices."""


class RecordError(PortfolioError):
    """What is kept of a run is missing, damaged, or of another form than it says."""


class AnchorError(PortfolioError):
    """A head of the ledger could not be put down elsewhere."""


class OutOfTime(PortfolioError):
    """The caller waited as long as it was told to."""


class Halted(PortfolioError):
    """Ledger and broker contradict each other."""


class LedgerError(PortfolioError):
    """The ledger cannot record, or holds something that cannot be."""


class Fenced(LedgerError):
    """The run's fence moved on: another process owns it now."""


class RunAtWork(LedgerError):
    """What was asked for has not begun. `seconds` are left of the other run's lease."""

    def __init__(self, run_id: str, seconds: float) -> None:
        super().__init__(f"run {run_id} is at work on the same account", "Try again when it has ended")
        self.run_id = run_id
        self.seconds = seconds


class LedgerUnavailable(LedgerError):
    """The database that holds the ledger is locked, full, damaged, another one, or not to be reached."""
