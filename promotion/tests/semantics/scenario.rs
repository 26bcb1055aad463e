//! The notation of the scenarios, which `docs/semantics.md` explains to its readers.

use std::time::Duration;

use promotion::{Mounting, Until};

use crate::document::Block;
use crate::memory::Fault;
use crate::world::World;

pub(crate) async fn run(block: &Block) -> Result<(), String> {
    let mut world = World::default();
    let mut lines = block.text.lines().filter(|line| !line.is_empty()).peekable();
    while let Some(line) = lines.next() {
        let message: Vec<_> =
            std::iter::from_fn(|| lines.next_if(|line| line.starts_with("  "))).map(str::trim).collect();
        follow(&mut world, line, &message.join("\n")).await.map_err(|why| format!("{line}: {why}"))?;
    }
    world.end()
}

async fn follow(world: &mut World, line: &str, message: &str) -> Result<(), String> {
    let words: Vec<_> = line.split_whitespace().collect();
    match words[..] {
        // What there is.
        ["target", name, ref repositories @ ..] => world.add_target(name, repositories),
        [place, image, "=", content] => world.seed(place, image, content)?,
        [place, repository, "loses", content] => world.lose(place, repository, content)?,
        [place, repository, "attaches", text, "to", subject] => world.attach(place, repository, text, subject)?,
        [place, repository, "signs", subject, "with", layers] => world.sign(place, repository, subject, layers)?,
        [place, "lists", "referrers"] => world.registry(place)?.state().lists_referrers = true,
        [place, "asks", "one", "by", "one"] => world.registry(place)?.state().one_by_one = true,
        [place, "mounts"] => world.registry(place)?.state().mounting = Mounting::Referenced,
        [place, repository, "immutable"] => world.make_immutable(place, repository, None)?,
        [place, repository, "immutable", "but", pattern] => world.make_immutable(place, repository, Some(pattern))?,
        // What goes wrong.
        [place, operation, "fails", ref how @ ..] => {
            let (skipped, times, how) = match *how {
                ["once", ref how @ ..] => (0, 1, how),
                ["always", ref how @ ..] => (0, usize::MAX, how),
                ["after", calls, ref how @ ..] => (number(calls)?, usize::MAX, how),
                [times, "times", ref how @ ..] => (0, number(times)?, how),
                _ => return Err("fails how often?".into()),
            };
            world.fail(place, kind(operation)?, skipped, times, fault(how)?)?;
        }
        ["healed"] => world.heal(),
        // What is done.
        ["stage", ref what @ ..] => world.promote(what, Until::Staged).await?,
        ["promote", ref what @ ..] => world.promote(what, Until::Tagged).await?,
        // What is expected of it.
        ["succeeds"] => world.succeeded()?,
        ["fails", name] => world.failed(name, message)?,
        [place, repository, "has", text, "on", subject] => world.has_referrer(place, repository, text, subject)?,
        [place, "has", "nothing"] => world.has(place, &[])?,
        [place, "has", ref images @ ..] => world.has(place, images)?,
        [place, "calls", count] => world.calls(place, None, number(count)?)?,
        [place, "calls", operation, count] => world.calls(place, Some(kind(operation)?), number(count)?)?,
        [place, "calls", first, "before", second] => world.in_order(place, kind(first)?, kind(second)?)?,
        ["notes"] => world.notes(message)?,
        ["report", "left", "elsewhere", count] => world.left_elsewhere(number(count)?)?,
        ["report", target, field, count] => world.reported(target, field, number(count)?)?,
        _ => return Err("there is no such line".into()),
    }
    Ok(())
}

fn fault(words: &[&str]) -> Result<Fault, String> {
    use promotion::{Error, Name};
    Ok(match *words {
        ["503"] => Fault::Fail(Error::new(Name::RegistryUnavailable, "503")),
        ["refused"] => Fault::Fail(Error::new(Name::RegistryLimit, "refused")),
        ["denied"] => Fault::Fail(Error::new(Name::TargetAccessDenied, "denied")),
        ["cut", after] => Fault::Cut(number(after)?),
        ["stalled", after] => Fault::Stall(number(after)?),
        ["flipped", at] => Fault::Flip(number(at)?),
        ["hanging"] => Fault::Hang,
        ["forgetful"] => Fault::Forgetful,
        ["late", seconds] => Fault::Late(Duration::from_secs(number(seconds)? as u64)),
        _ => return Err("fails in what way?".into()),
    })
}

/// A kind of call. A wrong one would be counted as never made.
fn kind(text: &str) -> Result<&str, String> {
    const KINDS: [&str; 12] = [
        "manifests",
        "referrers",
        "tags",
        "repository_settings",
        "mounting",
        "has_blobs",
        "open_blob",
        "start_upload",
        "put_blob",
        "mount_blob",
        "put_manifest",
        "tag",
    ];
    if KINDS.contains(&text) { Ok(text) } else { Err(format!("{text} is no kind of call")) }
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}
