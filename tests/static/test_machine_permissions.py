"""Each machine's role grants what its calls need, and no more."""

import json

import pytest

from static import grants
from static.parameter_sets import INSTALLATIONS, bucket_of, installed, key_of, machines_of
from static.template import Template


def difference(installation: Template) -> dict:
    """By machine: what is missing and what is idle."""
    found = {}
    for name, (machine, values) in machines_of(installation).items():
        needed = grants.needs(machine, values, bucket_of(installation), key_of(installation))
        granted = {grant.pair for grant in grants.grants(installation, grants.role_of(installation, name))}
        for title, pairs in (("missing", needed - granted), ("idle", granted - needed)):
            if pairs:
                found[f"{machine.name}, {title}"] = sorted(pairs)
    return found


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_a_machine_is_granted_what_its_calls_need_and_no_more(name):
    installation = installed(name)
    assert machines_of(installation)
    found = difference(installation)
    assert found == {}, json.dumps(found, indent=1)
