//! As much of Markdown as `docs/semantics.md` uses: headings, fenced blocks, tables.

/// A heading and what stands below it, up to the next heading.
#[derive(Debug, Default)]
pub(crate) struct Section {
    pub(crate) level: usize,
    pub(crate) title: String,
    pub(crate) line: usize,
    pub(crate) prose: Vec<String>,
    pub(crate) blocks: Vec<Block>,
}

/// A fenced block. Its kind is what stands behind the opening fence.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub(crate) kind: String,
    /// The line of the document on which its text begins.
    pub(crate) line: usize,
    pub(crate) text: String,
}

pub(crate) fn sections(text: &str) -> Vec<Section> {
    let mut sections = vec![Section::default()];
    let mut open: Option<Block> = None;
    for (line, number) in text.lines().zip(1..) {
        let section = sections.last_mut().unwrap();
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(_), Some(_)) => section.blocks.extend(open.take()),
            (Some(kind), None) => open = Some(Block { kind: kind.to_owned(), line: number + 1, ..Block::default() }),
            (None, Some(block)) => block.text += &format!("{line}\n"),
            (None, None) => match line.trim_start_matches('#') {
                title if title.len() < line.len() => sections.push(Section {
                    level: line.len() - title.len(),
                    title: title.trim().to_owned(),
                    line: number,
                    ..Section::default()
                }),
                _ => section.prose.push(line.to_owned()),
            },
        }
    }
    assert!(open.is_none(), "a block is not closed: {open:?}");
    sections
}

impl Section {
    /// The cells of the table in this section, without its head.
    pub(crate) fn table(&self) -> Vec<Vec<&str>> {
        let rows = self.prose.iter().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
        rows.skip(2).map(|row| row.split('|').map(str::trim).collect()).collect()
    }

    /// Whether it says why it shows no example.
    pub(crate) fn is_excused(&self) -> bool {
        self.prose.iter().any(|line| line.starts_with("Not shown here: "))
    }
}
