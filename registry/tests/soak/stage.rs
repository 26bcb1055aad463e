use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use ecr_double::{Config, EcrDouble, Fault, FaultRule, RegistryHandle};
use image_fixtures::Image;

use crate::Size;

pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const SOURCE: &str = "111122223333";
const REPOSITORIES: usize = 10;
const LAYERS: usize = 20;

/// What the client tells after a release: its figures.
pub(crate) struct Round {
    pub(crate) requests: u64,
    pub(crate) failed: usize,
    /// Bytes that it holds when all is done, and the most that it held.
    pub(crate) memory: u64,
    pub(crate) peak: u64,
    pub(crate) tasks: u64,
    pub(crate) descriptors: u64,
}

/// A double of ECR with a source full of images and empty targets, where requests fail at random.
pub(crate) struct Stage {
    double: EcrDouble,
    size: Size,
    targets: Vec<String>,
}

impl Stage {
    pub(crate) fn set(size: Size) -> Self {
        let targets: Vec<String> =
            (0..size.targets).map(|number| format!("{:012}", 444_455_556_666 + number)).collect();
        let double = EcrDouble::start_now(Config::default()).unwrap();
        for account in targets.iter().map(String::as_str).chain([SOURCE]) {
            let registry = double.registry(account, REGION);
            (0..REPOSITORIES).for_each(|number| registry.create_repository(&repository(number)));
        }
        let source = double.registry(SOURCE, REGION);
        for release in RELEASES {
            (0..size.images).for_each(|number| seed(&source, release, number));
        }
        for (operation, one_in, fault) in faults() {
            double.fault(FaultRule::sometimes(operation, one_in, fault));
        }
        // Far apart, as AWS's are: a request that is refused again with the next token has been denied.
        for nth in (400..).step_by(2_000).take(size.images * size.targets / 80) {
            double.fault(FaultRule::once("v2.*", Fault::ExpireToken).nth(nth));
        }
        Self { double, size, targets }
    }

    /// Lets the client promote one release after the other, and then the first again.
    pub(crate) fn promote(&self) -> Vec<Round> {
        let mut client = Command::new(std::env::current_exe().unwrap())
            .args(["client", &self.double.api_endpoint()])
            .args(&self.targets)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut releases = client.stdin.take().unwrap();
        let mut answers = BufReader::new(client.stdout.take().unwrap()).lines();
        let rounds = RELEASES.iter().chain(RELEASES.first()).map(|release| {
            self.double.reset_requests();
            writeln!(releases, "{}", self.manifest(release)).unwrap();
            let line = answers.next().unwrap_or_else(|| panic!("the client ended")).unwrap();
            let figures: Vec<u64> = line.split(' ').map(|figure| figure.parse().unwrap()).collect();
            let [requests, memory, peak, tasks, descriptors] = figures.try_into().unwrap();
            let failed = self.double.requests().iter().filter(|request| request.fault.is_some()).count();
            Round { requests, failed, memory, peak, tasks, descriptors }
        });
        let rounds = rounds.collect();
        drop(releases);
        assert!(client.wait().unwrap().success());
        rounds
    }

    /// Every target has what the source has, byte for byte.
    pub(crate) fn assert_everything_arrived(&self) {
        let source = self.double.registry(SOURCE, REGION);
        for target in self.targets.iter().map(|account| self.double.registry(account, REGION)) {
            for repository in (0..REPOSITORIES).map(repository) {
                assert_eq!(source.tags(&repository), target.tags(&repository));
                assert_eq!(source.blobs(&repository), target.blobs(&repository));
                for held in source.manifests(&repository) {
                    assert_eq!(target.manifest(&repository, &held.digest).as_ref(), Some(&held.bytes));
                }
                for digest in source.blobs(&repository).keys() {
                    let read = |registry: &RegistryHandle| std::fs::read(registry.blob_path(digest)).unwrap();
                    assert_eq!(read(&source), read(&target), "{digest}");
                }
            }
        }
    }

    fn manifest(&self, release: &str) -> String {
        let image = |number: usize| serde_json::json!({ "repository": repository(number % REPOSITORIES), "tag": format!("{release}.{number}") });
        serde_json::json!({ "images": (0..self.size.images).map(image).collect::<Vec<_>>() }).to_string()
    }
}

const RELEASES: [&str; 4] = ["1", "2", "3", "4"];

fn repository(number: usize) -> String {
    format!("team-{}/app-{number}", number % 3)
}

/// An image with layers that others have, too, and a config of its own.
fn seed(source: &RegistryHandle, release: &str, number: usize) {
    let repository = repository(number % REPOSITORIES);
    let layer = |at: usize| vec![u8::try_from(at % LAYERS).unwrap(); 2_000 + at % LAYERS * 500];
    let image = Image::new()
        .config(format!(r#"{{"architecture":"amd64","os":"linux","author":"{release}.{number}"}}"#))
        .layer(layer(number))
        .layer(layer(number * 7 + 3));
    source.put(&repository, &image.build().tagged(format!("{release}.{number}")));
}

/// Which requests fail, one in how many of them, and how. The numbers share no divisor, so that they do not fall
/// together.
fn faults() -> [(&'static str, u64, Fault); 11] {
    let status = |status| Fault::Status { status, retry_after: None };
    [
        ("*", 211, status(429)),
        ("*", 307, status(500)),
        ("*", 401, status(503)),
        ("*", 263, Fault::Reset),
        ("PutImage", 97, Fault::LoseAnswer),
        ("v2.PutUpload", 89, Fault::LoseAnswer),
        ("v2.PutUpload", 83, Fault::CutRequest { after: 700 }),
        ("v2.StartUpload", 101, Fault::LoseAnswer),
        ("s3.GetObject", 53, Fault::CutBody { after: 900 }),
        ("s3.GetObject", 59, Fault::FlipByte { at: 1_000 }),
        ("s3.GetObject", 61, Fault::ExpireUrl),
    ]
}
