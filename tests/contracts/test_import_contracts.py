"""Every import contract can fail: the tree as it is passes, and each import that a contract forbids breaks it.

The contracts are read from `pyproject.toml`, so one that is added there is planted against here.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from itertools import pairwise, permutations, product
from pathlib import Path
from typing import Any, NamedTuple

import grimp
import pytest
from importlinter.api import read_configuration
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.independence import IndependenceContract
from importlinter.contracts.layers import LayersContract
from importlinter.domain.contract import Contract

ROOT = Path(__file__).resolve().parents[2]
KINDS: dict[str, type[Contract]] = {
    "forbidden": ForbiddenContract,
    "independence": IndependenceContract,
    "layers": LayersContract,
}
Options = dict[str, Any]


class Import(NamedTuple):
    """`importer` must not import `imported`."""

    importer: str
    imported: str

    def __str__(self) -> str:
        return f"{self.importer} imports {self.imported}"


CONFIGURED = read_configuration(str(ROOT / "pyproject.toml"))
CONTRACTS: list[Options] = CONFIGURED["contracts_options"]


def forbidden(contract: Options) -> Iterator[Import]:
    """What the contract must notice: every pair that it names; of layers the neighbours, upwards and sideways."""
    match contract["type"]:
        case "forbidden":
            pairs: Iterator[tuple[str, str]] = product(contract["source_modules"], contract["forbidden_modules"])
        case "independence":
            pairs = permutations(contract["modules"], 2)
        case "layers":
            pairs = _against_the_layers(contract)
        case other:
            raise NotImplementedError(f"say here what a contract of type {other} forbids")
    for importer, imported in pairs:
        yield Import(importer, imported)


def _against_the_layers(contract: Options) -> Iterator[tuple[str, str]]:
    for container in contract["containers"]:
        layers = [[f"{container}.{name.strip()}" for name in layer.split("|")] for layer in contract["layers"]]
        for layer in layers:
            yield from permutations(layer, 2)
        for above, below in pairwise(layers):
            yield from product(below, above)


PLANTED = [pytest.param(each, found, id=f"{each['id']}: {found}") for each in CONTRACTS for found in forbidden(each)]


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Who imports whom, as the linter sees it."""
    return grimp.build_graph("app", "api_gateway", include_external_packages=True, cache_dir=None)


def is_kept(contract: Options, graph: grimp.ImportGraph) -> bool:
    """What the linter says of it. The graph is a copy: contracts change what they look at."""
    kind = KINDS[contract["type"]]
    checked = kind(name=contract["name"], session_options=CONFIGURED["session_options"], contract_options=contract)
    return checked.check(deepcopy(graph), verbose=False).kept


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract["id"])
def test_the_tree_as_it_is_keeps_every_contract(graph: grimp.ImportGraph, contract: Options) -> None:
    assert is_kept(contract, graph)


@pytest.mark.parametrize(("contract", "wrong"), PLANTED)
def test_one_forbidden_import_breaks_its_contract(graph: grimp.ImportGraph, contract: Options, wrong: Import) -> None:
    planted = deepcopy(graph)
    assert wrong.importer in planted.modules
    if wrong.imported not in planted.modules:
        planted.add_module(wrong.imported, is_squashed=True)
    planted.add_import(importer=wrong.importer, imported=wrong.imported)
    assert not is_kept(contract, planted)


def test_imports_in_files_are_what_the_linter_reads(tmp_path: Path) -> None:
    for root in ("app", "api_gateway"):
        shutil.copytree(ROOT / root, tmp_path / root, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for contract in CONTRACTS:
        wrong = next(forbidden(contract))
        package = tmp_path.joinpath(*wrong.importer.split("."))
        file = package / "__init__.py" if package.is_dir() else package.with_suffix(".py")
        with file.open("a", encoding="utf-8") as source:
            source.write(f"\nimport {wrong.imported}\n")
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    # The copy stands before the installed project.
    environment = {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert f"Contracts: 0 kept, {len(CONTRACTS)} broken." in done.stdout
