//! What `--help` says after the options, and what the manual says of the same: texts, which tests hold to the program.

/// Of every command together.
pub(crate) const AFTER_HELP: &str = "\
A REGISTRY is `host[:port]`, `http://host:port` for one without TLS (which localhost and 127.0.0.1 are by themselves), or the host of an ECR registry, such as \
111122223333.dkr.ecr.eu-west-1.amazonaws.com.

Logins are those of `docker login` and `podman login`, and what their credential helpers keep. For ECR they are AWS \
credentials, found as the AWS CLI finds them.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C, 143 stopped by SIGTERM.

Examples:
  # How to use one command
  transship help promote
  # Look for all that would fail, then promote
  transship check deploy-manifest.json --source ghcr.io --target registry.example:5000
  transship promote deploy-manifest.json --source ghcr.io --target registry.example:5000";

pub(crate) const PROMOTE: &str = "\
Examples:
  # What would be done
  transship promote deploy-manifest.json --source ghcr.io --target registry.example:5000 --dry-run
  # To two registries: no tag is written before both have all of it
  transship promote deploy-manifest.json --source ghcr.io --target a.example --target b.example
  # Between accounts of AWS, with a role that may write in the target
  transship promote deploy-manifest.json --source 111122223333.dkr.ecr.eu-west-1.amazonaws.com --target \
444455556666.dkr.ecr.eu-west-1.amazonaws.com --target-role arn:aws:iam::444455556666:role/promoter
  # A registry with a certificate of one's own authority
  transship promote deploy-manifest.json --source ghcr.io --target registry.example:5000 --ca registry.example:5000=ca.pem
  # In a build job: the answer as JSON
  transship promote deploy-manifest.json --source ghcr.io --target registry.example:5000 --json > promoted.json";

pub(crate) const CHECK: &str = "\
Examples:
  # All that would fail, listed together
  transship check deploy-manifest.json --source ghcr.io --target registry.example:5000
  # A release that another program writes
  generate-release | transship check - --source ghcr.io --target registry.example:5000";

pub(crate) const VERIFY: &str = "\
Examples:
  # Can everything be pulled by its tag?
  transship verify deploy-manifest.json --source ghcr.io --target registry.example:5000
  # The same, reading every byte
  transship verify deploy-manifest.json --source ghcr.io --target registry.example:5000 --full";

pub(crate) const COMPLETIONS: &str = "\
Examples:
  # For this shell
  source <(transship completions bash)";

pub(crate) const MAN: &str = "\
Examples:
  # Read it
  transship man | man -l -
  # Install it
  transship man > ~/.local/share/man/man1/transship.1";

/// With what the program ends.
pub(crate) const EXIT_STATUS: [(&str, &str); 5] = [
    ("0", "Done: what was asked for is there, or no problem was found."),
    ("1", "Failed: an error is on stderr, and with --json on stdout."),
    ("2", "Wrong usage: the command line, or RUST_LOG, cannot be meant so. Nothing was sent."),
    ("130", "Stopped by SIGINT (Ctrl-C): what stands is said, and the next run goes on from there."),
    ("143", "Stopped by SIGTERM, in the same way."),
];

/// What is read of the environment.
pub(crate) const ENVIRONMENT: [(&str, &str); 9] = [
    ("REGISTRY_AUTH_FILE", "A file of logins, which comes first."),
    ("XDG_RUNTIME_DIR, XDG_CONFIG_HOME", "The folders of Podman's containers/auth.json."),
    ("DOCKER_CONFIG", "The folder of Docker's config.json, instead of ~/.docker."),
    ("HOME", "Where these and the files of AWS are, if nothing else says so."),
    ("HTTPS_PROXY, https_proxy", "The proxy for https, as http://host:port."),
    ("NO_PROXY, no_proxy", "Hosts, domains and networks that are reached without it, separated by commas."),
    ("SSL_CERT_FILE, SSL_CERT_DIR", "Certificates of the authorities to trust, instead of those of this machine."),
    ("RUST_LOG", "What is logged on stderr, such as registry=debug or error."),
    ("AWS_PROFILE, AWS_ACCESS_KEY_ID, AWS_REGION, ...", "For ECR: what the AWS SDK reads."),
];

/// The examples of a text, each with what it is for.
pub(crate) fn examples(text: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut words = "";
    let lines = text.split_once("Examples:\n").map_or("", |(_, examples)| examples).lines().map(str::trim);
    lines.filter_map(move |line| match line.strip_prefix("# ") {
        Some(said) => {
            words = said;
            None
        }
        None => Some((std::mem::take(&mut words), line)),
    })
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::arguments::Arguments;

    const REFERENCE: &str = include_str!("../../docs/reference.md");

    #[test]
    fn every_help_has_examples_that_the_program_takes() {
        let mut helps = vec![Arguments::command()];
        helps.extend(Arguments::command().get_subcommands().cloned());
        for mut command in helps {
            let help = command.render_help().to_string();
            let examples = help.split_once("Examples:\n").unwrap_or_else(|| panic!("no examples:\n{help}")).1;
            assert!(examples.contains("  transship ") || examples.contains("(transship "), "{help}");
        }
        for (_, line) in [AFTER_HELP, PROMOTE, CHECK, VERIFY, COMPLETIONS, MAN].into_iter().flat_map(examples) {
            let words = line.split([' ', '(', ')']).skip_while(|word| *word != "transship");
            let words: Vec<_> = words.take_while(|word| !["|", ">", ""].contains(word)).collect();
            match Arguments::try_parse_from(&words) {
                Ok(_) => {}
                Err(error) if error.kind() == clap::error::ErrorKind::DisplayHelp => {}
                Err(error) => panic!("{line}: {error}"),
            }
        }
    }

    #[test]
    fn the_reference_has_every_exit_code_and_variable() {
        let codes = REFERENCE.split("**Exit codes:**").nth(1).and_then(|rest| rest.split("\n\n").next());
        let codes = codes.unwrap().replace('\n', " ");
        for (code, _) in EXIT_STATUS {
            assert!(codes.contains(&format!("{code} ")) && AFTER_HELP.contains(&format!("{code} ")), "{code}");
        }
        let command_line = REFERENCE.split("## Command line").nth(1).and_then(|rest| rest.split("\n## ").next());
        for name in ENVIRONMENT.iter().flat_map(|(names, _)| names.split(", ")).filter(|name| *name != "...") {
            let is_general = name.starts_with("AWS_") || name.contains("_proxy") || name == "HOME";
            assert!(is_general || command_line.unwrap().contains(name), "{name}");
        }
    }
}
