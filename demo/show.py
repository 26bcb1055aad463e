"""Prints for people: sections, tables, human sizes, short digests."""

import textwrap

WIDTH = 110


def section(title: str) -> None:
    print(f"\n{title}\n{'-' * len(title)}", flush=True)


def say(text: str) -> None:
    print(textwrap.fill(text, WIDTH), flush=True)


def table(headings: tuple, rows: list, indent: str = "  ") -> None:
    cells = [tuple(str(cell) for cell in row) for row in (headings, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    for row in cells:
        print(indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def size(count: int) -> str:
    amount, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while amount >= 1000 and len(units) > 1:
        amount /= 1000
        units.pop(0)
    return f"{count} B" if units[0] == "B" else f"{amount:.1f} {units[0]}"


def short(digest: str) -> str:
    return digest[: len("sha256:") + 12]


def quote(text: str) -> None:
    for line in text.splitlines():
        print(textwrap.fill(line, WIDTH, initial_indent="  | ", subsequent_indent="  | ") if line else "  |")
