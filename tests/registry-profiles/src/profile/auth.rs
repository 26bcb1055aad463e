//! Who is let in.

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
