use std::fmt;

/// How often in a row a blob may be cut without progress in between.
const IN_A_ROW: u32 = 5;

/// What counts as progress: fewer bytes than this between two cuts are drops.
const PROGRESS: u64 = 64 << 10;

/// How often a blob may be cut in all: so often, and once more for each [`BYTES_PER_CUT`] that have come. A line that
/// breaks every few seconds still brings a large blob, and nothing is opened again and again for little.
const IN_ALL: u32 = 16;

/// See [`IN_ALL`].
const BYTES_PER_CUT: u64 = 1 << 20;

/// How often a blob was cut while it was read, and how far it had come by then.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    /// Since progress was made.
    in_a_row: u32,
    in_all: u64,
    /// How many bytes had come when progress was last made, and in all.
    progress_at: u64,
    received: u64,
}

impl Cuts {
    /// Counts a cut after so many bytes of the blob. Gives how many there were in a row.
    pub(super) fn cut(&mut self, received: u64) -> u32 {
        self.received = received;
        if received - self.progress_at >= PROGRESS {
            (self.in_a_row, self.progress_at) = (0, received);
        }
        self.in_a_row += 1;
        self.in_all += 1;
        self.in_a_row
    }

    /// Whether it makes sense to open the blob once more.
    pub(super) fn may_go_on(&self) -> bool {
        self.in_a_row < IN_A_ROW && self.in_all < u64::from(IN_ALL) + self.received / BYTES_PER_CUT
    }
}

/// In front of what cut the blob last.
impl fmt::Display for Cuts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = if self.in_all == 1 { "once".to_owned() } else { format!("{} times", self.in_all) };
        write!(f, "cut {times}, and {} bytes came", self.received)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many cuts it ends, if so many bytes come before each; none if the blob is whole before.
    fn ends(bytes_per_cut: u64, size: u64) -> Option<u64> {
        let mut cuts = Cuts::default();
        (1..).take_while(|nth| nth * bytes_per_cut < size).find(|nth| {
            cuts.cut(nth * bytes_per_cut);
            !cuts.may_go_on()
        })
    }

    #[test]
    fn drops_end_it_and_a_line_that_breaks_often_does_not() {
        let gib = 1 << 30;
        for (bytes_per_cut, size, expected) in [
            (1, 3571, Some(5)),
            (10_000, 10 * gib, Some(5)),
            // Progress every other time.
            (PROGRESS - 1, 10 * gib, Some(16)),
            // Progress each time, and too little of it.
            (PROGRESS, 10 * gib, Some(17)),
            (256 << 10, 10 * gib, Some(21)),
            (BYTES_PER_CUT, 10 * gib, None),
            (100_000_000, 10 * gib, None),
        ] {
            assert_eq!(ends(bytes_per_cut, size), expected, "{bytes_per_cut} of {size}");
        }
    }
}
