use promotion::{Content, Digest, Error, Manifest, Name, Put, Reference, Repository, Tag};

use super::Distribution;
use super::scene::Attempt;
use super::scope::Scope;
use crate::attempt::Scene as _;
use crate::http::{self, Failure, Refusal};
use crate::kind::{Kind, kind};
use crate::lacking::lacking;

impl Distribution {
    /// Writes a manifest under its tag, or under its digest if it gets none.
    pub(super) async fn push_manifest(
        &self,
        repository: &Repository,
        manifest: &Manifest,
        tag: Option<&Tag>,
    ) -> Result<Put, Error> {
        let (doing, reference) = match tag {
            Some(tag) => {
                (format!("putting manifest {} with tag {tag}", manifest.digest()), Reference::Tag(tag.clone()))
            }
            None => (format!("putting manifest {}", manifest.digest()), Reference::Digest(manifest.digest())),
        };
        let attempt = self.scene().attempt("write", Some(repository), doing).or_absent(Kind::NoRepository);
        let (path, reference) = (&self.path(repository), &reference);
        let pushed = self
            .enter(Scope::push(path), |pass| async move {
                http::push(self.http(), &pass.credential, path, reference, manifest).await
            })
            .await;
        match pushed {
            Ok(()) => Ok(Put::Stored),
            Err(Failure::Refused(refusal)) => {
                self.refused_manifest(&attempt, repository, manifest, tag, &refusal).await
            }
            Err(failure) => Err(attempt.failed(failure)),
        }
    }

    async fn refused_manifest(
        &self,
        attempt: &Attempt<'_>,
        repository: &Repository,
        manifest: &Manifest,
        tag: Option<&Tag>,
        refusal: &Refusal,
    ) -> Result<Put, Error> {
        match (refusal.code.as_str(), tag) {
            (_, Some(tag)) if is_about_tag(refusal) => {
                self.holds(attempt, repository, manifest.digest(), tag, refusal).await
            }
            ("MANIFEST_BLOB_UNKNOWN" | "BLOB_UNKNOWN" | "MANIFEST_UNKNOWN" | "BLOB_UPLOAD_UNKNOWN", _) => {
                Ok(match **manifest.content() {
                    Content::Index { .. } => Put::LacksManifests,
                    Content::Image { .. } => Put::LacksBlobs(lacking(&refusal.digests, manifest)),
                })
            }
            _ if matches!(refusal.status, 405 | 413) || matches!(kind(refusal), Kind::Invalid | Kind::Limit) => {
                let why = format!(
                    "the registry does not take this manifest ({}, {} bytes): {}. It may not know this media type, or have a limit of its own",
                    manifest.media_type(),
                    manifest.raw().len(),
                    refusal.told()
                );
                Err(attempt.error(Name::RegistryLimit, &why))
            }
            // The digest was computed from what was sent. Debian's docker-registry says so while somebody else puts the same manifest: it reads
            // what it is still writing.
            _ if kind(refusal) == Kind::Corrupt => Err(attempt.refused(refusal).temporary()),
            _ => Err(attempt.refused(refusal)),
        }
    }

    /// Whether a tag that may not move holds this digest, which is as good as having put it.
    async fn holds(
        &self,
        attempt: &Attempt<'_>,
        repository: &Repository,
        digest: Digest,
        tag: &Tag,
        refusal: &Refusal,
    ) -> Result<Put, Error> {
        match self.look_up(repository, &Reference::Tag(tag.clone())).await? {
            Some(held) if held.digest() == digest => Ok(Put::Stored),
            Some(held) => Err(attempt.error(
                Name::TagConflict,
                &format!(
                    "tag {tag} holds {} and may not move to {digest}: {}. {}",
                    held.digest(),
                    refusal.told(),
                    if tag.as_str().starts_with("sha256-") {
                        "Such a tag moves whenever somebody signs the image again: exclude `sha256-*` from the rule of the registry that keeps \
                         tags where they are, or leave referrers behind"
                    } else {
                        "Release under a new tag, or exclude this one from the rule of the registry that keeps tags where they are"
                    }
                ),
            )),
            // Two that write the same tag at once, say.
            None => Err(attempt.error(Name::RegistryUnavailable, &refusal.told())),
        }
    }
}

/// Whether a tag was refused because it exists. The specification has no code for it: Harbor answers 412 "configured as immutable", quay.io 409,
/// Artifact Registry 400 "tag immutability", ECR `TAG_INVALID`.
fn is_about_tag(refusal: &Refusal) -> bool {
    let message = refusal.message.to_ascii_lowercase();
    matches!(refusal.status, 409 | 412)
        || matches!(refusal.code.as_str(), "TAG_INVALID" | "TAG_IMMUTABLE")
        || message.contains("immutab")
        || message.contains("cannot be overwritten")
}
