use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use promotion::{Error, MAX_RELEASE_BYTES, Name, PinnedImage, Release};

use crate::aws_failure::{AwsFailure, NARROW_THE_DENY, causes};
use crate::pinned::{self, MAX_STORED_BYTES, Stored};
use crate::words::Text;
use crate::{Event, Pinned};

/// The file that says which images a release consists of.
const MANIFEST: &str = "deploy-manifest.json";

/// How the names of files with long lists of pinned images begin.
const PINNED: &str = "pinned";

/// The largest file of parameters that is read.
const MAX_PARAMETERS_BYTES: usize = 256 << 10;

enum S3Access {
    Read,
    Write,
}

/// The files of a release in S3.
#[derive(Debug, Clone, Copy)]
pub struct Artifacts<'a> {
    pub(crate) s3: &'a Client,
    pub(crate) event: &'a Event,
    pub(crate) partition: &'a str,
}

impl Artifacts<'_> {
    /// The release: what was pinned before, else what `deploy-manifest.json` lists; none if there is no such file.
    ///
    /// # Errors
    /// `InvalidManifest`; `InvalidInput` if something may not be read or is not there; `RegistryUnavailable` if S3 is
    /// not.
    pub async fn release(&self) -> Result<Option<Release>, Error> {
        match &self.event.pinned {
            // What check-manifest answers for a release without a manifest.
            Some(Pinned::Inline(images)) if images.is_empty() => Ok(None),
            Some(Pinned::Inline(images)) => Release::pinned(images.clone()).map(Some),
            Some(Pinned::Stored(stored)) => Release::pinned(self.pinned(stored).await?).map(Some),
            None => {
                let key = self.event.folder.file(MANIFEST);
                self.read(&key, MAX_RELEASE_BYTES, Name::InvalidManifest)
                    .await?
                    .map(|json| Release::parse(&json))
                    .transpose()
            }
        }
    }

    /// Puts the list of pinned images into the folder of the release.
    ///
    /// # Errors
    /// `InvalidInput` if it may not be written, `RegistryUnavailable` if S3 is not there.
    pub async fn store_pinned(&self, json: Vec<u8>) -> Result<Stored, Error> {
        let Event { env, sk, s3_bucket, folder, .. } = self.event;
        let build: String = sk
            .as_str()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
            .take(128)
            .collect();
        let key = folder.file(&format!("{PINNED}-{env}-{build}.json"));
        let put = self.s3.put_object().bucket(s3_bucket.as_str()).key(&key).content_type("application/json");
        if let Err(error) = put.body(ByteStream::from(json)).send().await {
            let failed = AwsFailure::of(&error);
            let what = format!("writing s3://{s3_bucket}/{key}");
            return Err(self.failure(&what, &failed, S3Access::Write).with_source(error));
        }
        let s3_key = Text::try_from(key).map_err(|why| Error::new(Name::InvalidInput, why))?;
        Ok(Stored { s3_bucket: s3_bucket.clone(), s3_key })
    }

    /// A file of parameters; none if there is no such file.
    pub(crate) async fn parameters(&self, file: &str) -> Result<Option<Vec<u8>>, Error> {
        self.read(&self.event.folder.file(file), MAX_PARAMETERS_BYTES, Name::InvalidInput).await
    }

    async fn pinned(&self, stored: &Stored) -> Result<Vec<PinnedImage>, Error> {
        stored.check(&self.event.s3_bucket, &self.event.folder)?;
        let file = format!("s3://{}/{}", stored.s3_bucket, stored.s3_key);
        match self.read(stored.s3_key.as_str(), MAX_STORED_BYTES, Name::InvalidInput).await? {
            Some(json) => pinned::decode(&file, &json),
            None => Err(Error::new(
                Name::InvalidInput,
                format!(
                    "the event, field \"pinned\": {file} does not exist: run check-manifest again, which writes it"
                ),
            )),
        }
    }

    /// Reads a file of at most `limit` bytes. Only S3's own NoSuchKey counts as missing.
    async fn read(&self, key: &str, limit: usize, too_large: Name) -> Result<Option<Vec<u8>>, Error> {
        let bucket = &self.event.s3_bucket;
        let what = format!("reading s3://{bucket}/{key}");
        let mut answer = match self.s3.get_object().bucket(bucket.as_str()).key(key).send().await {
            Ok(answer) => answer,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => return Ok(None),
            Err(error) => {
                let failed = AwsFailure::of(&error);
                return Err(self.failure(&what, &failed, S3Access::Read).with_source(error));
            }
        };
        let too_large =
            || Error::new(too_large, format!("{what}: it is larger than {limit} bytes, the most that is read"));
        if answer.content_length.is_some_and(|length| usize::try_from(length).is_ok_and(|length| length > limit)) {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        loop {
            match answer.body.try_next().await {
                Ok(Some(piece)) if bytes.len() + piece.len() > limit => return Err(too_large()),
                Ok(Some(piece)) => bytes.extend_from_slice(&piece),
                Ok(None) => return Ok(Some(bytes)),
                Err(error) => return Err(Error::new(Name::RegistryUnavailable, format!("{what}: {}", causes(&error)))),
            }
        }
    }

    fn failure(&self, what: &str, failed: &AwsFailure, access: S3Access) -> Error {
        let Self { partition, event: Event { s3_bucket, .. }, .. } = self;
        let what = format!("{what}: {}", failed.what);
        if failed.is_outage() {
            return Error::new(Name::RegistryUnavailable, what);
        }
        let advice = match failed {
            failed if failed.has_code(&["NoSuchBucket"]) => ": check \"s3_bucket\" in the event".to_owned(),
            failed if failed.has_code(&["PermanentRedirect", "AuthorizationHeaderMalformed"]) => {
                ": the bucket is in another region than this function".to_owned()
            }
            failed if failed.is_archived() => ": the file is in an archive of S3: restore it".to_owned(),
            failed if failed.is_explicit_deny() => NARROW_THE_DENY.to_owned(),
            failed if failed.is_denied() => {
                let bucket = format!("arn:{partition}:s3:::{s3_bucket}");
                let statements = match access {
                    S3Access::Read => format!(
                        "{{\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\",\"Resource\":\"{bucket}/*\"}} and, because S3 denies a file that does not \
                         exist unless the bucket may be listed, {{\"Effect\":\"Allow\",\"Action\":\"s3:ListBucket\",\"Resource\":\"{bucket}\"}}"
                    ),
                    // Nothing more: the templates that are deployed lie in the same bucket.
                    S3Access::Write => format!(
                        "{{\"Effect\":\"Allow\",\"Action\":\"s3:PutObject\",\"Resource\":\"{bucket}/*/{PINNED}-*.json\"}}"
                    ),
                };
                format!(
                    ". Allow the function's role {statements}; if a key of KMS encrypts the bucket, also the use of that key"
                )
            }
            _ => String::new(),
        };
        Error::new(Name::InvalidInput, what + &advice)
    }
}
