//! A terminal's line that shows how far a job has come.

mod line;

use std::sync::Arc;
use std::time::{Duration, Instant};

use farcall_client::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use parking_lot::Mutex;

use crate::map_reduce;

/// The least time from one redraw to the next: ten in a second.
const REDRAW: Duration = Duration::from_millis(100);

/// A bar for [`map_with`](farcall_client::Fleet::map_with) to tell. It is gone when the job ends, whichever way.
pub fn bar() -> impl FnMut(&Progress) + Send {
    let bar = Bar::new();
    move |progress| bar.show(progress)
}

/// One line on stderr: a bar, the items that are over, the rate, the time that is left, each member's share. Clones are the
/// same line; it is cleared when the last one goes.
///
/// It is drawn anew at most ten times a second, and cut where the terminal's line ends. Nothing is drawn where stderr is no
/// terminal.
#[derive(Clone, Debug)]
pub struct Bar {
    line: ProgressBar,
    /// When it was last drawn.
    drawn: Arc<Mutex<Option<Instant>>>,
}

impl Bar {
    /// Nothing is drawn yet.
    pub fn new() -> Self {
        Self::on(ProgressDrawTarget::stderr())
    }

    fn on(target: ProgressDrawTarget) -> Self {
        let line =
            ProgressBar::with_draw_target(None, target).with_finish(ProgressFinish::AndClear);
        if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
            line.set_style(style);
        }
        Self {
            line,
            drawn: Arc::default(),
        }
    }

    /// Shows how far a job of a fleet has come, if it is time to draw.
    pub fn show(&self, progress: &Progress) {
        self.draw(Instant::now(), || line::job(progress));
    }

    /// Shows how far a step of a map-reduce has come, if it is time to draw.
    pub fn show_step(&self, progress: &map_reduce::Progress) {
        self.draw(Instant::now(), || line::step(progress));
    }

    fn draw(&self, now: Instant, text: impl FnOnce() -> String) {
        if self.line.is_hidden() {
            return;
        }
        let mut drawn = self.drawn.lock();
        let is_due = drawn.is_none_or(|last| now.saturating_duration_since(last) >= REDRAW);
        if is_due {
            *drawn = Some(now);
            self.line.set_message(text());
        }
    }

    /// Takes the line away while something else is printed.
    pub fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.line.suspend(print)
    }

    /// Takes the line away for good.
    pub fn clear(&self) {
        self.line.finish_and_clear();
    }
}

impl Default for Bar {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use farcall_client::{Fleet, Share, blocking};
    use indicatif::TermLike;

    use super::*;

    /// A terminal of one line that remembers what it showed; an empty text is a line that was cleared.
    #[derive(Clone, Debug, Default)]
    struct Screen(Arc<Mutex<(String, Vec<String>)>>);

    impl Screen {
        fn bar(&self) -> Bar {
            let target = ProgressDrawTarget::term_like_with_hz(Box::new(self.clone()), 255);
            Bar::on(target)
        }

        fn showed(&self) -> Vec<String> {
            self.0.lock().1.clone()
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            70
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().0 += text;
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            self.0.lock().0.clear();
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            let mut screen = self.0.lock();
            let line = screen.0.trim_end().to_owned();
            screen.1.push(line);
            Ok(())
        }
    }

    /// How far a job of 1,000 items has come.
    fn progress(done: u64) -> Progress {
        let nobody = Fleet::<map_reduce::WorkerProxy>::rostered("nobody").0;
        let nothing = nobody.map_settled([(); 0], |_, ()| std::future::pending::<Result<(), _>>());
        let mut progress = blocking::wait(nothing).unwrap().summary;
        progress.ok = done;
        progress.total = Some(1_000);
        progress.shares = vec![Share {
            member: "w.1".into(),
            ok: done,
            failed: 0,
        }];
        progress
    }

    #[test]
    fn it_shows_counts_and_shares_and_leaves_an_empty_line() {
        let screen = Screen::default();
        let bar = screen.bar();
        bar.show(&progress(500));
        let showed = screen.showed();
        let text = showed.last().unwrap();
        assert!(text.contains("████············ 500/1,000, "), "{text}");
        assert!(text.ends_with("; w.1 100 %"), "{text}");
        let printed = bar.suspend(|| screen.showed());
        assert_eq!(printed.last().unwrap(), "", "the line made way");
        assert_eq!(screen.showed().last().unwrap(), text, "and is back");
        let other = bar.clone();
        drop(bar);
        assert_eq!(screen.showed().last().unwrap(), text);
        drop(other);
        assert_eq!(screen.showed().last().unwrap(), "");
    }

    #[test]
    fn it_is_drawn_ten_times_a_second() {
        let screen = Screen::default();
        let bar = screen.bar();
        let began = Instant::now();
        for ms in 0..1_000 {
            bar.draw(began + Duration::from_millis(ms), || ms.to_string());
        }
        let tens: Vec<String> = (0..10).map(|n| (n * 100).to_string()).collect();
        assert_eq!(screen.showed(), tens);
    }

    #[test]
    fn what_comes_after_the_end_is_not_drawn() {
        let screen = Screen::default();
        let bar = screen.bar();
        bar.show(&progress(1));
        bar.clear();
        bar.draw(Instant::now() + REDRAW, || "late".into());
        assert_eq!(bar.suspend(|| 7), 7);
        let late = screen.showed().split_off(1);
        assert!(late.iter().all(String::is_empty), "{late:?}");
    }

    #[test]
    fn a_line_that_is_too_long_is_cut() {
        let screen = Screen::default();
        screen.bar().draw(Instant::now(), || "wide ".repeat(100));
        let showed = screen.showed();
        assert!(showed.iter().all(|line| line.len() <= 70), "{showed:?}");
    }
}
