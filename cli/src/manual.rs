use std::io::{Result, Write};

use clap::{Arg, ArgAction, Command, CommandFactory};
use clap_mangen::Man;

use crate::arguments::Arguments;
use crate::help::{self, ENVIRONMENT, EXIT_STATUS, examples};

/// Writes the manual: one page, with a part for each command.
pub(crate) fn render(page: &mut impl Write) -> Result<()> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let whole = Man::new(command.clone());
    whole.render_title(page)?;
    whole.render_name_section(page)?;
    section(page, "SYNOPSIS")?;
    for part in command.get_subcommands() {
        writeln!(page, "{}\n.br", synopsis(part))?;
    }
    writeln!(page, "\\fBtransship help\\fR [\\fICOMMAND\\fR]")?;
    whole.render_description_section(page)?;
    let (registries, _) = help::AFTER_HELP.split_once("\n\nExit codes").unwrap_or((help::AFTER_HELP, ""));
    for paragraph in registries.split("\n\n") {
        writeln!(page, ".PP\n{}", plain(paragraph))?;
    }
    for part in command.get_subcommands() {
        section(page, &part.get_bin_name().unwrap_or(part.get_name()).to_uppercase())?;
        writeln!(page, "{}", plain(&part.get_about().map(ToString::to_string).unwrap_or_default()))?;
        for argument in part.get_arguments() {
            let about = argument.get_help().map(ToString::to_string).unwrap_or_default();
            writeln!(page, ".TP\n{}\n{}", name(argument), plain(&about))?;
        }
    }
    list(page, "EXIT STATUS", &EXIT_STATUS)?;
    list(page, "ENVIRONMENT", &ENVIRONMENT)?;
    section(page, "EXAMPLES")?;
    let texts = [help::CHECK, help::PROMOTE, help::VERIFY, help::COMPLETIONS, help::MAN];
    for (words, line) in texts.into_iter().flat_map(examples) {
        writeln!(page, ".PP\n{}:\n.PP\n.RS 4\n.nf\n{}\n.fi\n.RE", plain(words), plain(line))?;
    }
    Ok(())
}

fn section(page: &mut impl Write, title: &str) -> Result<()> {
    writeln!(page, ".SH \"{title}\"")
}

fn list(page: &mut impl Write, title: &str, entries: &[(&str, &str)]) -> Result<()> {
    section(page, title)?;
    entries.iter().try_for_each(|(term, meaning)| writeln!(page, ".TP\n\\fB{}\\fR\n{}", plain(term), plain(meaning)))
}

/// How a command is used: what has to be given with its value, and what may be.
fn synopsis(command: &Command) -> String {
    let (mut options, mut arguments): (Vec<_>, Vec<_>) = command
        .get_arguments()
        .filter(|argument| argument.get_id() != "help")
        .partition(|argument| argument.get_long().is_some());
    options.sort_by_key(|argument| !argument.is_required_set());
    arguments.sort_by_key(|argument| argument.get_index());
    let part = |argument: &Arg| {
        let more = if matches!(argument.get_action(), ArgAction::Append) { " ..." } else { "" };
        let name = name(argument).replace(", ", "|");
        if argument.is_required_set() { format!("{name}{more}") } else { format!("[{name}]{more}") }
    };
    let parts: Vec<_> = arguments.into_iter().chain(options).map(part).collect();
    format!("\\fB{}\\fR {}", command.get_bin_name().unwrap_or(command.get_name()), parts.join(" "))
        .trim_end()
        .to_owned()
}

/// `-q, --quiet`, `--source REGISTRY` or `MANIFEST`.
fn name(argument: &Arg) -> String {
    let short = argument.get_short().map(|short| format!("\\fB\\-{short}\\fR, ")).unwrap_or_default();
    let long = argument.get_long().map(|long| format!("{short}\\fB\\-\\-{}\\fR", plain(long)));
    let takes_value = argument.get_action().takes_values();
    let values = argument.get_value_names().filter(|_| takes_value).unwrap_or_default();
    let values = values.iter().map(|value| format!("\\fI{}\\fR", plain(value)));
    long.into_iter().chain(values).collect::<Vec<_>>().join(" ")
}

/// A text in the language of man(1), which takes a backslash for its own, and a dot or a quote at the beginning of a
/// line.
fn plain(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> String {
        let mut page = Vec::new();
        render(&mut page).unwrap();
        String::from_utf8(page).unwrap()
    }

    fn section<'p>(page: &'p str, title: &str) -> &'p str {
        page.split(&format!(".SH \"{title}\"\n")).nth(1).and_then(|rest| rest.split(".SH ").next()).unwrap_or_default()
    }

    #[test]
    fn every_option_of_every_command_is_in_its_section_of_the_manual() {
        let page = page();
        let mut command = Arguments::command();
        command.build();
        let mut options = 0;
        for part in command.get_subcommands().filter(|part| part.get_name() != "help") {
            let title = format!("TRANSSHIP {}", part.get_name().to_uppercase());
            let described = section(&page, &title);
            for option in part.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(
                    described.contains(&format!("\\-\\-{}\\", option.replace('-', "\\-"))),
                    "{option}\n{described}"
                );
                options += 1;
            }
        }
        assert!(options > 20);
    }

    #[test]
    fn the_synopsis_is_what_can_be_typed() {
        let page = page();
        let synopsis = section(&page, "SYNOPSIS").replace("\\fB", "").replace("\\fR", "").replace("\\fI", "");
        let synopsis = synopsis.replace("\\-", "-");
        for expected in [
            "transship promote MANIFEST --source REGISTRY --target REGISTRY ... [--source-role ARN]",
            " [-v|--verbose]",
            "transship completions SHELL\n",
            "transship man\n",
            "transship help [COMMAND]",
        ] {
            assert!(synopsis.contains(expected), "{expected}\n{synopsis}");
        }
    }

    #[test]
    fn exit_codes_variables_and_examples_have_sections() {
        let page = page();
        assert!(section(&page, "EXIT STATUS").contains("\\fB130\\fR"));
        assert!(section(&page, "ENVIRONMENT").contains("REGISTRY_AUTH_FILE"));
        let examples = section(&page, "EXAMPLES");
        for command in ["check", "promote", "verify", "completions", "man"] {
            assert!(examples.contains(&format!("transship {command}")), "{command}");
        }
    }
}
