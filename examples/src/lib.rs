//! What the example programs are made of; the programs themselves are in `bin/`.

pub mod chat;
pub mod compat;
pub mod contract;
pub mod crew;
pub mod factors;
pub mod files;
pub mod hosting;
pub mod licences;
pub mod lines;
pub mod mandelbrot;
pub mod picture;
pub mod plugin;
pub mod program;
pub mod ring;
pub mod ticker;
pub mod words;
