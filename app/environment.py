"""`.env` and the environment as they are, whatever is wrong with them: what they set, and what cannot be taken.

Must never repeat a value: it may be a secret.
"""

import codecs
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Final

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from app.domain.spelling import shortened, slip_of

ENV_FILE: Final = Path(".env")
EXAMPLE: Final = ".env.example lists every setting"
# Read by the MCP server, and by compose.yaml: in this `.env`, too.
OTHERS_SETTINGS: Final = (
    "IBKR_CA_FILE", "IBKR_CERT_SHA256", "IBKR_PENALTY_MINUTES", "IBKR_HISTORIES_PER_MINUTE", "IBKR_LOGIN_URL",
    "MAX_MESSAGES_PER_DAY", "MCP_ALLOWED_HOSTS", "MCP_TOOLS", "MCP_STATE_FILE", "IBKR_RESET_ZONE", "IBKR_COMPETE",
    "SESSION_NOTIFY_URLS", "SESSION_NOTIFY_URLS_FILE", "CONTAINER_UID", "GATEWAY_ZIP", "GATEWAY_SHA256",
)  # fmt: skip
# Read by the models' own clients, from the environment alone.
MODEL_KEYS: Final = (
    "GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION",
    "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "MISTRAL_API_KEY", "GROQ_API_KEY", "DEEPSEEK_API_KEY", "OPENROUTER_API_KEY",
    "XAI_API_KEY",
)  # fmt: skip
_LARGEST = 1_000_000
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_NAME = re.compile(r"(?:export\s+)?([^=#\s]+)")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is not taken. `name` is the setting that it may be about, None where it may be any."""

    words: str
    name: str | None = None

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True, slots=True)
class Found:
    """What is set, by name in capitals; of an empty value nothing. `strangers` are other names in `.env`."""

    values: Mapping[str, str]
    problems: tuple[Problem, ...]
    strangers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EnvFile:
    """`lines` has the line of each name."""

    values: Mapping[str, str]
    lines: Mapping[str, int]
    problems: tuple[Problem, ...] = ()


def gather(environment: Mapping[str, str], settings: Collection[str]) -> Found:
    """What sets any of these settings, or what a model's client reads; the environment wins over the file."""
    known = frozenset({*settings, *OTHERS_SETTINGS, *MODEL_KEYS})
    file = read_env_file(known)
    values, problems = {}, list(file.problems)
    for source in (file.values, environment):
        for name, value in ((given.upper(), value) for given, value in source.items() if value):
            if name in known and _CONTROL.search(value):
                problems.append(Problem(f"{name}: its value is no text", name))
            elif name in known:
                values[name] = value
    strangers = tuple(name for name in file.lines if name.upper() not in known)
    misspelt = (*_misspelt_in(file.lines, strangers, known), *_misspelt(environment, known))
    return Found(values, (*problems, *misspelt), strangers)


def _misspelt_in(lines: Mapping[str, int], strangers: Iterable[str], known: frozenset[str]) -> Iterator[Problem]:
    """In the file, which is ours, every slip."""
    for name in strangers:
        meant = slip_of(name, known)
        if meant is not None:
            yield _on_line(lines[name], f"{shortened(name)} is not a setting; did you mean {meant}?", meant)


def _misspelt(environment: Iterable[str], known: frozenset[str]) -> Iterator[Problem]:
    """In the environment, which is everybody's, no single word; and who sets the right one, too, means another."""
    unset = known - {name.upper() for name in environment}
    for name in environment:
        meant = slip_of(name, unset) if "_" in name and name.upper() not in known else None
        if meant is not None:
            words = f"{shortened(name)} in the environment is not a setting; did you mean {meant}?"
            yield Problem(f"{words} Where it is another program's, set {meant}, too, if only to nothing", meant)


def read_env_file(known: Collection[str], path: Path = ENV_FILE) -> EnvFile:
    """What can be read of it; nothing where there is no such file. A directory of that name is something else's.

    One of the `known` names at the beginning of a line begins a statement, even after a quote that is not closed.
    """
    try:
        if not path.is_file():
            return EnvFile({}, {})
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except OSError as error:
        return EnvFile({}, {}, (Problem(f"{ENV_FILE}: it cannot be read ({error.strerror})"),))
    if len(raw) > _LARGEST:
        return EnvFile({}, {}, (Problem(f"{ENV_FILE}: it is larger than 1 MB, which no file of settings is"),))
    problems: list[Problem] = []
    return _parsed("".join(_lines(raw, problems)), known, problems)


def _lines(raw: bytes, problems: list[Problem]) -> Iterator[str]:
    """The lines that are text; of the others an empty one, so that the numbers stay."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        problems.append(Problem(f"{ENV_FILE}: it is written in UTF-16; save it as UTF-8"))
        raw = raw.decode("utf-16", "replace").encode("utf-8", "replace")
    for number, line in enumerate(raw.removeprefix(codecs.BOM_UTF8).splitlines(keepends=True), start=1):
        try:
            text = line.decode()
            found = _CONTROL.search(text)
            wrong = None if found is None else f"U+{ord(found[0]):04X} is not a character of a text"
        except UnicodeDecodeError as error:
            text, wrong = line.decode("utf-8", "ignore"), f"byte {error.start + 1} is not UTF-8"
        if wrong is None or text.lstrip().startswith("#"):
            yield text if wrong is None else "\n"
            continue
        problems.append(_on_line(number, wrong, _name_on(_CONTROL.sub("", text))))
        yield "\n"


def _parsed(text: str, known: Collection[str], problems: list[Problem]) -> EnvFile:
    """Statement by statement; after one that is wrong it goes on with the line after its first."""
    good: list[str] = []
    lines: dict[str, int] = {}
    rows, first = text.splitlines(keepends=True), 0
    while first < len(rows):
        for binding in parse_stream(StringIO("".join(rows[first:]))):
            string = binding.original.string
            blank = string[: len(string) - len(string.lstrip())].count("\n")
            number = first + binding.original.line + blank
            swallowed = any(name in known for name in _names_below(string))
            if binding.error or swallowed or (binding.key is not None and binding.value is None):
                words = "a quote is not closed" if swallowed else "it is not NAME=value"
                problems.append(_on_line(number, words, _name_on(string)))
                first = number
                break
            good.append(string)
            if binding.key is not None:
                lines[binding.key] = number
        else:
            break
    values = dotenv_values(stream=StringIO("".join(good)))
    return EnvFile({name: value for name, value in values.items() if value is not None}, lines, tuple(problems))


def _on_line(number: int, words: str, name: str | None) -> Problem:
    return Problem(f"{ENV_FILE} line {number}: {words}", name)


def _names_below(statement: str) -> Iterator[str]:
    """What a value of several lines would set if it were not one."""
    for line in statement.strip().splitlines()[1:]:
        name, equals, _ = line.partition("=")
        if equals:
            yield name.strip().removeprefix("export ").strip().upper()


def _name_on(statement: str) -> str | None:
    found = _NAME.match(statement.strip())
    return None if found is None else found[1]
