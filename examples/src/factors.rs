//! Numbers and their prime factors: what `distributed-computing` and `distributed-computing3` compute.

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

/// The tag by which workers of `distributed-computing3` are found.
pub const FACTORIZER: &str = "example3.worker.factorizer";

/// The prime factors of a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Factors {
    /// The number.
    pub number: u64,
    /// Its prime factors in ascending order; none of 0 and 1.
    pub primes: Vec<u64>,
    /// Who found them.
    pub by: String,
}

impl Factors {
    /// Finds them by trial division.
    pub fn of(number: u64, by: &str) -> Self {
        let (mut primes, mut rest, mut divisor) = (Vec::new(), number, 2);
        while rest > 1 && divisor <= rest / divisor {
            if rest % divisor == 0 {
                primes.push(divisor);
                rest /= divisor;
            } else {
                divisor += 1;
            }
        }
        if rest > 1 {
            primes.push(rest);
        }
        Self {
            number,
            primes,
            by: by.to_owned(),
        }
    }

    /// True when their product is the number.
    pub fn are_right(&self) -> bool {
        self.primes.iter().product::<u64>() == self.number
    }
}

impl Display for Factors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let primes: Vec<String> = self.primes.iter().map(u64::to_string).collect();
        write!(f, "{} = {}", self.number, primes.join(" × "))
    }
}

/// So many products of two random primes each, the same for the same seed: as hard as numbers of their size get.
pub fn numbers(count: u32, seed: u64) -> impl Iterator<Item = u64> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..count).map(move |_| prime(&mut random) * prime(&mut random))
}

/// A random prime of seven digits.
fn prime(random: &mut fastrand::Rng) -> u64 {
    loop {
        let number = random.u64(4_000_000..8_000_000);
        if Factors::of(number, "").primes == [number] {
            return number;
        }
    }
}

/// Finds prime factors.
#[farcall::remote]
pub trait Factorizer {
    /// The prime factors of a number.
    #[idempotent]
    fn factorize(&self, number: u64) -> Factors;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_primes_whose_product_is_the_number() {
        assert!(Factors::of(1, "me").primes.is_empty());
        assert_eq!(Factors::of(97, "me").primes, [97]);
        assert_eq!(
            Factors::of(360, "me").to_string(),
            "360 = 2 × 2 × 2 × 3 × 3 × 5"
        );
        for number in numbers(3, 7) {
            let factors = Factors::of(number, "me");
            assert!(
                factors.are_right() && factors.primes.len() == 2,
                "{factors}"
            );
        }
    }
}
