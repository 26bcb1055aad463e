use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use oci::Repository;

use crate::Side;
use crate::v2::Permission;

/// What a token is for (Docker's token authentication specification, "Token Scope Documentation"): resources, as
/// `repository:myapp/api`, and what may be done to each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Scope(BTreeMap<String, BTreeSet<String>>);

impl Scope {
    /// What a request needs. A target is read for the sake of writing it, and one token does for both.
    pub(super) fn of(permission: Permission<'_>, side: Side) -> Self {
        match permission {
            Permission::PullBlob(repository) | Permission::PullManifest(repository) if side != Side::Target => {
                Self::pull(repository)
            }
            Permission::PullBlob(repository)
            | Permission::PullManifest(repository)
            | Permission::PushBlob(repository)
            | Permission::PushManifest(repository) => Self::push(repository),
            Permission::MountBlob { into, from } => Self::push(into).and(Self::pull(from)),
        }
    }

    /// To read a repository.
    pub(super) fn pull(repository: &Repository) -> Self {
        Self::parse(&format!("repository:{repository}:pull"))
    }

    /// To write it, and to read it as well.
    pub(super) fn push(repository: &Repository) -> Self {
        Self::parse(&format!("repository:{repository}:pull,push"))
    }

    /// What one challenge asks for.
    pub(super) fn parse(text: &str) -> Self {
        let resources = text.split_ascii_whitespace().map(|resource| match resource.rsplit_once(':') {
            Some((resource, actions)) => (resource.to_owned(), actions.split(',').map(str::to_owned).collect()),
            None => (resource.to_owned(), BTreeSet::new()),
        });
        Self(resources.collect())
    }

    /// Both.
    pub(super) fn and(mut self, other: Self) -> Self {
        for (resource, actions) in other.0 {
            self.0.entry(resource).or_default().extend(actions);
        }
        self
    }

    /// Whether whatever needs `other` can be done with this.
    pub(super) fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|(resource, actions)| self.0.get(resource).is_some_and(|own| own.is_superset(actions)))
    }

    /// Whether this is of no particular resource, as the one scope of public.ecr.aws, `aws`.
    pub(super) fn is_global(&self) -> bool {
        !self.0.is_empty() && self.0.values().all(BTreeSet::is_empty)
    }

    /// Each resource as it is asked for.
    pub(super) fn resources(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(resource, actions)| {
            let actions: Vec<_> = actions.iter().map(String::as_str).collect();
            if actions.is_empty() { resource.clone() } else { format!("{resource}:{}", actions.join(",")) }
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.resources().collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_written_joined_and_compared() {
        let [a, b] = ["a", "b/c"].map(|name| name.parse::<Repository>().unwrap());
        assert_eq!(Scope::pull(&a).to_string(), "repository:a:pull");
        assert_eq!(Scope::push(&a).and(Scope::pull(&a)), Scope::push(&a));
        let mount = Scope::push(&a).and(Scope::pull(&b));
        assert_eq!(mount.to_string(), "repository:a:pull,push repository:b/c:pull");
        assert!(mount.covers(&Scope::push(&a)) && mount.covers(&Scope::pull(&b)) && !mount.covers(&Scope::push(&b)));
        assert!(!Scope::pull(&a).covers(&Scope::push(&a)) && Scope::pull(&a).covers(&Scope::default()));
        assert_eq!(Scope::parse("repository:host:5000/a:push,pull").to_string(), "repository:host:5000/a:pull,push");
        assert_eq!(Scope::parse("aws").to_string(), "aws");
        assert!(!Scope::parse("registry:catalog:*").is_global());
        assert!(Scope::parse("aws").is_global() && !mount.is_global() && !Scope::default().is_global());
    }
}
