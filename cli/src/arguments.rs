use std::ffi::OsStr;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Args, Parser, Subcommand};
use clap_complete::Shell;
use promotion::ReferrerPolicy;
use registry::Location;

use crate::help;
use crate::network::Reaching;
use crate::role_arn::RoleArn;

/// Promotes the container images of a release between registries: whole or not at all, by digest, tags last
#[derive(Debug, Parser)]
#[command(name = "transship", version, after_help = help::AFTER_HELP, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
pub(crate) enum Command {
    #[command(flatten)]
    Work(Work),
    /// Print the completions for a shell
    #[command(after_help = help::COMPLETIONS)]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, in the language of man(1)
    #[command(after_help = help::MAN)]
    Man,
}

/// What is done with a release.
#[derive(Debug, Subcommand)]
pub(crate) enum Work {
    /// Copy a release to every target: all images by digest, then verified, then tagged
    #[command(after_help = help::PROMOTE)]
    Promote(Promote),
    /// Look in the source and in every target for all that would fail; write nothing
    #[command(after_help = help::CHECK)]
    Check(Check),
    /// Pull a release from every target by its tags, which have to hold the digests that the source has
    #[command(after_help = help::VERIFY)]
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(crate) struct Promote {
    #[command(flatten)]
    pub(crate) between: Between,
    /// Show what would be done; write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) referrers: Referrers,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) between: Between,
    #[command(flatten)]
    pub(crate) referrers: Referrers,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) between: Between,
    /// Read and hash every byte, instead of asking for every blob
    #[arg(long)]
    pub(crate) full: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// A release, where it comes from and where it goes.
#[derive(Debug, Args)]
pub(crate) struct Between {
    /// The release: a deploy-manifest.json, or `-` for standard input
    pub(crate) manifest: PathBuf,
    /// Where the images are
    #[arg(long, value_name = "REGISTRY", value_parser = Unquoted::<Location>::NEW)]
    pub(crate) source: Location,
    /// Where the images go. Give it several times for several targets: they get the release together, and no tag is
    /// written before all of them have all of it
    #[arg(long = "target", value_name = "REGISTRY", required = true, value_parser = Unquoted::<Location>::NEW)]
    pub(crate) targets: Vec<Location>,
    /// The role to assume before a source in ECR is read
    #[arg(long, value_name = "ARN", value_parser = Unquoted::<RoleArn>::NEW)]
    pub(crate) source_role: Option<RoleArn>,
    /// The role to assume before a target in ECR is spoken to
    #[arg(long, value_name = "ARN", value_parser = Unquoted::<RoleArn>::NEW)]
    pub(crate) target_role: Option<RoleArn>,
    /// The external id with which the target's role is assumed
    #[arg(long, value_name = "ID", requires = "target_role")]
    pub(crate) external_id: Option<String>,
    #[command(flatten)]
    pub(crate) reaching: Reaching,
}

/// What becomes of the referrers of the images.
#[derive(Debug, Args)]
pub(crate) struct Referrers {
    /// Leave signatures, SBOMs and attestations that refer to the images where they are
    #[arg(long)]
    no_referrers: bool,
    /// Fail if a target does not take one of them, instead of going on without it
    #[arg(long, conflicts_with = "no_referrers")]
    require_referrers: bool,
}

impl Referrers {
    pub(crate) fn referrer_policy(&self) -> ReferrerPolicy {
        match (self.no_referrers, self.require_referrers) {
            (true, _) => ReferrerPolicy::Leave,
            (false, true) => ReferrerPolicy::Require,
            (false, false) => ReferrerPolicy::Carry,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Output {
    /// Print one JSON object on stdout, also when it fails; show no progress
    #[arg(long)]
    pub(crate) json: bool,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Log each request on stderr, instead of a progress bar
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

/// Reads an address or a role. The message of clap would quote a wrong one, and with it the password that was written
/// into it, or the external id that was put in its place.
#[derive(Debug, Clone)]
struct Unquoted<T>(PhantomData<T>);

impl<T> Unquoted<T> {
    const NEW: Self = Self(PhantomData);
}

impl<T: FromStr<Err = promotion::Error> + Clone + Send + Sync + 'static> TypedValueParser for Unquoted<T> {
    type Value = T;

    fn parse_ref(&self, command: &clap::Command, argument: Option<&Arg>, text: &OsStr) -> Result<T, clap::Error> {
        text.to_string_lossy().parse().map_err(|error: promotion::Error| {
            let argument = argument.map(Arg::to_string).unwrap_or_default();
            clap::Error::raw(ErrorKind::ValueValidation, format!("{argument}: {error}\n")).with_cmd(command)
        })
    }
}

impl Work {
    pub(crate) fn output(&self) -> Output {
        match self {
            Self::Promote(promote) => promote.output,
            Self::Check(check) => check.output,
            Self::Verify(verify) => verify.output,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    const REFERENCE: &str = include_str!("../../docs/reference.md");

    fn parse(line: &str) -> Result<Command, clap::Error> {
        Ok(Arguments::try_parse_from(line.split_whitespace())?.command)
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_reference_lists_every_flag() {
        let arguments = Arguments::command();
        let flags: Vec<_> =
            arguments.get_subcommands().flat_map(clap::Command::get_arguments).filter_map(Arg::get_long).collect();
        assert!(flags.contains(&"dry-run"));
        for flag in flags {
            assert!(REFERENCE.contains(&format!("`--{flag}")), "--{flag}");
        }
    }

    #[test]
    fn the_examples_in_the_reference_are_accepted() {
        let examples = REFERENCE.split("```sh transship\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let lines: Vec<_> = examples.lines().map(|line| line.split(" > ").next().unwrap()).collect();
        assert!(lines.len() > 3);
        for line in lines {
            let command = parse(line).unwrap_or_else(|error| panic!("{line}\n{error}"));
            assert!(matches!(command, Command::Work(_)), "{line}");
        }
    }

    #[test]
    fn referrers_are_left_or_required_and_not_both() {
        let line = "transship promote m.json --source a.example --target b.example";
        for (more, expected) in [
            ("", Some(ReferrerPolicy::Carry)),
            ("--no-referrers", Some(ReferrerPolicy::Leave)),
            ("--require-referrers", Some(ReferrerPolicy::Require)),
            ("--no-referrers --require-referrers", None),
        ] {
            let referrer_policy = parse(&format!("{line} {more}")).ok().map(|command| match command {
                Command::Work(Work::Promote(promote)) => promote.referrers.referrer_policy(),
                other => panic!("{other:?}"),
            });
            assert_eq!(referrer_policy, expected, "{more}");
        }
        assert!(parse(&format!("{line} --external-id x")).is_err(), "an external id is for a role");
        assert!(parse("transship promote m.json --source a.example").is_err());
    }
}
