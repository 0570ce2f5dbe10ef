"""Changes the gate's source one place at a time and counts which changes its tests notice.

Works on a copy in a temporary directory; must never touch the tree it was started from.
"""

import argparse
import ast
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = tuple(
    f"app/risk/{name}.py"
    for name in ("integrity", "budget", "gate", "limits", "preview", "restraint", "feasible", "today", "bisection")
)
# The narrowest tests first: most mutants fall to them.
NARROW = (
    "test_gate.py",
    "test_gate_orders.py",
    "test_preview.py",
    "test_measure.py",
    "test_restraint.py",
    "test_feasible.py",
)
WAIT_SECONDS = 200
# Loaded once, before the forks.
LIBRARIES = ("hypothesis", "numpy", "pydantic", "yaml", "_pytest.assertion.rewrite", "exchange_calendars")

_FLIPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OPPOSITE: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}


@dataclass(frozen=True)
class Mutant:
    """One file with one change; `line` of the unchanged file."""

    path: str
    line: int
    change: str
    source: str


def mutants(path: str) -> Iterator[Mutant]:
    """Every mutant of one file."""
    tree = ast.parse((ROOT / path).read_text())
    for position, node in enumerate(ast.walk(tree)):
        for index, (change, _) in enumerate(changes(node)):
            changed = deepcopy(tree)
            target = list(ast.walk(changed))[position]
            list(changes(target))[index][1]()
            yield Mutant(path, getattr(node, "lineno", 0), change, ast.unparse(changed))


def changes(node: ast.AST) -> list[tuple[str, "Change"]]:
    """(words, function that makes the change in place) of one node."""
    if isinstance(node, ast.Compare):
        others = [_FLIPPED[type(operator)] for operator in node.ops]
        return [(f"{other.__name__} instead", Change(node.ops, place, other())) for place, other in enumerate(others)]
    if isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        dropped = [
            (f"drops operand {place + 1}", Change(node.values, place, None)) for place in range(len(node.values))
        ]
        return [(f"{type(other).__name__} instead", Change(node, "op", other)), *dropped]
    if isinstance(node, ast.BinOp) and type(node.op) in _OPPOSITE:
        opposite = _OPPOSITE[type(node.op)]
        return [(f"{opposite.__name__} instead", Change(node, "op", opposite()))]
    return _of_values(node)


def _of_values(node: ast.AST) -> list[tuple[str, "Change"]]:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return [("drops a not", Change(node, "operand", ast.UnaryOp(ast.Not(), node.operand)))]
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return [(f"{node.value} plus one", Change(node, "value", node.value + 1))]
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Yield):
        return [("drops a rule", Change(node, "value", ast.Constant(None)))]
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
        return [(f"drops element {n + 1}", Change(node.value.elts, n, None)) for n in range(len(node.value.elts))]
    return []


@dataclass(frozen=True)
class Change:
    """Puts `value` where it belongs; None takes the element out of its list."""

    holder: object
    place: int | str
    value: object

    def __call__(self) -> None:
        if isinstance(self.place, str):
            setattr(self.holder, self.place, self.value)
        elif isinstance(self.holder, list) and self.value is None:
            del self.holder[self.place]
        elif isinstance(self.holder, list):
            self.holder[self.place] = self.value


def survives(mutant: Mutant, copy: Path) -> bool:
    """The tests pass although the copy holds the mutant; a run that hangs is a mutant noticed."""
    target = copy / mutant.path
    original = target.read_text()
    target.write_text(mutant.source)
    try:
        return run_tests(copy)
    finally:
        target.write_text(original)


def run_tests(copy: Path) -> bool:
    """The gate's tests pass in the copy, the narrow ones first."""
    tests = copy / "tests/unit/risk"
    narrow = [tests / name for name in NARROW]
    rest = sorted(set(tests.glob("test_*.py")) - set(narrow))
    return all(_passes(copy, files) for files in (narrow, rest))


def _passes(copy: Path, files: Sequence[Path]) -> bool:
    """In a fork, which finds the libraries loaded and the product not."""
    child = get_context("fork").Process(target=_pytest, args=(copy, [str(path) for path in files]))
    child.start()
    child.join(WAIT_SECONDS)
    if child.is_alive():
        child.kill()
        child.join()
    return child.exitcode == 0


def _pytest(copy: Path, files: Sequence[str]) -> None:
    os.chdir(copy)
    sys.path.insert(0, str(copy))
    for name in [name for name in sys.modules if name.partition(".")[0] in {"app", "tests"}]:
        del sys.modules[name]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    # That libraries are loaded before their plugins is what the fork is for.
    quiet = ["-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    os._exit(pytest.main(["-x", "-q", *quiet, "--hypothesis-profile=brief", *files]))


def chosen(sample: int | None, seed: int, only: Sequence[str]) -> list[Mutant]:
    """All mutants, or so many of them at random, always the same for a seed."""
    every = [mutant for path in FILES if not only or Path(path).stem in only for mutant in mutants(path)]
    if sample is None or sample >= len(every):
        return every
    return random.Random(seed).sample(every, sample)  # noqa: S311  # a repeatable choice, not a secret


def main() -> int:
    """0 where no mutant survives."""
    parser = argparse.ArgumentParser(description="How many changes to the gate's source its tests notice.")
    parser.add_argument("--sample", type=int, help="so many mutants at random instead of all")
    parser.add_argument("--seed", type=int, default=0, help="which sample")
    parser.add_argument("--only", nargs="*", default=(), help="names of modules, e.g. budget")
    arguments = parser.parse_args()
    for library in LIBRARIES:
        import_module(library)
    wanted = chosen(arguments.sample, arguments.seed, arguments.only)
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory)
        for name in ("app", "docs", "investment_policy", "tests"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        if not run_tests(copy):
            sys.stdout.write("the tests fail without any mutant\n")
            return 2
        alive = []
        for mutant in wanted:
            if survives(mutant, copy):
                alive.append(mutant)
                sys.stdout.write(f"survived: {mutant.path}:{mutant.line} {mutant.change}\n")
                sys.stdout.flush()
    sys.stdout.write(f"killed {len(wanted) - len(alive)} of {len(wanted)} mutants\n")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
