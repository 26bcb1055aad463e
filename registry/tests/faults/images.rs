use std::sync::OnceLock;

use image_fixtures::{Fixture, image, with_sbom};

/// What is promoted: an image with an SBOM, and the same image in a sibling repository, where its blobs can be mounted.
///
/// Their repositories are below this path. The same bytes in every run, so that a byte that is flipped is the same one.
pub(crate) fn images(path: &str) -> [Fixture; 2] {
    static IMAGES: OnceLock<[Fixture; 2]> = OnceLock::new();
    let made = IMAGES.get_or_init(|| {
        fastrand::seed(5);
        let plain = image("app", "1.0");
        let sibling = Fixture { repository: "web".into(), ..plain.clone() };
        let mut image = with_sbom(plain);
        // The signature of the SBOM asks for nothing that the SBOM does not.
        image.manifests.truncate(3);
        image.blobs.pop();
        [image, sibling]
    });
    made.clone().map(|fixture| Fixture { repository: format!("{path}/{}", fixture.repository), ..fixture })
}
