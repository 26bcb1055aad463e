"""Results as they are kept, as JSON."""

import json
import os
import platform
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from harness import place
from pipeline.processes import ROOT
from results import Row

KEPT = ROOT / "target/bench/results.json"


@dataclass
class Kept:
    """The machine, and rows by their names. A case that is measured again replaces what was there of it."""

    machine: dict = field(default_factory=dict)
    rows: dict[str, dict] = field(default_factory=dict)

    @staticmethod
    def load(path: Path = KEPT) -> "Kept":
        return Kept(**json.loads(path.read_text())) if path.exists() else Kept()

    def add(self, row: Row, session: dict) -> None:
        self.rows[row.name] = {**row.to_json(), **session}

    def save(self, path: Path = KEPT) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"machine": self.machine, "rows": self.rows}, indent=1) + "\n")

    def results(self) -> dict[str, Row]:
        return {name: Row.from_json(name, body) for name, body in self.rows.items()}


def machine() -> dict:
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    memory = Path("/proc/meminfo").read_text().split()[1]
    return {
        "processor": models[0].split(":")[1].strip() if models else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(int(memory) / (1 << 20)),
        "kernel": platform.release().split("-")[0],
        "storage": "in memory" if place(1 << 30) else "on a disk",
    }


def session(rounds: int, versions: dict) -> dict:
    """When and with what a case is measured."""
    said = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return {
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "commit": said.stdout.strip() or "an unknown commit",
        "rounds": rounds,
        "versions": versions,
    }
