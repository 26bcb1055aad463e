//! How much memory a registry that means harm can make a client take.
//!
//! The client is a process of its own, this same program again, and tells the most that it ever held (`VmHWM` of
//! proc(5)); the servers are in this one.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/sdk.rs"]
mod sdk;
#[allow(dead_code, reason = "the other tests use all of it")]
mod server;

use std::io::BufRead as _;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use oci::{Digest, MAX_MANIFEST_BYTES, MediaType, Reference, Repository};
use promotion::pull::{By, Consumer as _, Mode, pull};
use promotion::{Error, Name, PinnedImage, Referrers, Release, RetryPolicy, Retrying, Source as _, Survey};
use registry::{Connector, Distribution, Distributions, Identity, Login, Network, RegistryId, Side};

use self::server::{Answer, Asked, Hostile};

const MIB: u64 = 1 << 20;

/// A registry that means harm, what the client asks it for, how that ends, and the most memory that it may take.
struct Case {
    name: &'static str,
    server: fn() -> Hostile,
    ends: Name,
    says: &'static str,
    most: u64,
    /// The most requests that it may take.
    requests: usize,
}

const CASES: [Case; 10] = [
    // What it takes to be a client at all is about 20 MiB.
    Case { name: "release", server: endless, ends: Name::RegistryLimit, says: "4194304", most: 64 * MIB, requests: 1 },
    Case {
        name: "tags",
        server: empty_tags,
        ends: Name::RegistryUnavailable,
        says: "unlisted",
        most: 64 * MIB,
        requests: 20,
    },
    // Thirty-two at a time, as a survey asks.
    Case {
        name: "referrers",
        server: many_referrers,
        ends: Name::UnexpectedAnswer,
        says: "more than 4194304 bytes",
        most: 192 * MIB,
        requests: 32,
    },
    Case {
        name: "release",
        server: heavy_index,
        ends: Name::RegistryLimit,
        says: "more than 128 MiB in all",
        most: 448 * MIB,
        requests: 1 + 32 + 32,
    },
    // One after the other, as one image is pulled.
    Case {
        name: "verify",
        server: heavy_index,
        ends: Name::RegistryLimit,
        says: "more than 128 MiB in all",
        most: 448 * MIB,
        requests: 2 + 33,
    },
    Case {
        name: "release",
        server: deep_index,
        ends: Name::RegistryLimit,
        says: "nested more than 8 deep",
        most: 64 * MIB,
        requests: 10,
    },
    Case {
        name: "release",
        server: wide_index,
        ends: Name::SourceImageNotFound,
        says: "problems",
        most: 128 * MIB,
        requests: 1_100,
    },
    // Read three times: what comes corrupt may be the line's fault.
    Case {
        name: "release",
        server: deep_json,
        ends: Name::CorruptContent,
        says: "EOF while parsing a list",
        most: 64 * MIB,
        requests: 3,
    },
    Case {
        name: "ecr",
        server: endless,
        ends: Name::UnexpectedAnswer,
        says: "the answer is longer than is read of one",
        most: 128 * MIB,
        // Down to one tag, for each half may be what is too much, and to two more. Then nothing else is asked for.
        requests: 4 + 6 + 3,
    },
    // Four requests for a hundred tags each, whose manifests have 4 MiB.
    Case {
        name: "ecr",
        server: heavy_batches,
        ends: Name::RegistryLimit,
        says: "more than 128 MiB in all",
        most: 448 * MIB,
        requests: 4 + 4 * 6 + 2 * 128 / 12,
    },
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role, what, host] = arguments.as_slice()
        && role == "client"
    {
        return client(what, host);
    }
    for case in &CASES {
        let server = (case.server)();
        let output =
            Command::new(std::env::current_exe().unwrap()).args(["client", case.name, &server.host]).output().unwrap();
        let lines: Vec<String> = output.stdout.lines().map_while(Result::ok).collect();
        let [peak, ends, says @ ..] = lines.as_slice() else { panic!("{output:?}") };
        let peak: u64 = peak.parse::<u64>().unwrap() * 1024;
        let start: String = says.concat().chars().take(300).collect();
        println!("{ends}, {} MiB, {} requests: {start}", peak / MIB, server.seen().len());
        assert_eq!(ends, case.ends.as_str(), "{start}");
        assert!(says.concat().contains(case.says), "{start}");
        assert!(peak < case.most, "{} MiB were taken, at most {} are allowed", peak / MIB, case.most / MIB);
        assert!(server.seen().len() <= case.requests, "{} requests", server.seen().len());
    }
}

/// Asks, and tells its peak memory, the name of the failure and its message.
fn client(what: &str, host: &str) {
    let error = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let address = format!("http://{host}");
        if what == "ecr" {
            return ecr(&address).await;
        }
        let address = address.parse().unwrap();
        let client = Distributions::new(&Network::default()).unwrap().connect(address, Login::Anonymous, Side::Source);
        match what {
            "tags" => tags(&client).await,
            "referrers" => referrers(&client).await,
            "verify" => verify(client).await,
            _ => pins(client).await,
        }
    });
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    println!("{}\n{}\n{error}", peak.trim().trim_end_matches(" kB"), error.name());
}

/// What the tags of four hundred images point to.
async fn ecr(endpoint: &str) -> Error {
    let identity = Identity::from_arn("arn:aws:iam::111122223333:root").unwrap();
    let config = sdk::config(endpoint, "111122223333", "eu-west-1");
    let connector = Connector::new(&config, identity).unwrap();
    let client = connector.connect(RegistryId::new("111122223333", "eu-west-1"), Side::Source, None).await.unwrap();
    let image = |number| format!(r#"{{"repository":"app","tag":"{number}"}}"#);
    let images = (0..400).map(image).collect::<Vec<_>>().join(",");
    let source = Arc::new(Retrying::new(client, RetryPolicy::default()));
    Survey::pins(Release::parse(format!(r#"{{"images":[{images}]}}"#).as_bytes()).unwrap(), &source).await.unwrap_err()
}

async fn tags(client: &Distribution) -> Error {
    let listed = client.tags(&"app".parse().unwrap(), "sha256-").await.unwrap();
    assert_eq!(listed, None);
    Error::new(Name::RegistryUnavailable, "unlisted")
}

async fn referrers(client: &Distribution) -> Error {
    let app: Repository = "app".parse().unwrap();
    let asked = (0..16_u8).map(|n| client.referrers(&app, Digest::of(&[n])));
    let refused = |answer| match answer {
        Ok(Referrers::Unclear(error)) | Err(error) => Some(error),
        Ok(_) => None,
    };
    join_all(asked).await.into_iter().find_map(refused).unwrap()
}

/// An image is verified under the digest that its tag has.
async fn verify(client: Distribution) -> Error {
    let index = client.pull_manifest(&"app".parse().unwrap(), &Reference::Tag("1".parse().unwrap())).await.unwrap();
    let image = PinnedImage {
        repository: "app".parse().unwrap(),
        tag: "1".parse().unwrap(),
        digest: index.digest(),
        parameter: None,
        platforms: vec![],
    };
    pull(vec![client], &[image], By::Digest, Mode::Reach, RetryPolicy::default()).await.unwrap_err()
}

/// An image whose platforms are asked for is read with all that its index lists.
async fn pins(client: Distribution) -> Error {
    let json = br#"{"images":[{"repository":"app","tag":"1","platforms":["linux/amd64"]}]}"#;
    let retry_policy = RetryPolicy { initial_backoff: Duration::from_millis(1), ..RetryPolicy::default() };
    let source = Arc::new(Retrying::new(client, retry_policy));
    Survey::pins(Release::parse(json).unwrap(), &source).await.unwrap_err()
}

fn endless() -> Hostile {
    Hostile::start(|_: &Asked| Answer::Endless("200 OK".into(), vec![b' '; 65_536]))
}

/// ECR, with a manifest of almost 4 MiB under every tag.
fn heavy_batches() -> Hostile {
    Hostile::start(|asked: &Asked| {
        let head = "200 OK\ncontent-type: application/x-amz-json-1.1\n";
        let tags = asked.body.split("\"imageTag\":\"").skip(1).filter_map(|rest| rest.split('"').next());
        let tags: Vec<_> = tags.collect();
        if tags.len() > 4 {
            // Longer than anybody reads.
            return Answer::Endless(head.trim_end().into(), vec![b' '; 65_536]);
        }
        let image = |tag: &&str| {
            let kind = MediaType::OciIndex;
            let pad = " ".repeat(MAX_MANIFEST_BYTES - 200);
            let manifest =
                format!("{{\"schemaVersion\":2,\"mediaType\":\"{kind}\",\"manifests\":[],\"x\":{tag}{pad}}}");
            let digest = Digest::of(manifest.as_bytes());
            let escaped = manifest.replace('"', "\\\"");
            format!(
                "{{\"imageId\":{{\"imageTag\":\"{tag}\",\"imageDigest\":\"{digest}\"}},\"imageManifestMediaType\":\"{kind}\",\
                 \"imageManifest\":\"{escaped}\"}}"
            )
        };
        let images = tags.iter().map(image).collect::<Vec<_>>().join(",");
        Answer::Text(format!("{head}\n{{\"images\":[{images}],\"failures\":[]}}"))
    })
}

/// Each three bytes long, and a string to whoever keeps it.
fn empty_tags() -> Hostile {
    let tags = vec!["\"\""; 1_390_000].join(",");
    Hostile::start(move |asked: &Asked| {
        format!("200 OK\nlink: </more?{}>; rel=next\n\n{{\"tags\":[{tags}]}}", asked.nth)
    })
}

fn many_referrers() -> Hostile {
    let entry = format!("{{\"mediaType\":\"\",\"digest\":\"{}\",\"size\":0}}", Digest::of(b"r"));
    let entries = vec![entry; 20_000].join(",");
    Hostile::start(move |asked: &Asked| {
        format!("200 OK\nlink: </more?{}>; rel=next\n\n{{\"manifests\":[{entries}]}}", asked.nth)
    })
}

fn index(children: &[Digest]) -> String {
    let kind = MediaType::OciManifest;
    let entry = |digest: &Digest| format!("{{\"mediaType\":\"{kind}\",\"digest\":\"{digest}\",\"size\":1}}");
    let entries: Vec<_> = children.iter().map(entry).collect();
    format!("{{\"schemaVersion\":2,\"mediaType\":\"{}\",\"manifests\":[{}]}}", MediaType::OciIndex, entries.join(","))
}

/// Answers with the first of these for the tag, and with those that have the digest that is asked for.
fn holding(manifests: Vec<String>) -> Hostile {
    let digests: Vec<String> = manifests.iter().map(|manifest| Digest::of(manifest.as_bytes()).to_string()).collect();
    Hostile::start(move |asked: &Asked| {
        let at = digests.iter().position(|digest| asked.path.ends_with(digest.as_str()));
        match at.or_else(|| asked.path.ends_with("/1").then_some(0)).and_then(|at| manifests.get(at)) {
            Some(manifest) => format!("200 OK\n\n{manifest}"),
            None => "404 Not Found\n\n".to_owned(),
        }
    })
}

/// A hundred images, of which each is as large as one may be, and all of it is kept.
fn heavy_index() -> Hostile {
    let image = |n: usize| {
        let (kind, digest) = (MediaType::OciManifest, Digest::of(b"config"));
        let filler = "x".repeat(MAX_MANIFEST_BYTES - 400 - n);
        let config = format!("{{\"mediaType\":\"{filler}\",\"digest\":\"{digest}\",\"size\":6}}");
        format!("{{\"schemaVersion\":2,\"mediaType\":\"{kind}\",\"config\":{config},\"layers\":[]}}")
    };
    let images: Vec<String> = (0..100).map(image).collect();
    let digests: Vec<Digest> = images.iter().map(|image| Digest::of(image.as_bytes())).collect();
    holding([vec![index(&digests)], images].concat())
}

/// An index of an index of an index, a thousand times.
fn deep_index() -> Hostile {
    let mut nested = vec![index(&[])];
    for _ in 0..1_000 {
        let innermost = nested.last().map(|manifest| Digest::of(manifest.as_bytes())).unwrap();
        nested.push(index(&[innermost]));
    }
    nested.reverse();
    holding(nested)
}

/// An index of thirty thousand images that are not there: more do not fit into one.
fn wide_index() -> Hostile {
    let digests: Vec<Digest> = (0..27_000_u32).map(|n| Digest::of(&n.to_le_bytes())).collect();
    holding(vec![index(&digests)])
}

/// Brackets as deep as the manifest is long.
fn deep_json() -> Hostile {
    holding(vec![format!("{{\"schemaVersion\":2,\"annotations\":{}", "[".repeat(1 << 20))])
}
