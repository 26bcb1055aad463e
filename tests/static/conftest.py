import pytest

from static import definitions

FIGURES = pytest.StashKey[dict]()


def pytest_configure(config):
    config.stash[FIGURES] = {}


def pytest_terminal_summary(terminalreporter, config):
    """The figures that docs/operations.md cites."""
    figures = config.stash[FIGURES]
    if figures:
        terminalreporter.section("the longest histories and the largest data")
        for name in sorted(figures):
            terminalreporter.line(f"{name}: {figures[name]}")


@pytest.fixture(scope="session")
def figures(request):
    return request.config.stash[FIGURES]


@pytest.fixture(scope="session")
def machines():
    """All definitions by name. None at all would make every check pass."""
    loaded = definitions.load()
    assert loaded, f"no machine in {definitions.FOLDER}"
    return loaded


@pytest.fixture(scope="session")
def deployed():
    """The machines by the names that they are deployed with: of the pipeline only what is come to in each mode."""
    return definitions.deployed()


@pytest.fixture(scope="session")
def states(machines):
    return [state for machine in machines.values() for state in machine.states]
