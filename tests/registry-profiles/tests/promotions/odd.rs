//! Single odd answers, each of a public issue, from a registry that is otherwise one of the specification.

use image_fixtures::Content;
use promotion::Name;
use registry_profiles::{
    Absent, Auth, Bearer, Blobs, Body, Front, Head, Lag, Listed, Manifests, Mounts, Odd, Profile, Referrers, Refusal,
    Tags, Uploads, profiles,
};

use crate::images::moved;
use crate::setup::Setup;

const PAGE: Body = Body::Html("<html><head><title>Sign in</title></head><body>Welcome</body></html>");

const fn refusal(status: u16, code: &'static str) -> Refusal {
    Refusal::error(status, code, "as it was seen")
}

/// Whole promotions from such a registry.
async fn from(issue: &str, profile: Profile) {
    println!("{issue}, as a source: {profile:?}");
    Setup::new(profile, profiles::specified()).await.promote_and_judge().await;
}

/// Whole promotions to such a registry.
async fn to(issue: &str, profile: Profile) {
    println!("{issue}, as a target: {profile:?}");
    Setup::new(profiles::specified(), profile).await.promote_and_judge().await;
}

/// All of this says that the registry keeps no list, so that clients keep one under a tag.
#[tokio::test]
async fn no_list_of_referrers() {
    for (issue, refusal) in [
        ("distribution/distribution#3859", Refusal::other(404, Body::Text("404 page not found"))),
        ("NVIDIA/aicr#1957", refusal(404, "MANIFEST_UNKNOWN")),
        ("quay/quay#3071", refusal(400, "MANIFEST_INVALID")),
        ("google/go-containerregistry#1962", Refusal::other(406, Body::Empty)),
        ("distribution-spec, end-12", refusal(405, "UNSUPPORTED")),
        ("distribution-spec, end-12", Refusal::other(501, Body::Text("Not Implemented"))),
        ("goharbor/harbor#18305", refusal(401, "UNAUTHORIZED")),
        ("oras-project/oras-go#633", Refusal::other(200, PAGE)),
        ("oras-project/oras-go#635", Refusal::other(200, Body::Json("{}"))),
        ("oras-project/oras-go#635", Refusal::other(200, Body::Json("[]"))),
        ("oras-project/oras-go#635", Refusal::other(200, Body::Empty)),
    ] {
        let profile = Profile { referrers: Referrers::Refused(refusal), ..profiles::specified() };
        from(issue, profile.clone()).await;
        to(issue, profile).await;
    }
}

/// A list that is elsewhere is none, whatever is answered there.
#[tokio::test]
async fn lists_of_referrers_that_lead_away() {
    for (issue, status, page) in [
        ("artifacthub/hub#4785", 303, Refusal::other(404, Body::Text("Not Found"))),
        ("oras-project/oras-go#633", 307, Refusal::other(200, PAGE)),
        ("kubernetes/registry.k8s.io#324", 307, refusal(404, "MANIFEST_UNKNOWN")),
        ("kubernetes/registry.k8s.io#324", 302, Refusal::other(403, PAGE)),
        ("artifacthub/hub#4785", 301, Refusal::other(401, Body::Empty)),
        ("artifacthub/hub#4785", 308, Refusal::other(406, Body::Empty)),
    ] {
        let profile = Profile { referrers: Referrers::LedAway(status, page), ..profiles::specified() };
        from(issue, profile.clone()).await;
        to(issue, profile).await;
    }
}

/// What says neither that there is a list nor that there is none is noted, and the list of clients is read.
#[tokio::test]
async fn lists_of_referrers_that_are_neither() {
    const BASIC: &[(&str, &str)] = &[("www-authenticate", "Basic realm=\"x\"")];
    const SELF: &[(&str, &str)] = &[("location", "?again")];
    const INSIDE: &[(&str, &str)] = &[("location", "http://169.254.169.254/latest")];
    for (issue, refusal) in [
        ("goharbor/harbor#18305", refusal(403, "DENIED")),
        ("goharbor/harbor#18305", refusal(401, "UNAUTHORIZED").with(BASIC)),
        ("RFC 9110, 15.5.11", Refusal::other(410, Body::Empty)),
        ("RFC 9110, 15.5.21", Refusal::other(422, PAGE)),
        ("artifacthub/hub#4785", Refusal::other(303, Body::Empty)),
        ("artifacthub/hub#4785", Refusal::other(303, Body::Empty).with(SELF)),
        ("artifacthub/hub#4785", Refusal::other(303, Body::Empty).with(INSIDE)),
    ] {
        let odd = Profile { referrers: Referrers::Refused(refusal), ..profiles::specified() };
        for [source, target] in [[odd.clone(), profiles::specified()], [profiles::specified(), odd]] {
            println!("{issue}: {refusal:?}");
            let setup = Setup::new(source, target).await;
            let report = setup.promote(setup.images.release()).await.unwrap();
            setup.assert_is_whole();
            assert!(report.notes.iter().all(|note| note.starts_with("not known: ")), "{:?}", report.notes);
        }
    }
}

/// Where tags are not listed, each is asked for.
#[tokio::test]
async fn no_list_of_tags() {
    const AGAIN: &[(&str, &str)] = &[("link", "</v2/team/app/tags/list?n=1000>; rel=\"next\"")];
    for (issue, refusal) in [
        ("google/go-containerregistry#1963", refusal(413, "TOO_MANY_TAGS_REQUESTED")),
        ("goharbor/harbor#16310", refusal(401, "UNAUTHORIZED")),
        ("goharbor/harbor#16310", refusal(403, "DENIED")),
        ("aws/containers-roadmap#743", refusal(401, "DENIED")),
        ("google/go-containerregistry#681", refusal(405, "UNSUPPORTED")),
        ("dependabot/dependabot-core#4212", refusal(404, "UNSUPPORTED")),
        ("deitch/docker_registry2#40", Refusal::other(406, Body::Empty)),
        ("goharbor/harbor#16976", refusal(400, "BAD_REQUEST")),
        ("distribution-spec, end-8", Refusal::other(501, Body::Text("Not Implemented"))),
        ("distribution-spec, end-8", Refusal::other(200, PAGE)),
        ("distribution-spec, end-8", Refusal::other(200, Body::Json("{}"))),
        ("aws/containers-roadmap#1262", Refusal::other(200, Body::Json(r#"{"name":"x","tags":["1"]}"#)).with(AGAIN)),
    ] {
        let specified = profiles::specified();
        // Only tags of digests are looked for in a list.
        let profile = Profile {
            tags: Tags { refused: Some(refusal), ..specified.tags },
            referrers: Referrers::Refused(Refusal::other(404, Body::Empty)),
            ..specified
        };
        from(issue, profile.clone()).await;
        to(issue, profile).await;
    }
}

/// A denial of what is not there says nothing: the write decides.
#[tokio::test]
async fn lookups_in_a_target_that_are_denied() {
    for (issue, refusal) in [
        ("sigstore/cosign#2973", refusal(403, "UNAUTHORIZED")),
        ("google/go-containerregistry#1691", refusal(403, "DENIED")),
        ("google/go-containerregistry#1691", Refusal::other(403, PAGE)),
        ("docker/hub-feedback#1678", refusal(401, "UNAUTHORIZED")),
    ] {
        let specified = profiles::specified();
        let absent = Absent { repository: refusal, manifest: refusal, ..specified.absent };
        to(issue, Profile { absent, ..specified }).await;
    }
}

/// What a HEAD does not tell, a GET of one byte does.
#[tokio::test]
async fn heads_of_blobs_that_say_nothing() {
    for (issue, head) in [
        ("aws/containers-roadmap#2671", Head::Refused(refusal(401, "DENIED"))),
        ("distribution/distribution#2055", Head::Refused(Refusal::other(400, Body::Empty))),
        ("containerd/stargz-snapshotter#167", Head::Refused(Refusal::other(403, Body::Empty))),
        ("distribution/distribution#2055", Head::Refused(Refusal::other(405, PAGE))),
        ("distribution/distribution#2055", Head::Refused(Refusal::other(501, Body::Empty))),
        ("containerd/stargz-snapshotter#167", Head::RefusedByStorage),
        ("oras-project/oras#923", Head::Redirected),
    ] {
        let specified = profiles::specified();
        let blobs = Blobs { redirect: Some(307), head, ..specified.blobs };
        to(issue, Profile { blobs, ..specified }).await;
    }
}

/// Bodies are counted where no length is said, and skipped where no range is heeded.
#[tokio::test]
async fn blobs_without_length_or_ranges() {
    for (issue, has_length, has_ranges) in [
        ("google/go-containerregistry#1061", false, true),
        ("containerd/containerd#2364", true, false),
        ("jfrog/jfrog-cli#95", false, false),
    ] {
        for redirect in [None, Some(302)] {
            let specified = profiles::specified();
            let blobs = Blobs { has_length, has_ranges, redirect, ..specified.blobs };
            let profile = Profile { blobs, ..specified };
            from(issue, profile.clone()).await;
            to(issue, profile).await;
        }
    }
}

/// A mount saves bytes, and nothing depends on it.
#[tokio::test]
async fn mounts_that_are_refused() {
    for (issue, mounts) in [
        ("opencontainers/distribution-spec#204", Mounts::Declined),
        ("aws/containers-roadmap#2860", Mounts::Declined),
        ("estesp/manifest-tool#53", Mounts::Refused(refusal(401, "UNAUTHORIZED"))),
        ("goharbor/harbor#19787", Mounts::Refused(refusal(403, "DENIED"))),
        ("opencontainers/distribution-spec#206", Mounts::Refused(refusal(404, "NAME_UNKNOWN"))),
        ("opencontainers/distribution-spec#206", Mounts::Refused(refusal(404, "BLOB_UNKNOWN"))),
        ("opencontainers/distribution-spec#206", Mounts::Refused(refusal(405, "UNSUPPORTED"))),
        ("opencontainers/distribution-spec#206", Mounts::Refused(Refusal::other(400, PAGE))),
    ] {
        to(issue, Profile { mounts, ..profiles::specified() }).await;
    }
}

/// What throttles says so in many ways; each request is let through when it comes again.
#[tokio::test]
async fn throttled_in_other_words() {
    const SECONDS: &[(&str, &str)] = &[("retry-after", "0")];
    const PAST: &[(&str, &str)] = &[("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT")];
    const NONSENSE: &[(&str, &str)] = &[("retry-after", "880µs")];
    const USED_UP: &[(&str, &str)] = &[("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", "3;w=21600")];
    for (issue, refusal) in [
        ("dependabot/cli#380", Refusal::error(429, "TOOMANYREQUESTS", "retry-after: 880µs, allowed: 44000/minute")),
        ("docker/hub-feedback#1907", Refusal::other(429, Body::Text("Too Many Requests (HAP429)"))),
        ("docker/hub-feedback#2464", refusal(429, "TOOMANYREQUESTS").with(USED_UP)),
        ("Azure/azure-cli#24886", refusal(429, "TOOMANYREQUESTS").with(SECONDS)),
        ("RFC 9110, 10.2.3", Refusal::other(429, Body::Empty).with(PAST)),
        ("watchtower#2366", Refusal::other(429, Body::Empty).with(NONSENSE)),
        ("moby/moby#24473", Refusal::other(503, PAGE)),
        ("fluxcd/flux2#3714", Refusal::error(429, "TOOMANYREQUESTS", "Rate exceeded")),
        ("RFC 9110, 15.6.5", Refusal::other(504, Body::Empty)),
    ] {
        let profile = Profile { throttle: Some(refusal), ..profiles::specified() };
        from(issue, profile.clone()).await;
        to(issue, profile).await;
    }
}

/// What was written is seen late, and is judged when it is.
#[tokio::test]
async fn reads_that_lag_behind_writes() {
    for (issue, lag) in [
        ("projectbluefin/dakota#1232", Lag { manifests: 2, tags: 0 }),
        ("mdrideout/junjo#19", Lag { manifests: 0, tags: 3 }),
        ("int128/docker-manifest-create-action#857", Lag { manifests: 3, tags: 1 }),
    ] {
        to(issue, Profile { lag, ..profiles::specified() }).await;
    }
}

/// And so is a tag that moves, which points where it did for a while.
#[tokio::test]
async fn tags_that_move_late() {
    let lag = Lag { manifests: 1, tags: 3 };
    let setup = Setup::new(profiles::specified(), Profile { lag, ..profiles::specified() }).await;
    setup.promote(setup.images.release()).await.unwrap();
    setup.target.settle();
    // metadist/synaplan#1613
    let (moved, report) = setup.move_the_tag().await;
    report.unwrap();
    assert_eq!(setup.target.manifest(&moved.repository, &moved.tag).as_deref(), Some(moved.bytes()));
}

/// Tokens as they are, beside those of the specification.
#[tokio::test]
async fn tokens_in_other_words() {
    for (issue, bearer) in [
        ("Azure/acr, AAD-OAuth.md", Bearer { field: "access_token", ..Bearer::SPECIFIED }),
        ("containers/image#1265", Bearer { expires_in: None, ..Bearer::SPECIFIED }),
        ("docker token specification, expires_in", Bearer { expires_in: Some(0), ..Bearer::SPECIFIED }),
        ("estesp/manifest-tool#53", Bearer { is_narrow: true, is_elsewhere: true, ..Bearer::SPECIFIED }),
        (
            "dependabot/dependabot-core#4212",
            Bearer { scope: registry_profiles::Scope::Global("aws"), ..Bearer::SPECIFIED },
        ),
        (
            "goharbor/harbor#18856",
            Bearer { insufficient: registry_profiles::Insufficient::Basic, is_narrow: true, ..Bearer::SPECIFIED },
        ),
    ] {
        let profile = Profile { auth: Auth::Bearer(bearer), ..profiles::specified() };
        from(issue, profile.clone()).await;
        to(issue, profile).await;
    }
}

/// A location is kept as it is, wherever it leads.
#[tokio::test]
async fn locations_of_uploads() {
    for (issue, path, query, is_absolute) in [
        ("apple/swift-container-plugin#44", "/v2/NAME/blobs/upload/ID", "", false),
        ("gitpod-io/gitpod#10214", "/artifacts-uploads/namespaces/x/uploads/AHf3wE4nAr2pE2m5WYTLzxtkWH/ID", "", false),
        ("gitpod-io/gitpod#10214", "/artifacts-uploads/namespaces/x/uploads/ID", "?upload_id=a%2Fb%3D%3D", true),
        ("Azure/azure-sdk-for-go", "/v2/NAME/blobs/uploads/ID", "?_nouploadcache=false&_state=VYAB%2B", false),
        ("distribution/distribution", "/v2/NAME/blobs/uploads/ID", "?_state=REw3Q%3D", true),
    ] {
        let specified = profiles::specified();
        let uploads = Uploads { path, query, is_absolute, ..specified.uploads };
        to(issue, Profile { uploads, ..specified }).await;
    }
}

/// What was taken was taken, whichever status says so.
#[tokio::test]
async fn successes_in_other_words() {
    for (issue, put_status, done_status) in [
        ("distribution/distribution#142", 202, 201),
        ("opencontainers/distribution-spec#86", 201, 204),
        ("distribution/distribution#3230", 200, 202),
        ("opencontainers/distribution-spec#68", 204, 201),
    ] {
        let specified = profiles::specified();
        let manifests = Manifests { put_status, put_has_location: false, ..specified.manifests };
        let uploads = Uploads { done_status, ..specified.uploads };
        to(issue, Profile { manifests, uploads, ..specified }).await;
    }
}

/// A tag that may not move is called so, and stays.
#[tokio::test]
async fn tags_that_may_not_move() {
    for (issue, refusal) in [
        (
            "goharbor/harbor#9427",
            Refusal::error(412, "PRECONDITION", "Failed to process request due to 'a:1' configured as immutable."),
        ),
        ("quay/quay, endpoints/v2/errors.py", refusal(409, "TAG_ALREADY_EXISTS")),
        ("mulgadc/spinifex#392", refusal(409, "TAG_IMMUTABLE")),
        (
            "distr-sh/distr#1274",
            Refusal::error(409, "DENIED", "an image for tag 1 already exists and cannot be overwritten"),
        ),
        (
            "GoogleContainerTools/jib#2395",
            Refusal::error(400, "BLOB_UPLOAD_INVALID", "Repository does not allow updating assets: a"),
        ),
        (
            "moby/buildkit#3776",
            Refusal::error(400, "TAG_INVALID", "cannot be overwritten because the repository is immutable."),
        ),
        (
            "docs.mirantis.com, prevent-tags-from-being-overwritten",
            Refusal::error(400, "UNKNOWN", "tag=1 cannot be overwritten because x is an immutable repository"),
        ),
    ] {
        println!("{issue}");
        let profile = Profile { immutable: Some(refusal), ..profiles::specified() };
        let setup = Setup::new(profiles::specified(), profile).await;
        setup.promote_and_judge().await;
        let before = setup.target.manifest("team/sidecar", "1.0");
        let (moved, report) = setup.move_the_tag().await;
        assert_eq!(report.unwrap_err().name(), Name::TagConflict, "{issue}");
        assert_eq!(setup.target.manifest(&moved.repository, &moved.tag), before);
    }
}

/// What a target does not take is called what it is, and no tag is written.
#[tokio::test]
async fn writes_that_are_refused() {
    let large = Refusal::other(413, Body::Html("<html><title>413 Request Entity Too Large</title></html>"));
    for (issue, method, part, refusal, name) in [
        ("goharbor/harbor#13553, client_max_body_size", "PUT", "/blobs/uploads/", large, Name::RegistryLimit),
        ("goharbor/harbor#13553, client_max_body_size", "PUT", "/manifests/", large, Name::RegistryLimit),
        ("cirruslabs/tart#890", "PUT", "/manifests/sha256:", refusal(405, "UNSUPPORTED"), Name::RegistryLimit),
        ("project-zot/zot#596", "PUT", "/manifests/sha256:", refusal(415, "MANIFEST_INVALID"), Name::RegistryLimit),
        ("goharbor/harbor#12792", "POST", "/blobs/uploads/", refusal(403, "DENIED"), Name::TargetAccessDenied),
        ("docker/hub-feedback#2466", "PUT", "/manifests/1.0", refusal(403, "DENIED"), Name::TargetAccessDenied),
        (
            "dotnet/sdk-container-builds#279",
            "POST",
            "/blobs/uploads/",
            refusal(404, "NAME_UNKNOWN"),
            Name::TargetRepositoryNotFound,
        ),
    ] {
        println!("{issue}");
        let setup = Setup::new(profiles::specified(), profiles::specified()).await;
        setup.target.answer(Odd::always(method, part, refusal));
        let error = setup.promote(setup.images.release()).await.unwrap_err();
        assert_eq!(error.name(), name, "{issue}: {error}");
        assert!(!error.is_temporary(), "{issue}: {error}");
        for image in setup.images.all() {
            assert!(!setup.target.tags(&image.repository).contains("1.0"), "{issue}");
        }
    }
}

/// Where a tag keeps its media type, one that would go from an image to an index is refused, and called what it is.
#[tokio::test]
async fn tags_that_keep_their_media_type() {
    // project-zot/zot#3005
    let setup = Setup::new(profiles::specified(), profiles::zot()).await;
    let moved = moved(&setup.images.app);
    setup.target.hold(&moved);
    let error = setup.promote(setup.images.release()).await.unwrap_err();
    assert_eq!(error.name(), Name::RegistryLimit, "{error}");
    assert!(error.to_string().contains("cannot change media-type"), "{error}");
    assert_eq!(setup.target.manifest("team/app", "1.0").as_deref(), Some(moved.bytes()));
}

/// Lists of referrers that the specification does not rule out.
#[tokio::test]
async fn referrers_that_are_listed_twice_null_or_page_by_page() {
    for (issue, listed) in [
        ("project-zot/zot#2506", Listed { has_duplicates: true, ..Listed::SPECIFIED }),
        ("goharbor/harbor#18305", Listed { none_is_null: true, ..Listed::SPECIFIED }),
        ("google/go-containerregistry#2446", Listed { page: 1, ..Listed::SPECIFIED }),
        ("google/go-containerregistry#1962", Listed { wants_index: Some(refusal(406, "")), ..Listed::SPECIFIED }),
        ("quay/quay#3071", Listed { absent_subject: Some(refusal(404, "MANIFEST_UNKNOWN")), ..Listed::SPECIFIED }),
        ("quay/quay#3071", Listed { absent_subject: Some(refusal(404, "NAME_UNKNOWN")), ..Listed::SPECIFIED }),
    ] {
        let profile = Profile { referrers: Referrers::Listed(listed), ..profiles::specified() };
        from(issue, profile.clone()).await;
        to(issue, profile).await;
    }
}

/// A conflict that is about no tag is none of tags; one about a manifest that is there is none at all.
#[tokio::test]
async fn conflicts_that_are_about_no_tag() {
    for refusal in [Refusal::other(409, Body::Text("Conflict")), refusal(409, "UNKNOWN")] {
        let setup = Setup::new(profiles::specified(), profiles::specified()).await;
        setup.target.answer(Odd::always("PUT", "/manifests/", refusal));
        let error = setup.promote(setup.images.release()).await.unwrap_err();
        assert_ne!(error.name(), Name::TagConflict, "{error}");
        // One that passes is waited for.
        let setup = Setup::new(profiles::specified(), profiles::specified()).await;
        setup.target.answer(Odd::always("PUT", "/manifests/", refusal).times(2));
        setup.promote_and_judge().await;
    }
    // docker/cli#5874
    let specified = profiles::specified();
    let manifests = Manifests { again: Some(refusal(409, "CONFLICT")), ..specified.manifests };
    let setup = Setup::new(profiles::specified(), Profile { manifests, ..specified }).await;
    // An earlier build pushed one of the platforms, and others have another index over it.
    let app = &setup.images.app;
    let image = app.manifests.iter().find(|manifest| !manifest.is_index()).unwrap().clone();
    setup.target.put("team/app", &Content { manifests: vec![image], blobs: app.blobs.clone() });
    setup.promote_and_judge().await;
}

/// What a manifest lacks is brought, whatever that is called.
#[tokio::test]
async fn children_that_are_not_there_yet() {
    for (issue, lacking) in [
        ("oras-project/oras-py#54", refusal(400, "BLOB_UPLOAD_UNKNOWN")),
        ("oras-project/oras#601", refusal(400, "MANIFEST_BLOB_UNKNOWN")),
        ("distribution-spec, code-5", refusal(404, "MANIFEST_BLOB_UNKNOWN")),
        ("int128/docker-manifest-create-action#857", refusal(404, "MANIFEST_UNKNOWN")),
        ("oras-project/oras#601", refusal(404, "BLOB_UNKNOWN")),
    ] {
        let specified = profiles::specified();
        let manifests = Manifests { lacking, ..specified.manifests };
        to(issue, Profile { manifests, lag: Lag { manifests: 1, tags: 0 }, ..specified }).await;
    }
}

/// What is missing where a registry leads to is missing, and is so at once.
#[tokio::test]
async fn what_is_missing_elsewhere_is_missing() {
    let front = Front::Redirector { write: Refusal::other(405, Body::Empty) };
    let setup = Setup::new(Profile { front, ..profiles::specified() }, profiles::specified()).await;
    setup.source.untag("team/app", "1.0");
    let error = setup.promote(setup.images.release()).await.unwrap_err();
    assert_eq!(error.name(), Name::SourceImageNotFound, "kubernetes/registry.k8s.io#287: {error}");
    let asked =
        setup.source.requests().iter().filter(|seen| seen.target.starts_with("/v2/team/app/manifests/1.0")).count();
    assert_eq!(asked, 2, "once there, and once where it leads to");
    assert!(!setup.source.leaked());
}
