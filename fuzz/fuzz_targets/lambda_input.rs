//! An event is read whole or refused by name, and its texts can stand in keys, names and paths.

#![no_main]

use fuzz::{Event, Pinned, assert_fit};
use libfuzzer_sys::fuzz_target;
use promotion::Name;

fuzz_target!(|data: &[u8]| {
    let Ok(json) = serde_json::from_slice(data) else { return };
    let event = match Event::parse(&json) {
        Ok(event) => event,
        Err(error) => {
            assert_eq!(error.name(), Name::InvalidInput);
            return assert_fit(error);
        }
    };
    let key = event.folder.file("deploy-manifest.json");
    assert!(key.split('/').all(|part| !matches!(part, "" | "." | "..")) && !key.chars().any(char::is_control), "{key}");
    assert!(event.folder.holds(&key) && key.starts_with(event.folder.repo()));
    assert!(!event.env.as_str().contains(['/', '\\', ' ']) && !event.env.as_str().is_empty());
    for target in event.targets.iter().flatten() {
        assert!(target.account.as_str().len() == 12 && !target.region.as_str().contains(['/', '.', ':', '@']));
    }
    if let Some(Pinned::Stored(stored)) = &event.pinned
        && stored.check(&event.s3_bucket, &event.folder).is_ok()
    {
        assert!(stored.s3_key.as_str().starts_with(event.folder.path()));
    }
    // The external id of a role never shows in an error.
    if let Some(id) = json["external_id"].as_str().filter(|id| id.len() > 20) {
        assert!(!format!("{:?}", event.external_id).contains(id));
    }
});
