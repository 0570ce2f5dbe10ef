"""The container's scripts run for real, in front of a stand-in for the broker's download."""

import hashlib
import json
import os
import re
import signal
import ssl
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
import yaml

from api_gateway.diagnosis.diagnose import diagnose
from api_gateway.settings import GatewaySettings
from app.commands.processes import free_ports

SCRIPTS = Path(__file__).resolve().parents[3] / "api_gateway" / "gateway"
SOURCE = Path(__file__).parent / "StandIn.java"
PATIENCE_SECONDS = 60
# As the broker's own start script: a shell that starts Java and does not pass signals on.
RUN = "#!/bin/bash\njava -Xshare:auto -XX:TieredStopAtLevel=1 -cp dist/standin.jar StandIn $1\n"
READY = {"authenticated": True, "connected": True, "competing": False, "established": True}

pytestmark = pytest.mark.java


@pytest.fixture(scope="module")
def download(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip of the same layout as the broker's."""
    work = tmp_path_factory.mktemp("download")
    subprocess.run(["javac", "-d", work / "classes", SOURCE], check=True)
    subprocess.run(["jar", "--create", "--file", work / "standin.jar", "-C", work / "classes", "."], check=True)
    made = work / "clientportal.gw.zip"
    with zipfile.ZipFile(made, "w") as archive:
        archive.write(work / "standin.jar", "dist/standin.jar")
        archive.writestr("bin/run.sh", RUN)
        archive.writestr("root/conf.yaml", 'sslPwd: "mywebapi"\n')
        archive.writestr("root/vertx.jks", b"everybody's key")
    return made


@dataclass(frozen=True)
class Place:
    """Where one container would keep its things, and with which settings it starts."""

    directory: Path
    zip: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=lambda: free_ports().gateway)

    def __post_init__(self) -> None:
        for name in ("data", "public", "run"):
            (self.directory / name).mkdir(exist_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        here = {
            "PATH": os.environ["PATH"],
            "GATEWAY_ZIP": str(self.zip),
            "GATEWAY_SHA256": hashlib.sha256(self.zip.read_bytes()).hexdigest() if self.zip.is_file() else "0" * 64,
            "GATEWAY_DATA": str(self.directory / "data"),
            "GATEWAY_PUBLIC": str(self.directory / "public"),
            "GATEWAY_RUN": str(self.directory / "run"),
            "GATEWAY_PORT": str(self.port),
            "GATEWAY_ALLOW": "172.30.77.3 172.30.78.1",
        }
        return {**here, **self.settings}

    @property
    def authority(self) -> Path:
        return self.directory / "public" / "gateway-ca.pem"

    @property
    def configuration(self) -> Path:
        return self.directory / "run" / "gateway" / "root" / "conf.yaml"

    def says(self, script: str) -> subprocess.CompletedProcess[str]:
        """One of the scripts to its end."""
        return subprocess.run(
            ["bash", SCRIPTS / script],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def session(self, **status: bool) -> None:
        """What the stand-in says of its session from now on."""
        (self.directory / "run" / "status.json").write_text(json.dumps(status, indent=1))

    @contextmanager
    def running(self) -> Iterator["subprocess.Popen[str]"]:
        """The entrypoint, once the stand-in listens; ended by the signal that a container gets."""
        with subprocess.Popen(
            ["bash", SCRIPTS / "entrypoint.sh"], env=self.environment, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    if line == "LISTENING\n":
                        break
                assert process.poll() is None
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def gateway(download: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("gateway"), download)
    with place.running():
        yield place


def test_it_starts_with_a_key_of_its_own_and_nobody_keeps_the_authoritys(gateway: Place) -> None:
    context = ssl.create_default_context(cafile=str(gateway.authority))
    gateway.session(**READY)
    for host in ("localhost", "127.0.0.1"):
        with httpx2.Client(verify=context, timeout=60, trust_env=False) as http:
            answer = http.post(f"https://{host}:{gateway.port}/v1/api/iserver/auth/status")
            assert answer.json() == READY
    kept = sorted(path.name for path in (gateway.directory / "data").iterdir())
    assert kept == ["gateway-ca.pem", "gateway.jks", "gateway.pem", "names", "password"]
    for path in (gateway.directory / "data").iterdir():
        assert path.stat().st_mode & 0o077 == 0
    assert gateway.authority.stat().st_mode & 0o777 == 0o644


def test_its_configuration_admits_exactly_who_was_named(gateway: Place) -> None:
    written = yaml.safe_load(gateway.configuration.read_text())
    assert written["ips"] == {"allow": ["127.0.0.1", "172.30.77.3", "172.30.78.1"], "deny": []}
    assert written["cors"] == {"origin.allowed": f"https://localhost:{gateway.port}", "allowCredentials": False}
    assert (written["listenPort"], written["listenSsl"], written["proxyRemoteSsl"]) == (gateway.port, True, True)
    assert written["proxyRemoteHost"] == "https://api.ibkr.com"
    assert written["sslPwd"] == (gateway.directory / "data" / "password").read_text().strip()
    assert "@" not in gateway.configuration.read_text()
    assert gateway.configuration.stat().st_mode & 0o077 == 0


def test_for_a_trial_a_simulator_of_this_machine_stands_behind_it(download: Path, tmp_path: Path) -> None:
    place = Place(tmp_path, download, {"GATEWAY_UPSTREAM": "http://127.0.0.1:5055"})
    with place.running():
        written = yaml.safe_load(place.configuration.read_text())
    assert (written["proxyRemoteHost"], written["proxyRemoteSsl"]) == ("http://127.0.0.1:5055", False)


def test_being_alive_is_not_being_ready(gateway: Place) -> None:
    gateway.session(authenticated=False, connected=False, competing=False)
    assert gateway.says("live.sh").returncode == 0
    ready = gateway.says("ready.sh")
    assert (ready.returncode, f"log in at https://localhost:{gateway.port}" in ready.stdout) == (1, True)


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({}, 0, "ready"),
        ({"competing": True}, 1, "another session"),
        ({"authenticated": False}, 1, "without a brokerage session"),
        ({"established": False}, 1, "without a brokerage session"),
    ],
)
def test_readiness_tells_what_is_missing(gateway: Place, changed: dict[str, bool], code: int, said: str) -> None:
    gateway.session(**{**READY, **changed})
    ready = gateway.says("ready.sh")
    assert (ready.returncode, said in ready.stdout) == (code, True)


async def test_the_doctor_verifies_it_with_the_certificate_that_it_exports(gateway: Place) -> None:
    gateway.session(authenticated=False, connected=False, competing=False)
    url = f"https://localhost:{gateway.port}"
    trusting = await diagnose(GatewaySettings(ibkr_gateway_url=url, ibkr_ca_file=gateway.authority))
    assert {check.name: check.status for check in trusting.checks[:4]} == {
        "gateway": "ok", "tls": "ok", "allow_list": "ok", "login": "failure",
    }  # fmt: skip
    doubting = await diagnose(GatewaySettings(ibkr_gateway_url=url))
    assert [check.name for check in doubting.checks if check.status == "failure"] == ["tls"]


def test_a_signal_ends_the_gateway_and_the_next_start_keeps_its_certificate(download: Path, tmp_path: Path) -> None:
    place = Place(tmp_path, download)
    with place.running() as process:
        first = place.authority.read_bytes()
    assert process.returncode == 128 + signal.SIGTERM
    assert place.says("live.sh").returncode != 0
    with place.running():
        assert place.authority.read_bytes() == first
    with Place(tmp_path, download, {"GATEWAY_NAMES": "localhost other"}, place.port).running():
        assert place.authority.read_bytes() != first


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"GATEWAY_SHA256": "0" * 64}, "GATEWAY_SHA256 is another"),
        ({"GATEWAY_SHA256": ""}, "set GATEWAY_SHA256"),
        ({"GATEWAY_ZIP": "/nowhere.zip"}, "there is no /nowhere.zip"),
        ({"GATEWAY_ALLOW": "*"}, "neither an address nor a pattern"),
        ({"GATEWAY_ALLOW": "172.*"}, "neither an address nor a pattern"),
        ({"GATEWAY_ALLOW": "0.0.0.1"}, "neither an address nor a pattern"),
        ({"GATEWAY_ALLOW": "10.0.0.0/8"}, "neither an address nor a pattern"),
        ({"GATEWAY_NAMES": "localhost,IP:10.0.0.1"}, "is not a host name"),
        ({"GATEWAY_PORT": "5000; id"}, "is not a port"),
        ({"GATEWAY_UPSTREAM": "https://elsewhere.example"}, "neither the broker nor a simulator"),
        ({"GATEWAY_UPSTREAM": "http://127.0.0.1:5055/v1"}, "neither the broker nor a simulator"),
        ({"GATEWAY_UPSTREAM": "http://10.0.0.1:5055"}, "neither the broker nor a simulator"),
    ],
)
def test_what_it_cannot_check_it_does_not_start(
    download: Path, tmp_path: Path, changed: dict[str, str], said: str
) -> None:
    place = Place(tmp_path, download, changed)
    answer = place.says("entrypoint.sh")
    assert (answer.returncode, said in answer.stderr, len(answer.stderr.splitlines())) == (2, True, 1)
    assert not (tmp_path / "run" / "gateway").exists()


def test_a_zip_that_is_something_else_is_not_started(tmp_path: Path) -> None:
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("readme.txt", "hello")
    answer = Place(tmp_path, other).says("entrypoint.sh")
    assert (answer.returncode, "holds no Client Portal gateway" in answer.stderr) == (2, True)


def test_the_scripts_parse_and_stop_at_their_first_error() -> None:
    for script in sorted(SCRIPTS.glob("*.sh")):
        subprocess.run(["bash", "-n", script], check=True)
        assert re.match(r"#!/usr/bin/env bash\n(#.*\n)+set -euo pipefail\n", script.read_text()), script
        assert script.stat().st_mode & 0o111
