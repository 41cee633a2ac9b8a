//! Paints the Mandelbrot set on many processes.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::ensure;
use clap::{Parser, value_parser};
use farcall::pool;
use farcall::progress::Bar;
use farcall_examples::contract::{Brush, Painter as _, PainterProxy};
use farcall_examples::crew::{self, Crew, CrewOptions};
use farcall_examples::mandelbrot::{Band, MAX_ITERATIONS, MAX_SIDE, View, colour};
use farcall_examples::picture::Picture;
use farcall_examples::program::{self, Shares};

const PROGRAM: &str = "mandelbrot";

/// Paints the Mandelbrot set on many processes
///
/// Starts workers as child processes, has them compute bands of rows, and writes a PNG file.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  mandelbrot --out set.png
  mandelbrot --workers 4 --width 6000 --height 4000 --iterations 5000 --out large.png

On workers of your own, on any number of machines:
  ns --host 192.0.2.1 --port 9090 &
  mandelbrot --ns 192.0.2.1:9090 --serve mandelbrot.1 --host 192.0.2.2 &
  mandelbrot --ns 192.0.2.1:9090 --out set.png"
)]
struct Arguments {
    #[command(flatten)]
    crew: CrewOptions,
    /// The width of the picture in points
    #[arg(long, value_name = "POINTS", default_value_t = View::default().width,
        value_parser = value_parser!(u32).range(1..=i64::from(MAX_SIDE)))]
    width: u32,
    /// The height of the picture in points
    #[arg(long, value_name = "POINTS", default_value_t = View::default().height,
        value_parser = value_parser!(u32).range(1..=i64::from(MAX_SIDE)))]
    height: u32,
    /// After how many iterations a point counts as part of the set
    #[arg(long, value_name = "N", default_value_t = View::default().iterations,
        value_parser = value_parser!(u32).range(1..=i64::from(MAX_ITERATIONS)))]
    iterations: u32,
    /// The file to write; one that is there already is replaced when the picture is complete
    #[arg(long, value_name = "FILE.png", required_unless_present = "serve")]
    out: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    program::exit(PROGRAM, run().await)
}

async fn run() -> anyhow::Result<()> {
    pool::worker(async { Ok(Brush.serve()) }).await;
    let arguments = Arguments::parse();
    match arguments.crew.place(PROGRAM)? {
        Some(place) => crew::serve(Brush.serve(), &place.name, &place.names, &place.address).await,
        None => program::unless_interrupted(paint(arguments)).await,
    }
}

async fn paint(arguments: Arguments) -> anyhow::Result<()> {
    let view = View {
        width: arguments.width,
        height: arguments.height,
        iterations: arguments.iterations,
    };
    let out = arguments.out.unwrap_or_default();
    let picture = Picture::create(&out)?;
    let bands: Vec<Band> = view.bands().collect();
    let bar = Bar::new();
    let crew = Crew::<PainterProxy>::start(PROGRAM, &arguments.crew, &bar).await?;
    let fleet = crew.fleet();

    let started = Instant::now();
    let painted = fleet
        .map_with(
            bands.iter().copied(),
            |painter, band| painter.escapes(band),
            |progress| bar.show(progress),
        )
        .await;
    let elapsed = started.elapsed();
    bar.clear();
    let workers = fleet.shares();
    crew.end().await;

    let painted: Vec<Vec<u32>> = painted?;
    for (band, escapes) in bands.iter().zip(&painted) {
        let (points, expected) = (escapes.len(), band.points());
        ensure!(
            points == expected,
            "a worker returned {points} points for {expected}; is it of another version?"
        );
    }
    picture.finish(
        view.width,
        view.height,
        painted.iter().flatten().map(|&escape| colour(escape)),
    )?;
    let shares = Shares {
        elapsed,
        workers: &workers,
    };
    program::print(format_args!(
        "{}: {} × {} points\n{shares}",
        out.display(),
        view.width,
        view.height
    ))
}
