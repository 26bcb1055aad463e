"""The kinds of value that an expression can have, as far as they can be known without running it."""

from dataclasses import dataclass, field

from botocore.model import Shape

SCALARS = {
    "string": "string",
    "character": "string",
    "timestamp": "string",
    "blob": "string",
    "integer": "number",
    "long": "number",
    "float": "number",
    "double": "number",
    "boolean": "boolean",
}


@dataclass(frozen=True)
class Kind:
    """`sequence` is what JSONata makes of a path or a filter: no value, one value by itself, or an array of several."""

    name: str
    fields: dict = field(default_factory=dict, hash=False)
    items: "Kind | None" = None
    shape: Shape | None = field(default=None, hash=False)
    where: str = ""

    def __str__(self):
        return self.where or self.name


ANY = Kind("any")
NOTHING = Kind("nothing")
STRING, NUMBER, BOOLEAN, NULL = Kind("string"), Kind("number"), Kind("boolean"), Kind("null")


def pascal(name: str) -> str:
    """Parameters and results of service integrations are in Pascal case, whatever the API's own case is."""
    return name[0].upper() + name[1:]


def from_shape(shape: Shape | None, where: str, overrides: dict = {}) -> Kind:  # noqa: B006
    """What a service answers. `overrides`: fields at the top that Step Functions changes."""
    if shape is None:
        return Kind("object", where=where)
    if shape.type_name == "structure":
        if getattr(shape, "is_document_type", False):
            return ANY
        return Kind("object", overrides, shape=shape, where=where)
    if shape.type_name == "list":
        return Kind("list", items=from_shape(shape.member, f"{where}[]"), where=where)
    if shape.type_name == "map":
        return Kind("map", items=from_shape(shape.value, f"{where}.*"), where=where)
    return Kind(SCALARS[shape.type_name], where=where)


def one(kind: Kind) -> Kind:
    """What is met inside when a path goes on: JSONata walks through arrays by itself."""
    while kind.name in ("list", "sequence"):
        kind = kind.items or ANY
    return either([one(option) for option in kind.fields["options"]]) if kind.name == "either" else kind


def member(kind: Kind, name: str) -> Kind | None:
    """A field, or None where there is none of this name."""
    if kind.name == "any":
        return ANY
    if kind.name == "either":
        found = [inner for option in kind.fields["options"] if (inner := member(one(option), name)) is not None]
        return either(found) if found else None
    if kind.name == "map":
        return kind.items
    if kind.name == "object":
        if name in kind.fields:
            return kind.fields[name]
        for original, shape in (kind.shape.members if kind.shape is not None else {}).items():
            if pascal(original) == name:
                return from_shape(shape, f"{kind.where}.{name}")
        return None
    return None


def either(options: list) -> Kind:
    """One of several: a variable that is assigned in several places."""
    options = [inner for o in options for inner in (o.fields["options"] if o.name == "either" else (o,))]
    distinct = list({repr((o.name, o.where, sorted(o.fields), o.items)): o for o in options}.values())
    if any(option.name == "any" for option in distinct):
        return ANY
    if len(distinct) == 1:
        return distinct[0]
    return Kind("either", {"options": tuple(distinct)}) if distinct else ANY


def names(kind: Kind) -> set:
    """Which of the names it can have."""
    if kind.name == "either":
        return {name for option in kind.fields["options"] for name in names(option)}
    return {kind.name}
