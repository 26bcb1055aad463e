#!/usr/bin/env python3
"""parameters.py WORDS: what `make` was given as PARAMETERS, one Key=Value on each line.

WORDS are such already, or name a JSON file, `{"Key": "Value"}`, whose values may have spaces in them.
"""

import json
import sys
from pathlib import Path


class Refused(Exception):
    """What is no list of parameters."""


def parameters(words: str) -> list[str]:
    if not words.strip().endswith(".json"):
        return words.split()
    path = Path(words.strip())
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Refused(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(given, dict):
        raise Refused(f'{path} is no object such as {{"Key": "Value"}}')
    for name, value in given.items():
        if not isinstance(value, str) or "\n" in value:
            raise Refused(f"{path}: the value of {name} is no text on one line")
    return [f"{name}={value}" for name, value in given.items()]


def main() -> int:
    try:
        listed = parameters(" ".join(sys.argv[1:]))
        wrong = [word for word in listed if "=" not in word]
        if wrong:
            raise Refused(f"{wrong[0]} is no Key=Value; values with spaces go into a JSON file")
    except Refused as why:
        print(f"PARAMETERS: {why}", file=sys.stderr)
        return 1
    print("\n".join(listed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
