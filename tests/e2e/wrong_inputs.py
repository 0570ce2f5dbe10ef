"""Wrong inputs for every command, made from the commands themselves: one that is added tomorrow gets its own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import typer

from app.cli import cli
from app.settings import shipped_policy

# Refused wherever they stand.
NO_TEXT: Final = ("", "   ", "\u200b", "a\0b", "\udcff", "\x1b[2J", "x" * 20_000, "\N{PILE OF POO}" * 10_001)
NO_NUMBER: Final = ("x", "1.5", "nan", "inf", "9" * 5000, "9" * 20, "-7", "1e3", "\N{ARABIC-INDIC DIGIT THREE} ")
NO_DATE: Final = ("0000-01-01", "10000-01-01", "2022-02-30", "9999-99-99", "yesterday", "20220101x", "-1")
NO_AMOUNT: Final = ("nan", "inf", "1e999999", "9" * 5000, "ten", "1,000", "0x10", "5 USD", "-")
NO_FILE: Final = (
    "missing.yaml",
    "folder",
    "binary",
    "nested",
    "nested_map",
    "empty",
    "list.json",
    "text",
    "/dev/zero",
    "x" * 9000,
)
NO_RUN: Final = ("RUN", "../../etc/passwd", "run_'; DROP TABLE runs; --", "\N{PILE OF POO}", "%00", "9" * 5000)
NO_ADDRESS: Final = ("nonsense", "ftp://x", "http://", "http://[::1", "http://127.0.0.1:99999", "file:///etc/passwd")
NO_STATE: Final = ("missing", "empty", "%00", "x" * 9000, "binary/below")
NO_WORD: Final = ("x", "-1", "HOLD!", "9" * 5000)
WRONG: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("limit", "after", "timeout", "lag", "trials", "random", "workers", "number"), NO_NUMBER),
    "gateway_port": NO_NUMBER,
    **dict.fromkeys(("as_of", "day", "due", "first_day", "last", "in_sample_until"), NO_DATE),
    **dict.fromkeys(("amount", "slippage", "cash_rate", "max_order_value"), NO_AMOUNT),
    **dict.fromkeys(("policy", "file", "second", "events", "index", "vix"), NO_FILE),
    **dict.fromkeys(("kind_of_flow", "fill", "adjustment", "objective", "resume", "mode"), NO_WORD),
    "nav": ("nan", "inf", "1e999999", "-5", "ten"),
    "seed": ("x", "1.5", "nan", "9" * 5000),
    "run_id": NO_RUN,
    "url": NO_ADDRESS,
    "state": NO_STATE,
    "costs": NO_WORD,
    "data": ("nowhere", "../../etc/passwd", "\N{PILE OF POO}"),
    "book": ("missing.yaml", "cash:nan", "cash:-5", "even:x", "binary", "nested"),
    "vary": ("x", "a=b=c", "risk_limits=1,2", "exits.stop_loss_pct=1..2/0", "exits.stop_loss_pct=nan"),
    "walk_forward": ("x", "1", "0,0", "-1,5", "9,9,9"),
    "slot": (),
    "page": ("nowhere", "../../LICENSE", "runbook.txt", "\0"),
}  # fmt: skip
# What makes a call of the command right, but for what is wrong.
RIGHT: Final = {
    "reason": "x", "run_id": "run_1", "symbol": "KO", "file": "good.yaml", "amount": "5", "note": "x",
    "due": "2022-03-14", "number": "1", "first": "moderate", "second": "good.yaml", "name": "x", "policy": "good.yaml",
    "vary": "exits.stop_loss_pct=10,12",
}  # fmt: skip
# Nobody listens there: what asks a service fails, and what is refused before is refused.
NOBODY: Final = "http://127.0.0.1:9"
# They start processes or walk through history before they look at the rest; what they take is tried elsewhere.
SLOW: Final = frozenset({"up", "serve", "demo", "simulate", "playground", "flow what-if", "doctor", "backtest", "sweep",
                         "policy diff", "drift"})  # fmt: skip


@dataclass(frozen=True)
class Wrong:
    """One call with one wrong value."""

    command: str
    parameter: str
    value: str
    arguments: tuple[str, ...]
    takes_json: bool

    def __str__(self) -> str:
        shown = self.value if len(self.value) < 30 else f"{self.value[:9]}…"
        return f"{self.command} {self.parameter} {shown!a}"


def commands() -> Iterator[tuple[str, Any]]:
    """Every command by its whole name, as the framework has it."""
    yield from _below(typer.main.get_command(cli), ())


def _below(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - the framework's own
    names = command.list_commands(None) if hasattr(command, "list_commands") else ()
    for name in names:
        yield from _below(command.commands[name], (*path, name))
    if not names:
        yield " ".join(path), command


def wrong_calls() -> tuple[Wrong, ...]:
    """All of them, in the order of the commands."""
    texts = cycle(NO_TEXT)
    found = []
    for name, command in commands():
        valued = [each for each in command.params if not getattr(each, "is_flag", False) and each.name != "help"]
        for each in valued:
            of_its_kind = () if name in SLOW else _wrong(name, each.name)
            for value in (next(texts), *of_its_kind):
                found.append(_call(name, valued, each, value, _has(command, "as_json")))
    return tuple(found)


def _wrong(command: str, parameter: str) -> tuple[str, ...]:
    named = {("flow add", "kind"): "kind_of_flow"}.get((command, parameter), parameter)
    if (command, parameter) == ("audit anchor", "to"):
        return ("http://[::1", "https://x:99999", "ftp://x", "http://example.com/x")
    # What is not there yet is made, or gives nothing.
    if (command, parameter) in {("prove", "file"), ("history import", "name"), ("events", "book")}:
        return ()
    return WRONG.get(named, ())


def _call(name: str, valued: list[Any], wrong: Any, value: str, takes_json: bool) -> Wrong:  # noqa: ANN401
    options: list[str] = []
    positions: list[str] = []
    for each in valued:
        given = value if each is wrong else RIGHT.get(each.name) if each.required else None
        if each.name == "url" and each is not wrong:
            given = NOBODY if name in {"run", "approve", "reject", "exit", "reconcile", "recover", "adopt"} else None
        if given is not None and each.param_type_name == "argument":
            positions.append(given)
        elif given is not None:
            options += [each.opts[0], given]
    beside = {"adopt": ("--mode", "now", "--reason", "x"), "exit": ("--confirm",), "recover": ("--reason", "x")}
    more = tuple(beside.get(name, ())) if wrong.opts[0] not in beside.get(name, ()) else ()
    if name == "recover" and wrong.opts[0] not in ("--adopt", "--abandon"):
        more += ("--adopt", "all")
    tail = ("--", *positions) if positions else ()
    return Wrong(name, wrong.name, value, (*name.split(), *options, *more, *tail), takes_json)


def _has(command: Any, name: str) -> bool:  # noqa: ANN401 - the framework's own
    return any(each.name == name for each in command.params)


def furnish(home: Path) -> None:
    """The files that the wrong values name."""
    (home / "folder").mkdir()
    (home / "binary").write_bytes(bytes(range(256)) * 50)
    (home / "nested").write_text("[" * 100_000, encoding="ascii")
    (home / "nested_map").write_text("{" * 100_000, encoding="ascii")
    (home / "empty").write_bytes(b"")
    (home / "list.json").write_text("[1, 2]", encoding="ascii")
    (home / "text").write_text("hello\nthere\n", encoding="ascii")
    (home / "good.yaml").write_text(shipped_policy().read_text(encoding="utf-8"), encoding="utf-8")
