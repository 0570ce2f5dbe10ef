"""What the container files say is held against what they must never say; no container engine is needed to read them."""

import ipaddress
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILES = [ROOT / "Dockerfile", ROOT / "api_gateway" / "gateway" / "Dockerfile"]
PROFILES = {"sim": {"simulator", "mcp-sim", "app-sim"}, "live": {"gateway", "mcp", "app"}}


def networks(name: str) -> set[str]:
    return set(SERVICES[name].get("networks", ()))


def instructions(path: Path) -> list[tuple[str, str]]:
    """(instruction, the rest) with continued lines joined and comments gone."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(word, rest) for line in joined.splitlines() if line for word, _, rest in [line.partition(" ")]]


def test_each_profile_is_whole_and_nothing_starts_without_one() -> None:
    for profile, members in PROFILES.items():
        assert {name for name, service in SERVICES.items() if service["profiles"] == [profile]} == members
    assert set(SERVICES) == set.union(*PROFILES.values())
    for name, service in SERVICES.items():
        for needed in service.get("depends_on", {}):
            assert SERVICES[needed]["profiles"] == service["profiles"], name


def test_every_published_port_is_on_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"gateway", "app", "app-sim"}
    for ports in published.values():
        assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_hardened_and_none_restarts_itself(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "no"
    assert "privileged" not in service
    assert service.get("network_mode") in (None, "service:simulator")


def test_no_secret_is_a_variable_and_each_is_a_file_outside_the_repository() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    for secret in COMPOSE["secrets"].values():
        assert secret["file"].startswith("./secrets/")
    assert {"secrets/", "download/"} <= set(ignored)
    for service in SERVICES.values():
        for variable in service.get("environment", {}):
            assert not re.search("(TOKEN|KEY|PASSWORD|SECRET|URLS)$", variable), variable


def test_the_gateway_admits_the_mcp_server_and_this_machines_browser_and_nobody_else() -> None:
    gateway, mcp = SERVICES["gateway"], SERVICES["mcp"]
    admitted = gateway["environment"]["GATEWAY_ALLOW"].split()
    login = COMPOSE["networks"]["login"]["ipam"]["config"][0]
    assert admitted == [mcp["networks"]["gateway"]["ipv4_address"], login["gateway"]]
    subnet = ipaddress.ip_network(COMPOSE["networks"]["gateway"]["ipam"]["config"][0]["subnet"])
    for service in (gateway, mcp):
        assert ipaddress.ip_address(service["networks"]["gateway"]["ipv4_address"]) in subnet


def test_only_the_mcp_server_can_reach_the_gateway_and_its_port_is_published_nowhere() -> None:
    assert COMPOSE["networks"]["gateway"]["internal"] is COMPOSE["networks"]["desk"]["internal"] is True
    assert {name for name in SERVICES if "gateway" in networks(name)} == {"gateway", "mcp"}
    assert {name for name in SERVICES if "login" in networks(name)} == {"gateway"}
    assert networks("mcp") & networks("app") == {"desk", "outside"}
    assert "ports" not in SERVICES["mcp"]


def test_the_certificate_is_verified_with_what_the_gateway_exports() -> None:
    mcp = SERVICES["mcp"]
    assert mcp["environment"]["IBKR_CA_FILE"] == "/public/gateway-ca.pem"
    assert "gateway-certificate:/public:ro" in mcp["volumes"]
    assert "gateway-certificate:/public" in SERVICES["gateway"]["volumes"]
    host = mcp["environment"]["IBKR_GATEWAY_URL"].removeprefix("https://").partition(":")[0]
    assert host in SERVICES["gateway"]["environment"]["GATEWAY_NAMES"].split()


def test_waiting_for_the_gateway_is_waiting_for_the_process_and_not_for_a_person() -> None:
    image = (ROOT / "api_gateway" / "gateway" / "Dockerfile").read_text(encoding="utf-8")
    assert "live.sh" in image.partition("HEALTHCHECK")[2].partition("\n")[0]
    assert "healthcheck" not in SERVICES["gateway"]


def test_trading_is_off_unless_the_owner_says_otherwise() -> None:
    for name in ("mcp", "app"):
        assert SERVICES[name]["environment"]["TRADING_MODE"] == "${TRADING_MODE:-off}"


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: str(path.parent.name))
def test_an_image_has_a_named_base_a_user_of_its_own_and_nothing_of_the_brokers(path: Path) -> None:
    found = instructions(path)
    defaults = dict(rest.split("=", 1) for word, rest in found if word == "ARG" and "=" in rest)
    images = [rest.split()[0].strip("${}") for word, rest in found if word == "FROM"]
    for image in images:
        tag = defaults[image].partition(":")[2]
        assert tag
        assert tag != "latest"
    users = [rest for word, rest in found if word == "USER"]
    assert users
    assert users[-1] != "root"
    assert not [rest for word, rest in found if word == "ADD"]
    text = path.read_text(encoding="utf-8")
    assert "interactivebrokers" not in text
    assert "curl -" not in text


def test_the_image_is_built_with_the_same_uv_as_everything_else() -> None:
    makefile = re.search(r"UV_VERSION := (\S+)", (ROOT / "Makefile").read_text(encoding="utf-8"))
    image = re.search(r"astral-sh/uv:(\S+)", DOCKERFILES[0].read_text(encoding="utf-8"))
    assert makefile is not None
    assert image is not None
    assert makefile[1] == image[1]


def test_the_build_context_is_named_and_holds_no_secret() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "*"
    admitted = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        word
        for instruction, rest in instructions(DOCKERFILES[0])
        if instruction == "COPY" and not rest.startswith("--from")
        for word in rest.split()[:-1]
    }
    assert copied == admitted
    for name in admitted:
        assert (ROOT / name).exists()
