"""The broker's own gateway program, the owner's download of it, driven on this machine: `make real-gateway ZIP=…`.

Nobody logs in and nothing leaves the machine: the simulator stands where the broker would be, behind the program.
Nothing of the download is kept. Needs Java, openssl and unzip. Exit status 1 where a step did not go as it should.
"""

import argparse
import hashlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

import httpx2
import yaml

from app.commands.processes import Simulated, free_ports, simulator
from tests.e2e.command import portfolio

ENTRYPOINT: Final = Path(__file__).parents[1] / "api_gateway" / "gateway" / "entrypoint.sh"
SIMULATED: Final = Simulated(date(2022, 3, 14), 7, 0.001, "synthetic")
START_SECONDS: Final = 90.0
# What a person may be made to wait for before being told that the broker cannot be reached.
PATIENCE_SECONDS: Final = 15.0
NOBODY: Final = "10.255.255.1"
BROKER: Final = ("allow_list", "login", "bridge", "accounts", "trading_mode", "account", "market_data")


class NotAsItShould(Exception):
    """A step went otherwise; `str()` says how."""


@dataclass(frozen=True)
class Step:
    name: str
    passed: bool
    told: str
    seconds: float


@dataclass
class Trial:
    """The steps so far; each is told as it ends."""

    steps: list[Step] = field(default_factory=list)

    def step(self, name: str, work: Callable[[], str]) -> None:
        """`work` returns what was seen, or raises NotAsItShould."""
        began = time.monotonic()
        try:
            passed, told = True, work()
        except NotAsItShould as error:
            passed, told = False, str(error)
        step = Step(name, passed, told, round(time.monotonic() - began, 1))
        self.steps.append(step)
        sys.stderr.write(f"{'ok    ' if passed else 'FAILED'} {step.seconds:5.1f} s  {name}: {told}\n")


@dataclass(frozen=True)
class Person:
    """Whoever has the program running, with the settings that are in their `.env`."""

    home: Path
    settings: Mapping[str, str]

    def with_settings(self, **more: str) -> "Person":
        return Person(self.home, {**self.settings, **more})

    def doctor(self) -> dict[str, dict[str, Any]]:
        """The checks by name."""
        said = portfolio(self.home, "doctor", "--json", **self.settings)
        try:
            return {check["name"]: check for check in json.loads(said.out)["checks"]}
        except ValueError:
            raise NotAsItShould(f"doctor ended with status {said.status}: {said.err[-300:]}") from None

    def run(self, *options: str) -> dict[str, Any]:
        """The day's report."""
        said = portfolio(self.home, "run", "--json", *options, **self.settings)
        if said.status != 0:
            raise NotAsItShould(f"the run ended with status {said.status}: {'; '.join(said.errors)}")
        report: dict[str, Any] = json.loads(said.out)
        return report

    def refused_run(self) -> str:
        """The one line that says why there is none."""
        said = portfolio(self.home, "run", "--dry-run", **self.settings)
        if said.status != 1 or len(said.errors) != 1:
            raise NotAsItShould(f"status {said.status}, and on standard error: {said.errors}")
        return said.errors[0]


def fails(checks: Mapping[str, Mapping[str, Any]], name: str, *words: str) -> str:
    """Finding and remedy of the one check that must fail; these words must be in them, in this order."""
    failed = [check["name"] for check in checks.values() if check["status"] == "failure"]
    if failed != [name]:
        raise NotAsItShould(f"{name} should fail alone, and these do: {failed or 'none'}")
    text = f"{checks[name]['finding']} → {checks[name]['remedy']}"
    if not re.search(".*".join(map(re.escape, words)), text, re.DOTALL | re.IGNORECASE):
        raise NotAsItShould(f"not told of {', '.join(words)}: {text}")
    return text


def is_well(checks: Mapping[str, Mapping[str, Any]]) -> str:
    """From the gateway's address to a quote."""
    bad = {name: checks[name]["finding"] for name in ("gateway", "tls", *BROKER) if checks[name]["status"] != "ok"}
    if bad:
        raise NotAsItShould(str(bad))
    return "from its address to a quote"


@dataclass(frozen=True)
class Download:
    """The owner's zip, unpacked."""

    directory: Path

    @property
    def configuration(self) -> dict[str, Any]:
        read: dict[str, Any] = yaml.safe_load((self.directory / "root" / "conf.yaml").read_text(encoding="utf-8"))
        return read

    @contextmanager
    def running(self, port: int, broker: str, allow: Sequence[str]) -> Iterator[None]:
        """With its own key and its own configuration, but for the port, who stands behind it and whom it admits."""
        here = {
            "listenPort": port,
            "proxyRemoteHost": broker,
            "proxyRemoteSsl": broker.startswith("https"),
            "ips": {"allow": list(allow), "deny": []},
        }
        changed = {**self.configuration, **here}
        name = f"conf.{port}.yaml"
        (self.directory / "root" / name).write_text(yaml.safe_dump(changed, sort_keys=False), encoding="utf-8")
        with started(["bash", "bin/run.sh", f"root/{name}"], self.directory, port, os.environ):
            yield


@contextmanager
def started(
    command: Sequence[str | Path], directory: Path, port: int, environment: Mapping[str, str]
) -> Iterator[None]:
    """A gateway that listens; its whole group of processes ends with the block."""
    with (directory / f"gateway.{port}.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=directory, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _await_listening(process, port, Path(log.name))
            yield
        finally:
            for end in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(process.pid, end)
                    process.wait(10)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    continue


def _await_listening(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise NotAsItShould(f"it does not listen: {log.read_text(errors='replace')[-500:]}")


def fingerprint(port: int) -> str:
    """Of the certificate that it shows, as its owner would read it there."""
    certificate = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port)))
    return hashlib.sha256(certificate).hexdigest()


def _orders(broker: str) -> list[dict[str, Any]]:
    answer = httpx2.get(f"{broker}/simulator/orders", timeout=60, trust_env=False)
    orders: list[dict[str, Any]] = answer.json()["orders"]
    return orders


def _tell_broker(broker: str, path: str, body: object) -> None:
    httpx2.post(f"{broker}/simulator/{path}", json=body, timeout=60, trust_env=False).raise_for_status()


def try_certificates(trial: Trial, person: Person, port: int, directory: Path) -> Person:
    """Whoever is told to pin it can; the certificate in the download is of no other use. Returns who pinned it."""
    trial.step("nothing pinned", lambda: fails(person.doctor(), "tls", "IBKR_CERT_SHA256"))
    file = directory / "shown.pem"
    file.write_text(ssl.get_server_certificate(("127.0.0.1", port)), encoding="ascii")
    as_authority = person.with_settings(IBKR_CA_FILE=str(file))
    trial.step("its certificate as an authority", lambda: fails(as_authority.doctor(), "tls", "IBKR_CERT_SHA256"))
    other = person.with_settings(IBKR_CERT_SHA256="0" * 64)
    trial.step("another one pinned", lambda: fails(other.doctor(), "tls", "not the pinned one"))
    pinned = person.with_settings(IBKR_CERT_SHA256=fingerprint(port))
    trial.step("its certificate pinned", lambda: is_well(pinned.doctor()))
    return pinned


def try_day(trial: Trial, person: Person, broker: str) -> None:
    """A paper day through the program: what the report says was ordered is what came out at its other end, once."""

    def day() -> str:
        report, there = person.run(), _orders(broker)
        ours = sorted(order["coid"] for order in report["orders"])
        arrived = sorted(str(order["cOID"]) for order in there for _ in range(order["arrivals"]))
        if not ours or arrived != ours:
            raise NotAsItShould(f"ordered {ours}, arrived {arrived}")
        return f"{report['status']}, {len(ours)} orders, each once"

    def again() -> str:
        before = len(_orders(broker))
        report = person.run()
        if len(_orders(broker)) != before:
            raise NotAsItShould(f"{len(_orders(broker)) - before} more orders arrived")
        return f"the same report, of {report['run_id']}"

    trial.step("a paper day through it", day)
    trial.step("the same day again", again)


def try_session(trial: Trial, person: Person, broker: str) -> None:
    """Nobody logged in."""
    _tell_broker(broker, "restart", {"login": False})
    trial.step("nobody logged in", lambda: fails(person.doctor(), "login", "log in"))
    trial.step("a run with nobody logged in", lambda: _says(person.refused_run(), "log in"))
    _tell_broker(broker, "login", {})


def try_without_broker(trial: Trial, person: Person) -> None:
    """The program runs and what stands behind it does not answer."""
    trial.step("the broker away", lambda: fails(person.doctor(), "gateway", "gateway", "internet"))

    def run() -> str:
        began = time.monotonic()
        said = _says(person.refused_run(), "gateway")
        if "start the gateway" in said.lower():
            raise NotAsItShould(f"it is up, and one is told to start it: {said}")
        if time.monotonic() - began > PATIENCE_SECONDS:
            raise NotAsItShould(f"it took longer than {PATIENCE_SECONDS:g} s: {said}")
        return said

    trial.step("a run with the broker away", run)


def _says(text: str, word: str) -> str:
    if word not in text.lower():
        raise NotAsItShould(f"not told of {word}: {text}")
    return text


def try_as_downloaded(trial: Trial, archive: Path, work: Path) -> None:
    """With the key that is in everybody's hands."""
    with zipfile.ZipFile(archive) as file:
        file.extractall(work / "gateway")
    download, ports = Download(work / "gateway"), free_ports()
    person = Person(work / "home", {"IBKR_GATEWAY_URL": f"https://localhost:{ports.gateway}", "TRADING_MODE": "paper"})
    with ExitStack() as alive, ExitStack() as reachable:
        broker = reachable.enter_context(simulator(work / "broker", ports.mcp, SIMULATED))
        alive.enter_context(download.running(ports.gateway, broker, ["127.0.0.1"]))
        person = try_certificates(trial, person, ports.gateway, work)
        try_day(trial, person, broker)
        try_session(trial, person, broker)
        reachable.close()
        try_without_broker(trial, person)
    with download.running(ports.service, broker, [NOBODY]):
        stranger = person.with_settings(IBKR_GATEWAY_URL=f"https://localhost:{ports.service}")
        trial.step("not on its allow list", lambda: fails(stranger.doctor(), "allow_list", "ips.allow"))


def try_with_own_key(trial: Trial, archive: Path, work: Path) -> None:
    """Started by the container's script, which makes it a key of its own."""
    for name in ("data", "public", "run"):
        (work / name).mkdir()
    ports = free_ports()
    with simulator(work / "broker", ports.mcp, SIMULATED) as broker:
        environment = {
            "PATH": os.environ["PATH"],
            "GATEWAY_ZIP": str(archive),
            "GATEWAY_SHA256": hashlib.sha256(archive.read_bytes()).hexdigest(),
            "GATEWAY_DATA": str(work / "data"),
            "GATEWAY_PUBLIC": str(work / "public"),
            "GATEWAY_RUN": str(work / "run"),
            "GATEWAY_PORT": str(ports.gateway),
            "GATEWAY_UPSTREAM": broker,
        }
        authority = str(work / "public" / "gateway-ca.pem")
        url = f"https://localhost:{ports.gateway}"
        person = Person(work / "home", {"IBKR_GATEWAY_URL": url, "IBKR_CA_FILE": authority, "TRADING_MODE": "paper"})
        with started(["bash", ENTRYPOINT], work, ports.gateway, environment):
            trial.step("a key of its own", lambda: is_well(person.doctor()))


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.gateway_program", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("zip", type=Path, help="the owner's download, clientportal.gw.zip")
    parser.add_argument("--json", action="store_true", help="the steps as JSON on standard output")
    options = parser.parse_args(arguments)
    archive: Path = options.zip.resolve()
    if not zipfile.is_zipfile(archive):
        parser.error(
            f"{options.zip} is no zip: ZIP=… names the clientportal.gw.zip that you downloaded from the broker"
        )
    trial = Trial()
    with tempfile.TemporaryDirectory() as directory:
        for part in (try_as_downloaded, try_with_own_key):
            work = Path(directory) / part.__name__
            work.mkdir()
            try:
                part(trial, archive, work)
            except NotAsItShould as error:
                trial.steps.append(Step(part.__name__, False, str(error), 0.0))
                sys.stderr.write(f"FAILED {part.__name__}: {error}\n")
    failed = [step for step in trial.steps if not step.passed]
    if options.json:
        sys.stdout.write(json.dumps([vars(step) for step in trial.steps], indent=2) + "\n")
    sys.stderr.write(f"{len(trial.steps)} steps, {len(failed)} failed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
