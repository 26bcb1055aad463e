//! Sources that a pull-through cache of ECR fills: what was never pulled there has no digest yet, only its tag.

use super::source::{LEFT, not_found};
use super::*;

/// What is added where the source imports by tag.
pub(super) const IN_CACHE: &str = ". Where a pull-through cache of ECR fills the repository, pull the image there once by its tag: before that it is not found by its digest";

impl Survey {
    /// Reads by their tags what is not there by its digest. A tag that points to something else by now is no answer.
    pub(super) async fn read_by_tag<S: Source>(
        &mut self,
        absent: &HashSet<(Repository, Digest)>,
        source: &Arc<Retrying<S>>,
    ) {
        let images = self.images.iter().filter(|image| absent.contains(&(image.repository.clone(), image.digest)));
        let images: Vec<_> = images.cloned().collect();
        let wanted = images
            .iter()
            .map(|image| Wanted::new(&**source, &image.repository, Reference::Tag(image.tag.clone()), image));
        let mut answers = lookup_all(wanted.collect());
        let mut problems = Vec::new();
        while let Some(answer) = answers.next().await {
            if self.store.overflow().is_some() {
                return;
            }
            for (image, lookup) in self.answered(answer) {
                let error = match lookup {
                    Ok(Some(manifest)) if manifest.digest() == image.digest => {
                        self.store.insert(manifest);
                        continue;
                    }
                    Ok(Some(manifest)) => moved_away(image, manifest.digest(), source.name()),
                    Ok(None) => not_found(format_args!("{image}@{}", image.digest), source.name(), LEFT),
                    Err(error) => error,
                };
                problems.push((image, error));
            }
        }
        // It may have been there under another tag of the release.
        let unread = problems.into_iter().filter(|(image, _)| self.store.content(image.digest).is_none());
        let unread: Vec<_> = unread.map(|(_, error)| error).collect();
        self.problems.extend(unread);
    }
}

fn moved_away(image: &PinnedImage, found: Digest, place: &str) -> Error {
    let why = format!(
        "{image} in {place} points to {found} by now, and {}, to which it was pinned, is not there: pin the release anew, or push \
         the pinned image again",
        image.digest
    );
    Error::new(Name::DigestMismatch, why)
}
