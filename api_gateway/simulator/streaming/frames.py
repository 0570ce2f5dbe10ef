"""What a client writes to the socket: `TOPIC`, `TOPIC+TARGET` or either with `+{ARGUMENTS}` (documented)."""

from dataclasses import dataclass, field
from typing import Any

from api_gateway.simulator.routes.http import parsed_json


@dataclass(frozen=True)
class Frame:
    """`subject` is the target with its topic: "smd+265598", or the topic alone."""

    topic: str
    target: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        return f"{self.topic}+{self.target}" if self.target else self.topic

    def texts(self, name: str) -> frozenset[str]:
        """An argument that is a list of texts; what is none says nothing."""
        value = self.arguments.get(name)
        return frozenset(str(one) for one in value) if isinstance(value, list) else frozenset()


def read_frame(text: str) -> Frame:
    """Raises: ValueError where the arguments are no JSON object."""
    head, brace, rest = text.strip().partition("{")
    topic, _, target = head.strip().removesuffix("+").partition("+")
    if not brace:
        return Frame(topic, target)
    arguments = parsed_json(brace + rest)
    if not isinstance(arguments, dict):
        raise ValueError("the arguments are no object")
    return Frame(topic, target, arguments)
