"""The wheel alone, without a checkout: it has all that the program needs, and says which prices are its own."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.forked import ROOT

# Of the checkout's environment, what an installation of the wheel does not bring.
_NOT_BROUGHT = ("skfolio", "portfolio_manager", "_editable_impl", "__editable__")
# As an installer writes it into `bin`.
_PROGRAM = """
from importlib.metadata import entry_points
(program,) = entry_points(group="console_scripts", name="portfolio")
raise SystemExit(program.load()())
"""
PATIENCE_SECONDS = 600


@dataclass(frozen=True)
class Installed:
    """An environment with the program, and the empty directory that it is run in."""

    environment: Path
    directory: Path

    def said(self, *arguments: str) -> str:
        """What a command that succeeds prints."""
        python = self.environment / "bin" / "python"
        done = subprocess.run(
            [python, "-c", _PROGRAM, *arguments],
            cwd=self.directory,
            env={"HOME": str(self.directory), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """The wheel unpacked, beside what it depends on and nothing of the checkout."""
    found = Installed(tmp_path_factory.mktemp("installed"), tmp_path_factory.mktemp("empty"))
    venv.create(found.environment, with_pip=False, symlinks=True)
    (own,) = found.environment.glob("lib/python*/site-packages")
    for each in Path(sysconfig.get_path("purelib")).iterdir():
        if each.suffix != ".pth" and not each.name.startswith(_NOT_BROUGHT):
            (own / each.name).symlink_to(each)
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(own)
    yield found
    shutil.rmtree(found.environment)


def test_it_runs_a_day_in_an_empty_directory_and_says_that_its_prices_are_generated(installed: Installed) -> None:
    report = installed.said("demo", "--first-contact")
    assert "SYNTHETIC prices from a generator" in report
    assert "policy moderate" in report


def test_the_policies_are_its_own(installed: Installed) -> None:
    rows = json.loads(installed.said("policy", "list", "--json"))["policies"]
    listed = {row["name"]: Path(row["file"]) for row in rows}
    assert set(listed) == {
        "moderate",
        "conservative",
        "aggressive",
        "sixty_forty",
        "all_weather",
        "index_core_satellite",
    }
    assert all(file.is_relative_to(installed.environment) for file in listed.values())


def test_the_pages_that_its_messages_name_are_in_it(installed: Installed) -> None:
    assert installed.said("docs", "docs/runbook.md").startswith("# Runbook")


def test_it_has_every_file_beside_the_code_that_is_under_version_control(wheel: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "app", "api_gateway", "investment_policy"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    with zipfile.ZipFile(wheel) as packed:
        assert set(listed) - set(packed.namelist()) == set()


def test_it_depends_on_nothing_that_only_tests_or_checks_need(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        (metadata,) = [name for name in packed.namelist() if name.endswith(".dist-info/METADATA")]
        lines = packed.read(metadata).decode().splitlines()
    needed = [line for line in lines if line.startswith("Requires-Dist: ") and "extra ==" not in line]
    assert not [
        line for line in needed if any(name in line for name in ("skfolio", "pytest", "mypy", "pyarrow", "scipy"))
    ]


@pytest.mark.long
def test_uv_installs_it_with_what_it_depends_on_and_it_runs_a_day(wheel: Path, tmp_path: Path) -> None:
    uv = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
    found = Installed(tmp_path / "environment", tmp_path / "empty")
    found.directory.mkdir()
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(found.environment)], check=True)
    python = str(found.environment / "bin" / "python")
    subprocess.run([uv, "pip", "install", "-q", "--python", python, str(wheel)], check=True)
    assert "SYNTHETIC prices from a generator" in found.said("demo")
