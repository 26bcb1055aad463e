"""The table of SECURITY.md names every role and policy of the templates, who may take it on, and all that it may do."""

import re

from static import errors, grants, template
from static.parameter_sets import INSTALLATIONS, installed

SERVICES = {"events": "EventBridge", "lambda": "Lambda", "states": "Step Functions", "cloudformation": "CloudFormation"}
TARGETS = {"DeployerAccount": "111122223333", "StackSetExecutionPolicyArn": "arn:aws:iam::aws:policy/PowerUserAccess"}


def templates() -> list:
    """Every way to install both templates, so that everything they can make is made once."""
    target = [template.load(template.TARGET, Purpose=purpose, **TARGETS) for purpose in ("target", "both")]
    return [installed(name) for name in INSTALLATIONS] + target


def actions(document: dict) -> set:
    allowed = [statement for statement in document["Statement"] if statement["Effect"] == "Allow"]
    return {action for statement in allowed for action in grants.listed(statement["Action"])}


def of_the_templates() -> dict:
    """By the name in the template: its own actions, and the names of the policies that it has besides."""
    found = {}
    for made in templates():
        policies = made.of_type("AWS::IAM::ManagedPolicy")
        for name, policy in policies.items():
            found.setdefault(name, set()).update(actions(policy["Properties"]["PolicyDocument"]))
        for name, role in made.of_type("AWS::IAM::Role").items():
            properties = role["Properties"]
            own = found.setdefault(name, set())
            for policy in properties.get("Policies", []):
                own |= actions(policy["PolicyDocument"])
            own |= {policy for policy in policies if made.arn(policy) in properties.get("ManagedPolicyArns", [])}
    return found


def of_the_document() -> dict:
    """The first cell's name, and the cells behind it."""
    rows = errors.rows(errors.section("SECURITY.md", "Who may do what"))
    names = [errors.CODE.search(row[0])[1] for row in rows]
    assert len(names) == len(set(names)), "a role is listed twice"
    return {name: row[1:] for name, row in zip(names, rows, strict=True)}


def test_every_role_and_policy_stands_there_with_all_that_it_may():
    expected, documented = of_the_templates(), of_the_document()
    assert set(documented) == set(expected)
    assert {"PromotionRole", "DeployStackRole", "MachinePolicy"} <= set(expected)
    for name, may in expected.items():
        assert set(errors.CODE.findall(documented[name][1])) == may, name


def test_who_may_take_a_role_on_stands_there():
    documented = of_the_document()
    for made in templates():
        for name, role in made.of_type("AWS::IAM::Role").items():
            for statement in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
                principal = statement["Principal"]
                for service in grants.listed(principal.get("Service", [])):
                    assert SERVICES[service.split(".")[0]] in documented[name][0], f"{name}: {service}"
                trusted = {arn.split("dev-aws-deployer-")[1] for arn in grants.listed(principal.get("AWS", []))}
                assert set(errors.CODE.findall(documented[name][0])) == trusted, name
                assert principal.keys() <= {"Service", "AWS"}, name


def test_what_no_role_may_is_so():
    everything = set().union(*of_the_templates().values())
    forbidden = re.compile(
        r"ecr:(.*Delete|Create|Set|PutLifecycle|PutRegistry)|secretsmanager:|ssm:GetParameters|iam:(?!PassRole)"
    )
    assert not [action for action in everything if forbidden.match(action)]
    writers = [name for name, may in of_the_templates().items() if any("ecr:Put" in action for action in may)]
    assert writers == ["PromotionRole"]


def test_the_limits_that_it_names_are_those_of_the_code():
    text = (errors.ROOT / "SECURITY.md").read_text()
    for path, constant, value, words in (
        ("promotion/src/manifest_store.rs", "READ_BYTES: usize", "128 << 20", "128 MiB"),
        ("oci/src/manifest.rs", "MAX_MANIFEST_BYTES: usize", "4 << 20", "held to 4 MiB"),
        ("oci/src/lib.rs", "MAX_INDEX_DEPTH: usize", "8", "indexes to 8 levels"),
        ("promotion/src/survey/referrers.rs", "MAX_REFERRER_DEPTH: usize", "8", "referrers to 8"),
        ("registry/src/http/redirect.rs", "HOPS: usize", "4", "5 requests for a redirect"),
        ("registry/src/v2/page.rs", "PAGE_BYTES: usize", "4 << 20", "4 MiB for a list"),
        ("registry/src/v2/tags.rs", "PAGES: usize", "20", "20 pages of tags"),
        ("registry/src/v2/referrers.rs", "PAGES: usize", "100", "100 of referrers"),
        ("registry/src/distribution/token.rs", "ANSWER_BYTES: usize", "64 << 10", "64 KiB for a token"),
        ("registry/src/ecr/answer_limit.rs", "ECR: Self", "Self::new(16 << 20)", "16 MiB for an API of AWS"),
        ("registry/src/http/failure.rs", "ERROR_BYTES: usize", "64 << 10", "64 KiB for"),
        ("registry/src/http/body.rs", "LEAST: usize", "64 << 10", "64 KiB of a blob"),
        ("registry/src/http/timeouts.rs", "piece", "Duration::from_secs(30)", "30 seconds for"),
    ):
        code = (errors.ROOT / path).read_text()
        said = f"const {constant} = {value};" if ":" in constant else f"{constant}: {value},"
        assert said in code, f"{path}: {constant}"
        assert words in " ".join(text.split()), words
