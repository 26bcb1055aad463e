#!/usr/bin/env bash
# deploy.sh: what `make deploy` does once the packages are made. ENV, ARCH, PACKAGES and CODE_BUCKET are set; MODE and
# PARAMETERS may be.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${CODE_BUCKET:?is not set: name an S3 bucket of yours in the region to deploy to, for packages and definitions}"

# CloudFormation looks at the names of objects, not at what is in them: what is new goes to a new place.
prefix=transship/$(tools/package.py digest "$PACKAGES"/*.zip statemachines/*.asl.json)
echo "Uploading to s3://$CODE_BUCKET/$prefix"
aws s3 cp --only-show-errors --recursive --exclude '*' --include '*.zip' "$PACKAGES" "s3://$CODE_BUCKET/$prefix"
aws s3 cp --only-show-errors --recursive --exclude '*' --include '*.asl.json' statemachines \
    "s3://$CODE_BUCKET/$prefix/statemachines"

# A name of repositories may hold a *.
set -f
# Parameters that are not given keep the values that they have, the first time those of the template.
# shellcheck disable=SC2086
aws cloudformation deploy --stack-name "$ENV-aws-deployer" --template-file cloudformation.template \
    --s3-bucket "$CODE_BUCKET" --s3-prefix "$prefix" --capabilities CAPABILITY_IAM CAPABILITY_NAMED_IAM \
    --no-fail-on-empty-changeset --parameter-overrides Environment="$ENV" Architecture="$ARCH" \
    CodeBucket="$CODE_BUCKET" CodePrefix="$prefix" ${MODE:+DeploymentMode="$MODE"} ${PARAMETERS:-}
aws cloudformation describe-stacks --stack-name "$ENV-aws-deployer" --query 'Stacks[0].Outputs[].[OutputKey,OutputValue]' \
    --output table
