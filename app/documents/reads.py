"""Which modules read which section of the policy, told from their source.

A read is `….section.field`, or `name.field` where the function bound `name` to the section: by assignment, by going
through its items, or as a parameter of its type. The field's name is compared too, so that a namesake is no read.
"""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from app.domain.policy import Policy
from app.domain.policy.fields import Section
from app.domain.policy.problems import fields

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def sections(section: type[Section] = Policy, prefix: str = "") -> Iterator[tuple[str, type[Section]]]:
    """Path in the file → class, in the schema's order."""
    for name, inner in fields(section).items():
        if inner is not None:
            yield f"{prefix}{name}", inner
            yield from sections(inner, f"{prefix}{name}.")


@dataclass
class _Names:
    """What means a section: attributes by their name, annotations by their class, variables as they are bound."""

    by_attribute: Mapping[str, str]
    by_class: Mapping[str, str]
    bound: dict[str, str] = field(default_factory=dict)

    def section_of(self, node: ast.expr | None) -> str | None:
        match node:
            case ast.Attribute(attr=name):
                return self.by_attribute.get(name)
            case ast.Name(id=name):
                return self.bound.get(name)
            case ast.Subscript(value=held):
                return self.section_of(held)
            case ast.Call(func=ast.Name(id="enumerate"), args=[held]):
                return self.section_of(held)
        return None

    def bind(self, target: ast.expr, value: ast.expr) -> None:
        match target, value:
            case ast.Tuple(elts=[_, inner]), ast.Call(func=ast.Name(id="enumerate")):
                self.bind(inner, value)
            case ast.Tuple(elts=targets), ast.Tuple(elts=values):
                for each, held in zip(targets, values, strict=False):
                    self.bind(each, held)
            case ast.Name(id=name), _ if (section := self.section_of(value)) is not None:
                self.bound[name] = section


def reads(tree: ast.Module) -> Mapping[str, Counter[str]]:
    """Section → the fields of it that the module reads, by their names in code, with how often."""
    known = dict(sections())
    plain = {path: _plain(section) for path, section in known.items()}
    by_attribute = {path.rpartition(".")[2]: path for path in known}
    by_class = {section.__name__: path for path, section in known.items()}
    found: dict[str, Counter[str]] = {}
    counted: set[ast.Attribute] = set()
    functions = [node for node in ast.walk(tree) if isinstance(node, _Function)]
    for scope in (tree, *functions):
        names = _Names(by_attribute, by_class)
        # A name means one thing within a function; in the module as a whole it may mean many.
        if not isinstance(scope, ast.Module):
            _bind_all(scope, names)
        for node in ast.walk(scope):
            if not isinstance(node, ast.Attribute) or node in counted:
                continue
            section = names.section_of(node.value)
            if section is not None and node.attr in plain[section]:
                counted.add(node)
                found.setdefault(section, Counter())[node.attr] += 1
    return found


def _plain(section: type[Section]) -> frozenset[str]:
    """The fields that hold values, by their names in code: a section within it is one of its own."""
    inner = fields(section)
    return frozenset(name for name, info in section.model_fields.items() if inner[str(info.validation_alias)] is None)


def _bind_all(scope: _Function, names: _Names) -> None:
    for given in scope.args.args + scope.args.kwonlyargs:
        if isinstance(given.annotation, ast.Name) and given.annotation.id in names.by_class:
            names.bound[given.arg] = names.by_class[given.annotation.id]
    for target, value in _bindings(ast.walk(scope)):
        names.bind(target, value)


def _bindings(nodes: Iterable[ast.AST]) -> Iterator[tuple[ast.expr, ast.expr]]:
    for node in nodes:
        match node:
            case ast.Assign(targets=targets, value=value):
                yield from ((target, value) for target in targets)
            case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
                yield target, value
