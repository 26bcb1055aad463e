use std::io::{Result, Write};

use clap::CommandFactory;
use clap_mangen::Man;

use crate::arguments::Arguments;

/// Writes the manual: one page, with a section for each command.
pub(crate) fn render(page: &mut impl Write) -> Result<()> {
    let mut command = Arguments::command();
    command.build();
    let whole = Man::new(command.clone());
    whole.render_title(page)?;
    whole.render_name_section(page)?;
    whole.render_synopsis_section(page)?;
    whole.render_description_section(page)?;
    for part in command.get_subcommands() {
        writeln!(page, ".SH \"{}\"", part.get_bin_name().unwrap_or(part.get_name()).to_uppercase())?;
        let part = Man::new(part.clone());
        part.render_description_section(page)?;
        part.render_synopsis_section(page)?;
        part.render_options_section(page)?;
    }
    whole.render_extra_section(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_of_every_command_is_in_its_section_of_the_manual() {
        let mut page = Vec::new();
        render(&mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        let mut command = Arguments::command();
        command.build();
        let mut options = 0;
        for part in command.get_subcommands() {
            let title = format!(".SH \"TRANSSHIP {}\"\n", part.get_name().to_uppercase());
            let section = page.split(&title).nth(1).and_then(|rest| rest.split(".SH \"TRANSSHIP").next()).unwrap();
            let described = section.split(".SH OPTIONS\n").nth(1).unwrap_or_default();
            for option in part.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(described.contains(&format!("\\-\\-{}\\", option.replace('-', "\\-"))), "{option}\n{section}");
                options += 1;
            }
        }
        assert!(options > 20);
    }
}
