"""Every import contract can fail: the tree as it is passes, and one wrong import breaks the contract it is about."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Contract → (module that gets the import, the import).
VIOLATIONS = {
    "layers": ("app/desk/clock.py", "import app.wiring"),
    "pure": ("app/risk/measure.py", "import time"),
    "framework": ("app/desk/stages/pipeline.py", "import google.adk"),
    "settings": ("app/agent.py", "import app.settings"),
    "desk": ("app/desk/journal.py", "import httpx2"),
    "strangers": ("app/broker/mcp.py", "import api_gateway.settings"),
    "simulator-alone": ("api_gateway/simulator/world.py", "import api_gateway.clientportal.wire"),
    "simulator-apart": ("api_gateway/simulator/world.py", "import api_gateway.mcp_server.models"),
    "gateway-layers": ("api_gateway/clientportal/wire.py", "import api_gateway.mcp_server.models"),
}


def contracts() -> list[str]:
    """The ids of all contracts."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [contract["id"] for contract in project["tool"]["importlinter"]["contracts"]]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the contracts are about."""
    copy = tmp_path_factory.mktemp("tree")
    for package in ("app", "api_gateway"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def lint(tree: Path, *contract: str) -> subprocess.CompletedProcess[str]:
    """The linter on the copy, which stands before the installed project."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    for each in contract:
        command += ["--contract", each]
    return subprocess.run(command, cwd=tree, env={"PYTHONPATH": str(tree)}, capture_output=True, text=True, check=False)


def test_every_contract_has_a_violation_here() -> None:
    assert sorted(VIOLATIONS) == sorted(contracts())


def test_the_tree_as_it_is_keeps_every_contract(tree: Path) -> None:
    done = lint(tree)
    assert done.returncode == 0, done.stdout
    assert f"Contracts: {len(contracts())} kept, 0 broken." in done.stdout


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_one_wrong_import_breaks_the_contract(tree: Path, contract: str) -> None:
    module, statement = VIOLATIONS[contract]
    path = tree / module
    before = path.read_text(encoding="utf-8")
    path.write_text(f"{before}\n{statement}\n", encoding="utf-8")
    try:
        done = lint(tree, contract)
    finally:
        path.write_text(before, encoding="utf-8")
    assert done.returncode == 1, done.stdout
    assert "Contracts: 0 kept, 1 broken." in done.stdout
    importer = module.removesuffix(".py").replace("/", ".")
    imported = statement.split()[1]
    # The linter knows packages from outside by their first name only.
    assert any(f"{importer} -> {name} " in done.stdout for name in (imported, imported.partition(".")[0]))
