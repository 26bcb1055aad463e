//! How registries differ, as data.
//!
//! [`Profile::specified`] is a registry of the distribution specification, version 1.1, with nothing left out. A profile
//! of a real one changes that where a public source says so.

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

/// Who is let in, and how.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Everybody.
    Open,
    /// Whoever shows the password with each request.
    Basic {
        /// The realm of the challenge.
        realm: &'static str,
    },
    /// Whoever has a token for the repository.
    Bearer(Bearer),
}

/// A token server (Docker's token authentication specification).
#[derive(Debug, Clone)]
pub struct Bearer {
    /// Where it is: a path.
    pub path: &'static str,
    /// Whether that is on a host of its own.
    pub is_elsewhere: bool,
    /// The service that a challenge names.
    pub service: &'static str,
    /// What a challenge asks for.
    pub scope: Scope,
    /// The member of the answer that holds the token.
    pub field: &'static str,
    /// How many seconds it says that a token lasts; nothing where it does not say.
    pub expires_in: Option<i64>,
    /// Whether everybody may pull.
    pub is_public: bool,
    /// Whether a token covers one repository only, the first one that it was asked for.
    pub is_narrow: bool,
    /// What a token that does not suffice is answered with.
    pub insufficient: Insufficient,
}

/// What a challenge asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// `repository:NAME:pull`, or `pull,push`.
    Repository,
    /// One word for everything, whatever the repository.
    Global(&'static str),
}

/// What a token that does not suffice is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insufficient {
    /// The same challenge again.
    Bearer,
    /// A challenge for a password.
    Basic,
}

/// An answer that is no success.
#[derive(Debug, Clone, Copy)]
pub struct Refusal {
    /// Its status.
    pub status: u16,
    /// Headers beside the content's own.
    pub headers: &'static [(&'static str, &'static str)],
    /// What it says.
    pub body: Body,
}

/// What an answer says.
#[derive(Debug, Clone, Copy)]
pub enum Body {
    /// Nothing.
    Empty,
    /// An error of the distribution specification: code and message.
    Error(&'static str, &'static str),
    /// JSON.
    Json(&'static str),
    /// A page for people.
    Html(&'static str),
    /// Plain text.
    Text(&'static str),
}

impl Refusal {
    /// As the specification says it.
    #[must_use]
    pub const fn error(status: u16, code: &'static str, message: &'static str) -> Self {
        Self { status, headers: &[], body: Body::Error(code, message) }
    }

    /// In other words.
    #[must_use]
    pub const fn other(status: u16, body: Body) -> Self {
        Self { status, headers: &[], body }
    }

    /// With these headers.
    #[must_use]
    pub const fn with(self, headers: &'static [(&'static str, &'static str)]) -> Self {
        Self { headers, ..self }
    }
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

/// How tags are listed.
#[derive(Debug, Clone)]
pub struct Tags {
    /// How many stand on a page at most.
    pub page: usize,
    /// More than a page at a time may not be asked for: it is refused like this.
    pub too_many: Option<Refusal>,
    /// How a page leads to the next one.
    pub link: Link,
    /// Nobody gets the list, but this.
    pub refused: Option<Refusal>,
    /// A request that does not accept JSON is refused like this.
    pub wants_json: Option<Refusal>,
    /// Whether the list of none is `null`.
    pub none_is_null: bool,
}

/// How a page leads to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// A path.
    Relative,
    /// With scheme and host.
    Absolute,
    /// A path with this parameter, whose value only the registry can read.
    Opaque(&'static str),
}

/// How referrers are listed.
#[derive(Debug, Clone, Copy)]
pub enum Referrers {
    /// By the registry.
    Listed(Listed),
    /// Not at all: this is answered.
    Refused(Refusal),
    /// Not at all: with this status it leads to another host, which answers this.
    LedAway(u16, Refusal),
}

/// How the registry lists them.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    /// Of a subject that is not there this is said; nothing for an empty list.
    pub absent_subject: Option<Refusal>,
    /// A request that does not accept an index is refused like this.
    pub wants_index: Option<Refusal>,
    /// Whether a referrer with a tag is listed twice.
    pub has_duplicates: bool,
    /// Whether the list of none is `null`.
    pub none_is_null: bool,
    /// How many stand on a page at most.
    pub page: usize,
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

impl Listed {
    /// As the specification has it.
    pub const SPECIFIED: Self =
        Self { absent_subject: None, wants_index: None, has_duplicates: false, none_is_null: false, page: usize::MAX };
}

impl Bearer {
    /// A token server at `/token` of the registry, which lets nobody in without a login.
    pub const SPECIFIED: Self = Self {
        path: "/token",
        is_elsewhere: false,
        service: "registry",
        scope: Scope::Repository,
        field: "token",
        expires_in: Some(300),
        is_public: false,
        is_narrow: false,
        insufficient: Insufficient::Bearer,
    };
}
