//! The Mandelbrot set in bands of rows, and its colours.

use serde::{Deserialize, Serialize};

/// The widest and highest picture.
pub const MAX_SIDE: u32 = 10_000;

/// The most iterations of a point.
pub const MAX_ITERATIONS: u32 = 100_000;

/// How many points one call computes, about.
const BAND_POINTS: u32 = 8192;

/// The escape of a point counts in steps of one iteration divided by this.
pub const STEPS_PER_ITERATION: u32 = 256;

/// The squared distance past which a point has escaped; large, so that colours change smoothly.
const ESCAPE: f64 = 65_536.0;

/// A picture of the whole set: how large, and how deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Points in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// After how many iterations a point counts as part of the set.
    pub iterations: u32,
}

/// Some rows of a picture: one call's worth of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Band {
    /// The first row; 0 is at the top.
    pub first: u32,
    /// How many rows.
    pub rows: u32,
    /// The picture they are of.
    pub view: View,
}

impl Default for View {
    fn default() -> Self {
        Self {
            width: 1200,
            height: 800,
            iterations: 1000,
        }
    }
}

impl View {
    /// Cuts the picture into bands of about 8,192 points, from top to bottom.
    pub fn bands(self) -> impl Iterator<Item = Band> {
        let rows = (BAND_POINTS / self.width.max(1)).max(1);
        (0..self.height)
            .step_by(rows as usize)
            .map(move |first| Band {
                first,
                rows: rows.min(self.height - first),
                view: self,
            })
    }

    /// True when it is within the limits of what may be asked for.
    fn is_bounded(self) -> bool {
        (1..=MAX_SIDE).contains(&self.width)
            && (1..=MAX_SIDE).contains(&self.height)
            && (1..=MAX_ITERATIONS).contains(&self.iterations)
    }
}

impl Band {
    /// How many points it has.
    pub fn points(self) -> usize {
        self.rows as usize * self.view.width as usize
    }

    /// The escape of each point, row by row, in 256ths of an iteration; 0 for a point that does not escape.
    ///
    /// Nothing for a band that is not within its picture, or of a picture over [`MAX_SIDE`] or [`MAX_ITERATIONS`].
    pub fn escapes(self) -> Vec<u32> {
        let is_inside = self
            .first
            .checked_add(self.rows)
            .is_some_and(|end| end <= self.view.height);
        if !is_inside || !self.view.is_bounded() {
            return Vec::new();
        }
        let View {
            width,
            height,
            iterations,
        } = self.view;
        // The set and a margin: 3.6 by 2.4 units, as much more as the picture's proportions ask for.
        let step = (3.6 / f64::from(width)).max(2.4 / f64::from(height));
        let place =
            |position: u32, side: u32| (f64::from(position) + 0.5 - f64::from(side) / 2.0) * step;
        (self.first..self.first + self.rows)
            .flat_map(|row| (0..width).map(move |column| (column, row)))
            .map(|(column, row)| {
                escape(place(column, width) - 0.65, place(row, height), iterations)
            })
            .collect()
    }
}

/// Follows one point until it escapes, comes back to where it was, or `iterations` are over.
fn escape(re: f64, im: f64, iterations: u32) -> u32 {
    if is_in_main_bulbs(re, im) {
        return 0;
    }
    let (mut x, mut y) = (0.0_f64, 0.0_f64);
    let (mut seen_x, mut seen_y, mut look_again) = (0.0, 0.0, 8);
    for iteration in 1..=iterations {
        (x, y) = (x * x - y * y + re, 2.0 * x * y + im);
        let distance = x * x + y * y;
        if distance > ESCAPE {
            let smooth = f64::from(iteration) + 1.0 - (distance.ln() / 2.0).log2();
            // A conversion from float keeps to the range of the integer.
            return (smooth * f64::from(STEPS_PER_ITERATION)).max(1.0) as u32;
        }
        // A point that comes back exactly goes round for ever (Brent's way of finding cycles).
        if x == seen_x && y == seen_y {
            return 0;
        }
        if iteration == look_again {
            (seen_x, seen_y, look_again) = (x, y, look_again.saturating_mul(2));
        }
    }
    0
}

/// The cardioid and the disc to its left, most of the set: known without iterating.
fn is_in_main_bulbs(re: f64, im: f64) -> bool {
    let q = (re - 0.25).powi(2) + im * im;
    q * (q + re - 0.25) <= 0.25 * im * im || (re + 1.0).powi(2) + im * im <= 0.0625
}

/// The colours that escapes run through, again and again; positions from 0 to 1.
const COLOURS: [(f64, [f64; 3]); 6] = [
    (0.0, [0.0, 7.0, 100.0]),
    (0.16, [32.0, 107.0, 203.0]),
    (0.42, [237.0, 255.0, 255.0]),
    (0.6425, [255.0, 170.0, 0.0]),
    (0.8575, [60.0, 8.0, 30.0]),
    (1.0, [0.0, 7.0, 100.0]),
];

/// The colour of a point by its escape: black in the set, a smooth gradient outside.
pub fn colour(escape: u32) -> [u8; 3] {
    if escape == 0 {
        return [0; 3];
    }
    let iterations = f64::from(escape) / f64::from(STEPS_PER_ITERATION);
    let position = (((iterations + 1.0).log2() - 1.7) * 0.18).rem_euclid(1.0);
    for pair in COLOURS.windows(2) {
        if let [(from, low), (to, high)] = pair
            && position <= *to
        {
            let share = (position - from) / (to - from);
            let eased = share * share * (3.0 - 2.0 * share);
            return std::array::from_fn(|i| blend(low[i], high[i], eased));
        }
    }
    [0; 3]
}

fn blend(low: f64, high: f64, share: f64) -> u8 {
    (low + (high - low) * share).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(view: View) -> Vec<u32> {
        view.bands().flat_map(Band::escapes).collect()
    }

    #[test]
    fn bands_cover_every_row_once_in_order() {
        for (width, height) in [
            (1, 1),
            (1200, 800),
            (10_000, 7),
            (3, 10_000),
            (8192, 5),
            (8193, 5),
        ] {
            let view = View {
                width,
                height,
                iterations: 1,
            };
            let mut next = 0;
            for band in view.bands() {
                assert_eq!((band.first, band.view), (next, view));
                assert!(band.rows > 0);
                next += band.rows;
            }
            assert_eq!(next, height);
        }
    }

    #[test]
    fn known_points_are_in_the_set_and_others_are_not() {
        for (re, im) in [
            (0.0, 0.0),
            (-1.0, 0.0),
            (0.25, 0.0),
            (-2.0, 0.0),
            (0.0, 1.0),
            (-0.123, 0.745),
        ] {
            assert_eq!(escape(re, im, 1000), 0, "{re} {im}");
        }
        for (re, im) in [(0.5, 0.0), (-2.1, 0.0), (0.3, 0.6), (1.0, 1.0)] {
            assert_ne!(escape(re, im, 1000), 0, "{re} {im}");
        }
    }

    #[test]
    fn shortcuts_change_no_point() {
        let plain = |re: f64, im: f64| {
            let (mut x, mut y) = (0.0_f64, 0.0_f64);
            (0..1000).all(|_| {
                (x, y) = (x * x - y * y + re, 2.0 * x * y + im);
                x * x + y * y <= ESCAPE
            })
        };
        for row in 0..150 {
            for column in 0..200 {
                let (re, im) = (f64::from(column) / 60.0 - 2.3, f64::from(row) / 60.0 - 1.25);
                assert_eq!(escape(re, im, 1000) == 0, plain(re, im), "{re} {im}");
            }
        }
    }

    #[test]
    fn the_picture_is_its_own_mirror_image() {
        let view = View {
            width: 60,
            height: 40,
            iterations: 200,
        };
        let escapes = picture(view);
        assert_eq!(escapes.len(), 2400);
        let rows: Vec<&[u32]> = escapes.chunks(60).collect();
        for row in 0..20 {
            assert_eq!(rows[row], rows[39 - row], "row {row}");
        }
        let inside = escapes.iter().filter(|&&escape| escape == 0).count();
        // The set's area is 1.507 of the picture's 8.64 units.
        assert!((380..460).contains(&inside), "{inside}");
    }

    #[test]
    fn what_is_out_of_bounds_is_not_computed() {
        let view = View::default();
        let sides = |width, height| View {
            width,
            height,
            ..view
        };
        let deep = View {
            iterations: MAX_ITERATIONS + 1,
            ..view
        };
        for (first, rows, view) in [
            (800, 1, view),
            (u32::MAX, 2, view),
            (0, u32::MAX, view),
            (0, 1, sides(u32::MAX, 1)),
            (0, 1, sides(0, 1)),
            (0, 1, deep),
        ] {
            assert!(Band { first, rows, view }.escapes().is_empty());
        }
    }

    #[test]
    fn colours_change_smoothly_and_any_escape_has_one() {
        let mut before = colour(1);
        for escape in 2..200_000 {
            let now = colour(escape);
            assert!(
                now.iter()
                    .zip(before)
                    .all(|(now, before)| now.abs_diff(before) <= 6),
                "{escape}"
            );
            before = now;
        }
        assert_eq!(colour(0), [0; 3]);
        colour(u32::MAX);
    }
}
