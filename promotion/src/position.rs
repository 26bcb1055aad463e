//! Positions of targets and of steps, each a type of its own.
//!
//! A position comes from the list that it belongs to. One that leads nowhere is a bug, and ends the program: passed
//! over in silence, a tag would not be written and the promotion would succeed.

use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// Where something is in a [`Table`], and in every other one of the same kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Position<Kind>(usize, PhantomData<Kind>);

/// A list that is read by its own positions only.
#[derive(Debug, Clone)]
pub(crate) struct Table<Kind, T>(Vec<T>, PhantomData<Kind>);

/// The kind of lists with one entry for each target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum OfTarget {}

/// The kind of lists with one entry for each step of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum OfStep {}

pub(crate) type TargetId = Position<OfTarget>;
pub(crate) type Targets<T> = Table<OfTarget, T>;
pub(crate) type StepId = Position<OfStep>;
pub(crate) type Steps<T> = Table<OfStep, T>;

#[cfg(test)]
impl<Kind> Position<Kind> {
    pub(crate) fn at(number: usize) -> Self {
        Self(number, PhantomData)
    }
}

impl<Kind, T> Table<Kind, T> {
    /// Adds an entry, and gives its position.
    pub(crate) fn push(&mut self, entry: T) -> Position<Kind> {
        self.0.push(entry);
        Position(self.0.len() - 1, PhantomData)
    }

    /// The entries with their positions.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Position<Kind>, &T)> {
        self.0.iter().enumerate().map(|(at, entry)| (Position(at, PhantomData), entry))
    }

    /// The entries alone.
    pub(crate) fn as_slice(&self) -> &[T] {
        &self.0
    }

    /// A list of the same kind, made of what becomes of each entry.
    pub(crate) fn map<'t, U>(&'t self, each: impl FnMut(&'t T) -> U) -> Table<Kind, U> {
        self.0.iter().map(each).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<Kind, T> Default for Table<Kind, T> {
    fn default() -> Self {
        Self(vec![], PhantomData)
    }
}

impl<Kind, T> FromIterator<T> for Table<Kind, T> {
    fn from_iter<I: IntoIterator<Item = T>>(entries: I) -> Self {
        Self(entries.into_iter().collect(), PhantomData)
    }
}

impl<Kind, T> Index<Position<Kind>> for Table<Kind, T> {
    type Output = T;

    #[expect(clippy::indexing_slicing, reason = "a wrong position has to be noticed")]
    fn index(&self, at: Position<Kind>) -> &T {
        &self.0[at.0]
    }
}

impl<Kind, T> IndexMut<Position<Kind>> for Table<Kind, T> {
    #[expect(clippy::indexing_slicing, reason = "a wrong position has to be noticed")]
    fn index_mut(&mut self, at: Position<Kind>) -> &mut T {
        &mut self.0[at.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_one_kind_share_their_positions() {
        let mut names = Targets::default();
        let (one, two) = (names.push("one"), names.push("two"));
        let lengths = names.map(|name| name.len());
        assert_eq!((names[one], names[two], lengths[two]), ("one", "two", 3));
        assert_eq!(names.iter().map(|(at, _)| at).collect::<Vec<_>>(), [one, two]);
    }

    #[test]
    #[should_panic(expected = "index out of bounds")]
    fn a_position_that_leads_nowhere_is_noticed() {
        let at = Targets::default().push("one");
        let _ = Targets::<&str>::default()[at];
    }
}
