//! Names that look like one that is not there, found with bounded work.

use super::table::Table;

/// How many names an answer holds.
const MAX_NAMES: usize = 3;

/// Up to this many names are all looked at; of more, only the neighbours.
const MAX_SMALL_TABLE: usize = 1_024;

/// How many neighbours are looked at on each side.
const MAX_NEIGHBOURS: usize = 128;

/// The most distance cells (length times length) that one search computes.
const MAX_CELLS: usize = 1 << 20;

/// The most edits between names that look alike.
const MAX_EDITS: usize = 3;

/// Up to three names with the fewest edits from `name`, the nearest first.
pub(super) fn names(table: &Table, name: &str) -> Vec<String> {
    let reach = if table.names() <= MAX_SMALL_TABLE {
        MAX_SMALL_TABLE
    } else {
        MAX_NEIGHBOURS
    };
    let length = name.chars().count();
    let max_edits = (length / 3).clamp(1, MAX_EDITS);
    let mut cells = 0;
    let mut near = Vec::new();
    let behind = table.from(name).map(|(name, _)| name).take(reach);
    for candidate in behind.chain(table.before(name).take(reach)) {
        let candidate_length = candidate.chars().count();
        if candidate_length.abs_diff(length) > max_edits {
            continue;
        }
        cells += length * candidate_length;
        if cells > MAX_CELLS {
            break;
        }
        let edits = strsim::osa_distance(name, candidate);
        if edits <= max_edits {
            near.push((edits, candidate));
        }
    }
    near.sort_unstable();
    near.into_iter()
        .take(MAX_NAMES)
        .map(|(_, name)| name.to_owned())
        .collect()
}
