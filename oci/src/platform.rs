use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use crate::text::{LONGEST_NAME, truncate};

/// An operating system and architecture, `linux/arm64` or `linux/arm/v7`, in the words of Go's GOOS and GOARCH
/// (`image-index.md` of the OCI image specification, property `platform`).
///
/// It is kept as it is written, and compared as container runtimes do: see [`Platform::satisfies`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Platform {
    /// `linux`, `windows`, ...
    pub os: Box<str>,
    /// `amd64`, `arm64`, ...
    pub architecture: Box<str>,
    /// `v7`, `v8`, ... where one is given.
    pub variant: Option<Box<str>>,
}

impl Platform {
    /// The platform of these words; none where the operating system or the architecture is not said, as in the
    /// `"platform": {}` of some builders. An empty variant is none.
    pub(crate) fn of(os: Option<Box<str>>, architecture: Option<Box<str>>, variant: Option<Box<str>>) -> Option<Self> {
        let said = |word: Option<Box<str>>| word.filter(|word| !word.is_empty());
        Some(Self { os: said(os)?, architecture: said(architecture)?, variant: said(variant) })
    }

    /// Whether an image for `self` is the one that is meant by `wanted`: both are the same to containerd
    /// (`platforms.Normalize`), and so to all that pull by its rules.
    ///
    /// `linux/arm` is `linux/arm/v7`, `linux/arm64` is `linux/arm64/v8`, `linux/amd64` is `linux/amd64/v1`. That a v7
    /// machine also runs what was built for v6 does not count: who names a platform wants an image for it to exist.
    #[must_use]
    pub fn satisfies(&self, wanted: &Self) -> bool {
        self.normalized() == wanted.normalized()
    }

    /// Operating system, architecture and variant under the one name that each has for containerd (`database.go` of
    /// containerd/platforms; containers/image#898 and moby/buildkit#4039 are what comes of comparing words).
    fn normalized(&self) -> (String, String, String) {
        let os = match self.os.to_ascii_lowercase() {
            os if os == "macos" => "darwin".to_owned(),
            os => os,
        };
        let architecture = self.architecture.to_ascii_lowercase();
        let variant = self.variant.as_deref().unwrap_or_default().to_ascii_lowercase();
        let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
            ("i386", _) => ("386", ""),
            ("x86_64" | "x86-64" | "amd64", "" | "v1") => ("amd64", ""),
            ("x86_64" | "x86-64", variant) => ("amd64", variant),
            ("aarch64" | "arm64", "" | "8" | "v8" | "8.0" | "v8.0") => ("arm64", ""),
            ("aarch64" | "arm64", "9" | "v9" | "9.0" | "v9.0") => ("arm64", "v9"),
            ("aarch64", variant) => ("arm64", variant),
            ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
            ("armel", _) | ("arm", "6") => ("arm", "v6"),
            ("arm", "5") => ("arm", "v5"),
            ("arm", "8") => ("arm", "v8"),
            same => same,
        };
        (os, architecture.to_owned(), variant.to_owned())
    }
}

/// What is read of the property `platform` of a descriptor; none where it does not say one.
pub(crate) fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Platform>, D::Error> {
    #[derive(Deserialize)]
    struct Wire {
        os: Option<Box<str>>,
        architecture: Option<Box<str>>,
        variant: Option<Box<str>>,
    }
    let wire = Option::<Wire>::deserialize(deserializer)?;
    Ok(wire.and_then(|Wire { os, architecture, variant }| Platform::of(os, architecture, variant)))
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

/// Why a text is no [`Platform`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidPlatform(String);

impl fmt::Display for InvalidPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\"{}\" is not a platform: expected, say, linux/arm64 or linux/arm/v7",
            truncate(&self.0, LONGEST_NAME).escape_debug()
        )
    }
}

impl std::error::Error for InvalidPlatform {}

impl FromStr for Platform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Self, InvalidPlatform> {
        // The characters that containerd takes in a specifier.
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        };
        let mut words = text.split('/');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some(os), Some(architecture), variant, None)
                if [os, architecture].into_iter().chain(variant).all(is_word) =>
            {
                Ok(Self { os: os.into(), architecture: architecture.into(), variant: variant.map(Into::into) })
            }
            _ => Err(InvalidPlatform(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each pair is one platform, or two.
    #[test]
    fn platforms_compare_as_containerd_normalizes_them() {
        for (one, other, same) in [
            // containers/image#898, buildkit#4039
            ("linux/arm64", "linux/arm64/v8", true),
            ("linux/arm64", "linux/aarch64", true),
            ("linux/arm64/8", "linux/aarch64/v8", true),
            ("linux/arm64", "linux/arm64/v9", false),
            ("linux/arm", "linux/arm/v7", true),
            ("linux/arm", "linux/armhf", true),
            ("linux/arm/7", "linux/arm/v7", true),
            ("linux/arm", "linux/arm/v6", false),
            ("linux/arm/v6", "linux/armel", true),
            ("linux/arm/v5", "linux/arm/5", true),
            ("linux/arm/v7", "linux/arm/v8", false),
            ("linux/arm", "linux/arm64", false),
            ("linux/amd64", "linux/amd64/v1", true),
            ("linux/amd64", "linux/x86_64", true),
            ("linux/amd64", "linux/x86-64", true),
            ("linux/amd64", "Linux/AMD64", true),
            ("linux/amd64", "linux/amd64/v3", false),
            ("linux/amd64/v3", "linux/x86_64/v3", true),
            ("linux/386", "linux/i386", true),
            ("darwin/arm64", "macos/aarch64", true),
            ("windows/amd64", "linux/amd64", false),
            ("linux/riscv64", "linux/riscv64", true),
            ("linux/mips64/hardfloat", "linux/mips64", false),
        ] {
            let [one, other] = [one, other].map(|text| text.parse::<Platform>().unwrap());
            assert_eq!((one.satisfies(&other), other.satisfies(&one)), (same, same), "{one} and {other}");
        }
    }

    #[test]
    fn is_written_as_it_is_read() {
        for text in ["linux/amd64", "linux/arm/v7", "windows/amd64"] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), text);
        }
        for text in ["", "linux", "linux/", "/amd64", "linux/arm/v7/x", "linux/a b"] {
            let refusal = text.parse::<Platform>().unwrap_err().to_string();
            assert!(refusal.starts_with(&format!("\"{text}\" is not a platform")), "{refusal}");
        }
    }
}
