"""What the shipped policy's own comments say of each field: one text for the file, its documentation and the screen."""

from collections.abc import Iterator

import yaml


def comments(text: str) -> dict[str, str]:
    """Path of each field of a policy file → the comment on its line; items of lists without their number."""
    lines = text.splitlines()
    return {
        path: lines[row].partition("  # ")[2]
        for path, row in _rows(yaml.compose(text, yaml.SafeLoader), "")
        if "  # " in lines[row]
    }


def _rows(node: yaml.Node | None, prefix: str) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield f"{prefix}{key.value}", key.start_mark.line
            yield from _rows(value, f"{prefix}{key.value}.")
    elif isinstance(node, yaml.SequenceNode):
        # The first item of a list explains all of them.
        yield from _rows(node.value[0] if node.value else None, prefix)


def purpose(text: str) -> str:
    """What the head of a policy file says that it is for: its first sentence."""
    head = " ".join(line.removeprefix("# ") for line in text.splitlines()[:3])
    return head.partition(". ")[0]
