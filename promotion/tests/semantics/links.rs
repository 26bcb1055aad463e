//! Links between the documents of this project.

use std::path::{Path, PathBuf};

use crate::document::sections;

/// The documents that are read by users.
pub(crate) fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = [root.clone(), root.join("docs"), root.join("docs/decisions")];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|extension| extension == "md")).collect()
}

/// The links that lead nowhere: to a file that does not exist, or to a heading that it does not have.
pub(crate) fn broken(document: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(document).unwrap();
    let sections = sections(&text);
    let prose = sections.iter().flat_map(|section| &section.prose);
    let links = prose.flat_map(|line| line.split("](").skip(1)).filter_map(|rest| rest.split(')').next());
    let mut broken = Vec::new();
    for link in links.filter(|link| !link.contains("://")) {
        let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
        let file = if file.is_empty() { document.to_owned() } else { document.with_file_name("").join(file) };
        let leads_somewhere = match (file.is_file(), anchor) {
            (exists, "") => exists || file.is_dir(),
            (true, anchor) => headings(&std::fs::read_to_string(&file).unwrap()).any(|heading| heading == anchor),
            (false, _) => false,
        };
        if !leads_somewhere {
            broken.push(format!("{}: {link}", document.display()));
        }
    }
    broken
}

/// The anchors that GitHub gives to headings.
fn headings(text: &str) -> impl Iterator<Item = String> {
    let anchor = |title: String| {
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    sections(text).into_iter().map(move |section| anchor(section.title))
}
