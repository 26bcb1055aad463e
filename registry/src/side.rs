/// What a registry is used as: it decides how its failures are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Images are read from it: `SourceImageNotFound`, `SourceAccessDenied`.
    Source,
    /// Images are written to it: `TargetRepositoryNotFound`, `TargetAccessDenied`.
    Target,
    /// Images are pulled from it as a consumer would, to prove that they can be: `PullFailed`, `TargetAccessDenied`.
    Pull,
}
