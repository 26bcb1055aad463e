"""`make bench`: what Transship costs, side by side with its peers, and whether that is what it has to be.

    bench [CASE...]     measures the cases, all if none is named, and keeps the results in target/bench
    bench --docs        brings the results that are kept into docs

ROUNDS in the environment is how often everybody does it, 3 if it is not set. Peers are skopeo, and crane and regctl if
they are on the PATH. Status 1 if something is not reached.
"""

import os
import sys
import time

import page
from contestants import Transship, peers
from harness import Bench
from kept import KEPT, Kept, machine, session
from pipeline.processes import exit_on_sigterm
from results import lines
from rows import CASES


def measure(names: list[str]) -> int:
    bench = Bench(int(os.environ.get("ROUNDS") or 3), peers())
    versions = {each.name: each.version() for each in [Transship, *bench.peers]}
    # Of all cases nothing is kept from before.
    kept, checks = Kept.load() if names else Kept(), []
    kept.machine = machine()
    for name in names or CASES:
        begin = time.monotonic()
        for row in CASES[name](bench):
            print("\n".join(lines(row)), flush=True)
            kept.add(row, session(bench.rounds, versions))
            checks += [(row, check) for check in row.checks]
        # After each case, so that one that fails takes none with it.
        kept.save()
        print(f"({name}: {time.monotonic() - begin:.0f} s)\n", flush=True)
    missed = [(row, check) for row, check in checks if not check.reached]
    print(f"{len(checks) - len(missed)} of {len(checks)} reached. All figures: {KEPT}")
    for row, check in missed:
        figure, limit = check.shown()
        print(f"NOT REACHED  {row.title}: {check.what}: {figure} (at most {limit})")
    return 1 if missed else 0


def main(words: list[str]) -> int:
    exit_on_sigterm()
    if words == ["--docs"]:
        page.write(Kept.load())
        return 0
    if unknown := [word for word in words if word not in CASES]:
        print(f"no such case: {' '.join(unknown)}; there are {' '.join(CASES)}", file=sys.stderr)
        return 2
    return measure(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
