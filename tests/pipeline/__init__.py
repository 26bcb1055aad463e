"""End to end: the real bootstraps, on a local AWS of two accounts and a strict ECR double."""
