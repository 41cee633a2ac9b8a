//! What the example programs are made of; the programs themselves are in `bin/`.

pub mod contract;
pub mod crew;
pub mod factors;
pub mod licences;
pub mod lines;
pub mod mandelbrot;
pub mod picture;
pub mod program;
pub mod ring;
pub mod words;
