//! The logins of one registry: for all of it, and for repositories below a path (containers-auth.json(5), "Format").

use std::fmt;

use oci::{Repository, Secrets};

use super::Login;

static ANONYMOUS: Login = Login::Anonymous;

/// The logins of one registry, the first that is for a repository being its.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Logins(Vec<(Option<String>, Login)>);

impl Logins {
    /// These, each for the repositories below a path, or for all, in the order in which they are looked at.
    #[must_use]
    pub fn new(logins: Vec<(Option<String>, Login)>) -> Self {
        Self(logins)
    }

    /// The login for a repository, as the registry knows it.
    #[must_use]
    pub fn of(&self, repository: &Repository) -> &Login {
        let is_below = |path: &String| {
            let rest = repository.as_str().strip_prefix(path.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.find(|path| path.as_ref().is_none_or(is_below))
    }

    /// The login for what is of no repository.
    #[must_use]
    pub fn of_registry(&self) -> &Login {
        self.find(Option::is_none)
    }

    /// What no message may repeat of them.
    pub(super) fn secrets(&self) -> Vec<Secrets> {
        self.0.iter().map(|(_, login)| login.secrets()).collect()
    }

    /// Whether there is none.
    pub(super) fn is_anonymous(&self) -> bool {
        self.0.iter().all(|(_, login)| *login == Login::Anonymous)
    }

    fn find(&self, is_it: impl Fn(&Option<String>) -> bool) -> &Login {
        self.0.iter().find(|(path, _)| is_it(path)).map_or(&ANONYMOUS, |(_, login)| login)
    }
}

impl From<Login> for Logins {
    fn from(login: Login) -> Self {
        Self(vec![(None, login)])
    }
}

/// Without a secret.
impl fmt::Display for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter().map(|(path, login)| match path {
            None => login.to_string(),
            Some(path) => format!("{login} for {path}"),
        });
        f.write_str(&shown.collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logins({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_for_a_repository_counts() {
        let login =
            |user: &str| Login::Basic { user: user.into(), password: "s3cret".into(), from: "auth.json".into() };
        let path = |path: &str, user: &str| (Some(path.to_owned()), login(user));
        let logins = Logins::new(vec![path("org/team", "team"), path("org", "org"), (None, login("all"))]);
        for (repository, user) in
            [("org/team/app", "team"), ("org/team", "team"), ("org/teams", "org"), ("org", "org"), ("organ/a", "all")]
        {
            assert_eq!(*logins.of(&repository.parse().unwrap()), login(user), "{repository}");
        }
        assert_eq!(*logins.of_registry(), login("all"));
        let only = Logins::new(vec![path("org", "org")]);
        assert_eq!((only.of(&"a".parse().unwrap()), only.of_registry()), (&Login::Anonymous, &Login::Anonymous));
        assert!(!only.is_anonymous() && Logins::default().is_anonymous());
        assert!(!format!("{logins:?}").contains("s3cret"));
    }
}
