//! The text of the line.

use std::fmt::Write as _;

use farcall_client::{Progress, Share};
use indicatif::{HumanCount, HumanDuration};

use crate::map_reduce;

/// The cells of a bar.
const CELLS: u64 = 24;

/// Members whose shares are shown one by one.
const MAX_SHARES: usize = 8;

/// `█████··· 1,200/4,000, 600/s, 5s left; worker.1 50 %, 2 50 %`
pub(super) fn job(progress: &Progress) -> String {
    let done = progress.done();
    let mut text = match progress.total {
        Some(total) => counted(done, total),
        None => HumanCount(done).to_string(),
    };
    let _ = write!(text, ", {}/s", rate(progress.rate()));
    if let Some(eta) = progress.eta() {
        let _ = write!(text, ", {:#} left", HumanDuration(eta));
    }
    let failed = progress.failed + progress.unknown;
    if failed > 0 {
        let _ = write!(text, ", {} failed", HumanCount(failed));
    }
    if !progress.shares.is_empty() {
        let _ = write!(text, "; {}", shares(&progress.shares));
    }
    text
}

/// `█████··· 12/40, map`
pub(super) fn step(progress: &map_reduce::Progress) -> String {
    let counted = counted(progress.done, progress.total);
    format!("{counted}, {}", progress.step)
}

fn counted(done: u64, total: u64) -> String {
    let filled = CELLS.min((done as f64 / total.max(1) as f64 * CELLS as f64) as u64);
    let bar = "█".repeat(filled as usize) + &"·".repeat((CELLS - filled) as usize);
    format!("{bar} {}/{}", HumanCount(done), HumanCount(total))
}

fn rate(per_second: f64) -> String {
    if per_second < 10.0 {
        format!("{per_second:.1}")
    } else {
        HumanCount(per_second as u64).to_string()
    }
}

/// Each member's part of the items in percent; of many members only the least and the largest.
fn shares(shares: &[Share]) -> String {
    let all: u64 = shares.iter().map(|share| share.ok).sum();
    let percent = |share: &Share| (share.ok as f64 * 100.0 / all.max(1) as f64).round();
    if shares.len() > MAX_SHARES {
        let least = shares.iter().map(percent).fold(f64::MAX, f64::min);
        let most = shares.iter().map(percent).fold(0.0, f64::max);
        return format!("{} members, {least} to {most} % each", shares.len());
    }
    let mut shares: Vec<&Share> = shares.iter().collect();
    // `worker.10` comes after `worker.9`.
    shares.sort_by_key(|share| (share.member.len(), share.member.clone()));
    let mut text = String::new();
    let mut kind = None;
    for share in shares {
        // What a name has in common with the one before is not said again.
        let (its_kind, rest) = match share.member.rfind('.') {
            Some(dot) => share.member.split_at(dot + 1),
            None => ("", &*share.member),
        };
        let name = if kind == Some(its_kind) {
            rest
        } else {
            &share.member
        };
        let comma = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{comma}{name} {} %", percent(share));
        kind = Some(its_kind);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(member: &str, ok: u64) -> Share {
        Share {
            member: member.into(),
            ok,
            failed: 0,
        }
    }

    #[test]
    fn shares_are_short_and_in_the_order_of_the_names() {
        let few = [share("w.10", 50), share("w.9", 25), share("far.1", 25)];
        assert_eq!(shares(&few), "w.9 25 %, 10 50 %, far.1 25 %");
        let few = [share("w.2", 30), share("w.1", 10), share("x", 0)];
        assert_eq!(shares(&few), "x 0 %, w.1 25 %, 2 75 %");
        let many: Vec<Share> = (0..9).map(|n| share(&format!("w.{n}"), 10 + n)).collect();
        assert_eq!(shares(&many), "9 members, 8 to 14 % each");
        assert_eq!(shares(&[share("w", 0)]), "w 0 %");
    }

    #[test]
    fn a_bar_fills_with_what_is_done() {
        assert_eq!(counted(0, 0), format!("{} 0/0", "·".repeat(24)));
        let half = format!("{}{} 600/1,200", "█".repeat(12), "·".repeat(12));
        assert_eq!(counted(600, 1_200), half);
        assert_eq!(counted(9, 8), format!("{} 9/8", "█".repeat(24)));
    }

    #[test]
    fn a_low_rate_has_a_decimal() {
        assert_eq!(
            [rate(0.46), rate(9.94), rate(12_345.6)],
            ["0.5", "9.9", "12,345"]
        );
    }
}
