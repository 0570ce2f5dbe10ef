"""YAML that holds plain values, as a policy file does, and nothing that could hide or execute anything."""

import re
from collections.abc import Hashable
from typing import Any, Final

import yaml

from app.domain.spelling import printable

# In bytes; the longest policy that is shipped has twenty thousand.
LARGEST: Final = 1_000_000
_DEEPEST: Final = "it is nested deeper than anything in a policy"


class NotPlain(Exception):
    """One line that says what is wrong, with the number of the line where it is known."""


def read_yaml(text: str) -> object:
    """What the text says. Raises: NotPlain."""
    if len(text) > LARGEST:
        raise NotPlain(f"it is larger than {LARGEST} bytes, which no policy is")
    try:
        return yaml.load(text, _StrictLoader)  # noqa: S506 - a safe loader: it makes plain values only
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        hint = "; indent with spaces" if "\\t" in str(error.problem) else ""
        raise NotPlain(f"line {line}: {printable(str(error.problem))}{hint}") from None
    except yaml.YAMLError as error:
        raise NotPlain(printable(" ".join(str(error).split()))) from None
    except RecursionError:
        raise NotPlain(_DEEPEST) from None
    except ValueError:
        # An integer of thousands of digits.
        raise NotPlain("it has a number that is too long") from None


class _StrictLoader(yaml.SafeLoader):
    """YAML 1.2's plain values and nothing else: in YAML 1.1 `on` is true, `NO` is false and 16:00 is 960."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuses what a policy has no use for and can hide things in: tags, anchors and aliases."""
        event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave the parser untyped
        if getattr(event, "tag", None) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(
                None,
                None,
                "tags, anchors and aliases (! & *) are not used in a policy; quote the text",
                event.start_mark,
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuses a key that is there twice: the later one would silently win."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or not isinstance(key.value, str):
                raise yaml.MarkedYAMLError(None, None, "a name must be plain text", key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(None, None, f"{key.value} is there twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_StrictLoader.yaml_implicit_resolvers = {}
for _tag, _text, _starts in (
    ("bool", r"true|false", "tf"),
    ("null", r"~|null|", ["~", "n", ""]),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    _StrictLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_text})$"), list(_starts))
