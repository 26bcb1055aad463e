use oci::text::truncate;
use serde::Deserialize;

/// The folder of one release in the artifact bucket: `{repo}/{branch}/{build_number}.{commit_hash}/`.
///
/// A branch may contain slashes: the first segment is the repository, the last one the version, and all between is the
/// branch.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ReleaseFolder {
    path: String,
}

impl ReleaseFolder {
    /// The repository that the release was built from.
    #[must_use]
    pub fn repo(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// Its key prefix, without a slash at the end.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The key of a file in the folder.
    #[must_use]
    pub fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    /// Whether this key names a file directly in the folder.
    #[must_use]
    pub fn holds(&self, key: &str) -> bool {
        let name = key.strip_prefix(&self.path).and_then(|rest| rest.strip_prefix('/'));
        name.is_some_and(|name| !name.is_empty() && !name.contains('/'))
    }
}

impl TryFrom<String> for ReleaseFolder {
    type Error = String;

    /// Takes the folder, with or without a slash at the end, or any file in it.
    fn try_from(key: String) -> Result<Self, String> {
        let folder = match key.rsplit_once('/') {
            Some((folder, file)) if !is_version(file) => folder,
            _ => &key,
        };
        let segments: Vec<&str> = folder.split('/').collect();
        let is_release = segments.len() >= 3
            && segments.iter().all(|segment| !segment.is_empty() && !matches!(*segment, "." | ".."))
            && segments.last().is_some_and(|version| is_version(version))
            && key.len() <= 1024
            && !key.chars().any(char::is_control);
        if is_release {
            return Ok(Self { path: folder.to_owned() });
        }
        Err(format!(
            "\"{}\" is not the key of a release: expected {{repo}}/{{branch}}/{{build_number}}.{{commit_hash}}/ or a file in that folder, \
             such as myapp/main/42.0a1b2c3/cloudformation-params.json",
            truncate(&key, 200).escape_debug()
        ))
    }
}

/// `[0-9]+\.[0-9A-Za-z]+`
fn is_version(segment: &str) -> bool {
    segment.split_once('.').is_some_and(|(number, hash)| {
        !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && !hash.is_empty()
            && hash.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_folder() {
        for (key, folder) in [
            ("myapp/main/42.0a1b2c3/", "myapp/main/42.0a1b2c3"),
            ("myapp/main/42.0a1b2c3", "myapp/main/42.0a1b2c3"),
            ("myapp/main/42.0a1b2c3/cloudformation-params.json", "myapp/main/42.0a1b2c3"),
            ("myapp/main/42.0a1b2c3/cloudformation-worker-params.dev.json", "myapp/main/42.0a1b2c3"),
            ("myapp/feature/x/y/7.ABC/deploy-manifest.json", "myapp/feature/x/y/7.ABC"),
            ("myapp/release/1.2/42.0a1b2c3/x", "myapp/release/1.2/42.0a1b2c3"),
            ("myapp/release/1.2/42.0a1b2c3", "myapp/release/1.2/42.0a1b2c3"),
            ("a/b/0.0", "a/b/0.0"),
        ] {
            let found = ReleaseFolder::try_from(key.to_owned()).unwrap();
            assert_eq!(found.path(), folder, "{key}");
            assert!(found.holds(&found.file("x.json")));
        }
    }

    #[test]
    fn refuses_what_is_no_release() {
        for key in [
            "",
            "/",
            "42.0a1b2c3/",
            "main/42.0a1b2c3/x",
            "myapp/main/",
            "myapp/main/latest/x",
            "myapp/main/42/x",
            "myapp/main/42./x",
            "myapp/main/.0a1b2c3/x",
            "myapp/main/42.0a-b/x",
            "myapp/main/4x.0a/x",
            "/myapp/main/42.0a1b2c3/x",
            "myapp//42.0a1b2c3/x",
            "myapp/../42.0a1b2c3/x",
            "myapp/main/42.0a1b2c3/deeper/x",
            "myapp/ma\nin/42.0a1b2c3/x",
        ] {
            let refusal = ReleaseFolder::try_from(key.to_owned()).unwrap_err();
            assert!(refusal.contains("is not the key of a release: expected {repo}/"), "{key}: {refusal}");
        }
    }

    #[test]
    fn holds_only_what_lies_directly_in_it() {
        let folder = ReleaseFolder::try_from("myapp/main/42.abc/".to_owned()).unwrap();
        for key in ["myapp/main/42.abc/", "myapp/main/42.abcd/x", "myapp/main/42.abc/../x", "other/x"] {
            assert!(!folder.holds(key), "{key}");
        }
        assert_eq!(folder.repo(), "myapp");
    }
}
