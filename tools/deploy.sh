#!/usr/bin/env bash
# deploy.sh: what `make deploy` and `make deploy-target` do. ENV is set; MODE and PARAMETERS may be.
#
# deploy.sh ready     says what is missing, before anything is built; CODE_BUCKET is set for it
# deploy.sh deploy    deploys the packages in PACKAGES, made for ARCH, by way of CODE_BUCKET
# deploy.sh target    prepares a target account
set -euo pipefail
cd "$(dirname "$0")/.."

missing() {
    echo "Not ready to deploy: $1" >&2
    exit 1
}

command -v aws >/dev/null || missing "the AWS CLI is not installed (https://aws.amazon.com/cli/)"
# One on each line: a value may have spaces in it, and a name of repositories a *.
listed=$(tools/parameters.py "${PARAMETERS:-}")
parameters=()
while IFS= read -r parameter; do
    if [ -n "$parameter" ]; then parameters+=("$parameter"); fi
done <<<"$listed"

# Deploys a stack; parameters that are not given keep the values that they have, the first time those of the template.
deploy() {
    local stack=$1
    shift
    aws cloudformation deploy --stack-name "$stack" --capabilities CAPABILITY_IAM CAPABILITY_NAMED_IAM \
        --no-fail-on-empty-changeset "$@" ${parameters[@]+"${parameters[@]}"}
}

outputs() {
    aws cloudformation describe-stacks --stack-name "$1" --query 'Stacks[0].Outputs[].[OutputKey,OutputValue]' --output "$2"
}

case $1 in
ready)
    [ -n "${CODE_BUCKET:-}" ] ||
        missing "CODE_BUCKET is not set: name an S3 bucket of yours in the region to deploy to, for packages and definitions"
    aws s3api head-bucket --bucket "$CODE_BUCKET" >/dev/null ||
        missing "the bucket $CODE_BUCKET (CODE_BUCKET) cannot be reached as who you are now, see above"
    ;;
deploy)
    # CloudFormation looks at the names of objects, not at what is in them: what is new goes to a new place.
    prefix=transship/$(tools/package.py digest "$PACKAGES"/*.zip statemachines/*.asl.json)
    echo "Uploading to s3://$CODE_BUCKET/$prefix"
    aws s3 cp --only-show-errors --recursive --exclude '*' --include '*.zip' "$PACKAGES" "s3://$CODE_BUCKET/$prefix"
    aws s3 cp --only-show-errors --recursive --exclude '*' --include '*.asl.json' statemachines \
        "s3://$CODE_BUCKET/$prefix/statemachines"
    deploy "$ENV-aws-deployer" --template-file cloudformation.template --s3-bucket "$CODE_BUCKET" --s3-prefix "$prefix" \
        --parameter-overrides Environment="$ENV" Architecture="$ARCH" CodeBucket="$CODE_BUCKET" CodePrefix="$prefix" \
        ${MODE:+DeploymentMode="$MODE"}
    outputs "$ENV-aws-deployer" table
    ;;
target)
    deploy "$ENV-aws-deployer-target" --template-file cloudformation-target.template --parameter-overrides Environment="$ENV"
    outputs "$ENV-aws-deployer-target" text
    ;;
*) missing "$1 is none of ready, deploy and target" ;;
esac
