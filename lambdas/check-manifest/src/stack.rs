use invocation::{Event, StackParameters, files};
use oci::Registry;
use promotion::{Parameter, PinnedImage};

/// The parameters of a stack with every image in its place, and a warning for each that the files of parameters set to
/// something else.
///
/// With a registry in front an image is complete. Without one the template puts its own account's registry there.
pub(crate) fn fill(
    mut parameters: StackParameters,
    images: &[PinnedImage],
    registry: Option<&Registry>,
) -> (StackParameters, Vec<String>) {
    let mut warnings = Vec::new();
    for image in images {
        let Some(parameter) = &image.parameter else { continue };
        let name = match registry {
            Some(registry) => format!("{registry}/{}@{}", image.repository, image.digest),
            None => format!("{}@{}", image.repository, image.digest),
        };
        let before = parameters.insert(parameter.as_str().to_owned(), name);
        // An empty value stands for what is filled in here. The value itself may be a secret.
        if before.is_some_and(|value| !value.is_empty()) {
            warnings.push(format!(
                "the parameter {} is set both by the files of parameters and by deploy-manifest.json, for {image}: the pinned image wins, because \
                 it is what was promoted; leave the parameter empty or out of the files",
                parameter.as_str()
            ));
        }
    }
    (parameters, warnings)
}

/// The parameters that images fill. A template need not declare all of them: a release may have several templates, and
/// one manifest.
pub(crate) fn image_parameters(images: &[PinnedImage]) -> Vec<&str> {
    images.iter().filter_map(|image| image.parameter.as_ref()).map(Parameter::as_str).collect()
}

/// The warning for a release without parameters, which is seldom meant.
pub(crate) fn no_file(event: &Event) -> String {
    let [file, _] = files(event.template_name.as_ref(), &event.env);
    format!(
        "there is no {file} in s3://{}/{}/: the stack gets no parameters but those of this environment and of images",
        event.s3_bucket,
        event.folder.path()
    )
}

#[cfg(test)]
mod tests {
    use oci::Digest;

    use super::*;

    fn image(name: &str, parameter: Option<&str>) -> PinnedImage {
        PinnedImage {
            repository: name.parse().unwrap(),
            tag: "1".parse().unwrap(),
            digest: Digest::of(name.as_bytes()),
            parameter: parameter.map(|name| Parameter::try_from(name.to_owned()).unwrap()),
            platforms: vec![],
        }
    }

    fn parameters(pairs: &[(&str, &str)]) -> StackParameters {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn images_with_a_parameter_are_filled_in_with_the_registry_of_one_target() {
        let images = [image("api", Some("ApiImage")), image("sidecar", None)];
        assert_eq!(image_parameters(&images), ["ApiImage"]);
        let registry = "registry.example".parse().unwrap();
        let (filled, warnings) = fill(parameters(&[("Size", "2")]), &images, Some(&registry));
        let expected = format!("registry.example/api@{}", Digest::of(b"api"));
        assert_eq!(filled, parameters(&[("ApiImage", &expected), ("Size", "2")]));
        assert!(warnings.is_empty());
        let (filled, _) = fill(parameters(&[]), &images, None);
        assert_eq!(filled["ApiImage"], format!("api@{}", Digest::of(b"api")));
    }

    #[test]
    fn the_pin_wins_and_says_so_unless_the_file_left_its_place_empty() {
        let images = [image("api", Some("ApiImage")), image("web", Some("WebImage"))];
        let (filled, warnings) = fill(parameters(&[("ApiImage", "hush"), ("WebImage", "")]), &images, None);
        assert!(filled["ApiImage"].starts_with("api@sha256:"));
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].starts_with("the parameter ApiImage is set both by") && !warnings[0].contains("hush"));
    }
}
