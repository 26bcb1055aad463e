//! How registries differ, as data.
//!
//! [`Profile::specified`] is a registry of the distribution specification, version 1.1, with nothing left out. A profile
//! of a real one changes that where a public source says so.

mod auth;
mod lists;
mod refusal;

pub use auth::{Auth, Bearer, Insufficient, Scope};
pub use lists::{Link, Listed, Referrers, Tags};
pub use refusal::{Body, Refusal};

/// How one registry answers.
#[derive(Debug, Clone)]
pub struct Profile {
    /// What it is called in `docs/registries.md`.
    pub name: &'static str,
    /// Who is let in, and how.
    pub auth: Auth,
    /// What is said of what is not there.
    pub absent: Absent,
    /// How manifests are served and taken.
    pub manifests: Manifests,
    /// How blobs are served.
    pub blobs: Blobs,
    /// How uploads are opened.
    pub uploads: Uploads,
    /// What a mount of a sibling's blob is answered with.
    pub mounts: Mounts,
    /// How tags are listed.
    pub tags: Tags,
    /// How referrers are listed.
    pub referrers: Referrers,
    /// A tag that exists may not move: what an attempt is answered with.
    pub immutable: Option<Refusal>,
    /// How long what was written stays unseen.
    pub lag: Lag,
    /// Each request is refused like this when it is made for the first time.
    pub throttle: Option<Refusal>,
    /// Where another host answers for it.
    pub front: Front,
}

/// What is said of what is not there.
#[derive(Debug, Clone)]
pub struct Absent {
    /// Of a repository.
    pub repository: Refusal,
    /// Of a manifest or tag.
    pub manifest: Refusal,
    /// Of a blob.
    pub blob: Refusal,
}

/// How manifests are served and taken.
#[derive(Debug, Clone)]
pub struct Manifests {
    /// Whether a GET says the digest.
    pub get_has_digest: bool,
    /// Whether the answer to a PUT says where the manifest is.
    pub put_has_location: bool,
    /// The status of the answer to a PUT.
    pub put_status: u16,
    /// The longest that is taken, in bytes.
    pub limit: usize,
    /// The media types that are taken, and what is said to others; nothing where all are.
    pub media_types: Option<(&'static [&'static str], Refusal)>,
    /// Whether a tag that is a digest with a dash means that digest, where there is no such tag.
    pub dash_is_digest: bool,
    /// What a manifest is answered with whose blobs, or children, are not there.
    pub lacking: Refusal,
    /// A manifest whose subject is not there is refused like this.
    pub subject_first: Option<Refusal>,
    /// A manifest that is there already is refused like this, when it is put by digest.
    pub again: Option<Refusal>,
    /// Whether a PUT says that the subject was seen (`OCI-Subject`).
    pub says_subject: bool,
    /// A tag may not go from an image to an index or back: it is refused like this.
    pub keeps_media_type: Option<Refusal>,
}

/// How blobs are served.
#[derive(Debug, Clone)]
pub struct Blobs {
    /// The status of a redirect to storage; nothing where the registry serves them itself.
    pub redirect: Option<u16>,
    /// What a HEAD is answered with.
    pub head: Head,
    /// Whether ranges are heeded.
    pub has_ranges: bool,
    /// Whether the length is said.
    pub has_length: bool,
}

/// What the HEAD of a blob is answered with.
#[derive(Debug, Clone, Copy)]
pub enum Head {
    /// By the registry itself.
    Own,
    /// As a GET is; storage answers it.
    Redirected,
    /// As a GET is; storage knows the address for GET only, and answers 403.
    RefusedByStorage,
    /// This, whether the blob is there or not.
    Refused(Refusal),
}

/// How uploads are opened.
#[derive(Debug, Clone)]
pub struct Uploads {
    /// The path of an upload, with `NAME` and `ID` in it.
    pub path: &'static str,
    /// What follows the path.
    pub query: &'static str,
    /// Whether the location names the host.
    pub is_absolute: bool,
    /// The status of the answer when a blob has arrived.
    pub done_status: u16,
    /// A repository that nobody created is refused like this; nothing where the first push makes it.
    pub absent_repository: Option<Refusal>,
}

/// What a mount of a sibling's blob is answered with.
#[derive(Debug, Clone, Copy)]
pub enum Mounts {
    /// 201, or an upload where the sibling does not have it.
    Made,
    /// An upload, always.
    Declined,
    /// This.
    Refused(Refusal),
}

/// How long what was written stays unseen, counted in requests that ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// A new manifest is not there for so many.
    pub manifests: u32,
    /// A tag that was written points where it did for so many.
    pub tags: u32,
}

/// Where another host answers for the registry.
#[derive(Debug, Clone, Copy)]
pub enum Front {
    /// Nowhere.
    Whole,
    /// A server that leads every read to another registry, and takes nothing.
    Redirector {
        /// What anything but GET and HEAD is answered with.
        write: Refusal,
    },
}

impl Profile {
    /// A registry of the specification, open to everybody.
    #[must_use]
    pub const fn specified(name: &'static str) -> Self {
        Self {
            name,
            auth: Auth::Open,
            absent: Absent {
                repository: Refusal::error(404, "NAME_UNKNOWN", "repository name not known to registry"),
                manifest: Refusal::error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
                blob: Refusal::error(404, "BLOB_UNKNOWN", "blob unknown to registry"),
            },
            manifests: Manifests {
                get_has_digest: true,
                put_has_location: true,
                put_status: 201,
                limit: 4 << 20,
                media_types: None,
                dash_is_digest: false,
                lacking: Refusal::error(404, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry"),
                subject_first: None,
                again: None,
                says_subject: true,
                keeps_media_type: None,
            },
            blobs: Blobs { redirect: None, head: Head::Own, has_ranges: true, has_length: true },
            uploads: Uploads {
                path: "/v2/NAME/blobs/uploads/ID",
                query: "",
                is_absolute: false,
                done_status: 201,
                absent_repository: None,
            },
            mounts: Mounts::Made,
            tags: Tags {
                page: 1000,
                too_many: None,
                link: Link::Relative,
                refused: None,
                wants_json: None,
                none_is_null: false,
            },
            referrers: Referrers::Listed(Listed::SPECIFIED),
            immutable: None,
            lag: Lag { manifests: 0, tags: 0 },
            throttle: None,
            front: Front::Whole,
        }
    }
}
