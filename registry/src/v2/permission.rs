use oci::Repository;

/// What a request to `/v2` has to be allowed. Repositories are named as the registry knows them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Permission<'a> {
    /// To read blobs of a repository.
    PullBlob(&'a Repository),
    /// To read its manifests, and lists of them.
    PullManifest(&'a Repository),
    /// To upload blobs to it.
    PushBlob(&'a Repository),
    /// To write manifests to it.
    PushManifest(&'a Repository),
    /// To give a repository a blob of another one.
    MountBlob { into: &'a Repository, from: &'a Repository },
}

impl<'a> Permission<'a> {
    /// The repository that the request is for.
    pub(crate) fn repository(self) -> &'a Repository {
        match self {
            Self::PullBlob(repository)
            | Self::PullManifest(repository)
            | Self::PushBlob(repository)
            | Self::PushManifest(repository)
            | Self::MountBlob { into: repository, .. } => repository,
        }
    }
}
