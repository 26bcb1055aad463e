"""One local AWS for the whole run; every test has repositories and a release of its own."""

import contextlib
import itertools
import shutil
import tempfile
from pathlib import Path

import pytest

from pipeline import permissions, world
from pipeline.case import Case
from pipeline.mocks import Mocks
from pipeline.pipelines import machines_of
from pipeline.processes import exit_on_sigterm

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def local():
    exit_on_sigterm()
    # Short: a path of pytest's own making is kept after the run, and this one holds images.
    folder = Path(tempfile.mkdtemp(prefix="transship-test-"))
    try:
        with world.running(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def mocks(local):
    return Mocks(local.aws)


@pytest.fixture
def hold_to(local):
    """Changes what a role of an account may do on ECR, until the test ends or the role is changed again."""
    with contextlib.ExitStack() as stack:
        yield lambda *role_and_change: stack.enter_context(permissions.changed(local.ecr, local.aws, *role_and_change))


@pytest.fixture
def case(local, tmp_path):
    return Case(local, tmp_path, f"app{next(_numbers)}")


@pytest.fixture
def case_in(local, tmp_path):
    """Makes a case of an installation, with all its targets. What a test calls `app` is one."""
    return lambda which: Case(local, tmp_path, f"app{next(_numbers)}", which, which.targets)


@pytest.fixture
def machines(app):
    """Those of the installation of the test's `app`."""
    return machines_of(app.installation)
