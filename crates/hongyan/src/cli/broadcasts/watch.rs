//! Following a broadcast: a bar on a terminal, lines elsewhere.

use std::time::Duration;

use hongyan_api::{Broadcast, BroadcastState};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::cli::connection::{Connection, explained};
use crate::cli::output;
use crate::failure::Failure;

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often a line is printed where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How long a gateway may be away, which is what a restart looks like.
const PATIENCE: Duration = Duration::from_secs(60);

/// Follows a broadcast to its end. Exit code 0 only if it finished.
pub(super) async fn watch(connection: &Connection, id: &str) -> Result<(), Failure> {
    let screen = Screen::new();
    tokio::select! {
        ended = follow(connection, id, screen) => ended,
        _ = tokio::signal::ctrl_c() => {
            output::remark(&format!(
                "\nThe broadcast goes on without you: `hongyan broadcasts watch {id}` follows it again, `hongyan broadcasts pause {id}` lets it rest."
            ));
            Ok(())
        }
    }
}

async fn follow(connection: &Connection, id: &str, mut screen: Screen) -> Result<(), Failure> {
    let mut away_since: Option<Instant> = None;
    loop {
        match connection.broadcast(id).await {
            Ok(found) => {
                away_since = None;
                screen.show(&found);
                if found.state.is_over() {
                    screen.close();
                    return verdict(&found);
                }
                if found.state == BroadcastState::Ready
                    && let Some(problem) = &found.problem
                {
                    screen.close();
                    return Err(Failure::new(format!("{id} is ready, but {problem}")));
                }
            }
            Err(error) if error.status.is_none_or(|status| status >= 500) => {
                let since = *away_since.get_or_insert_with(Instant::now);
                if since.elapsed() > PATIENCE {
                    screen.close();
                    return Err(explained(&error));
                }
            }
            Err(error) => {
                screen.close();
                return Err(explained(&error));
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn verdict(broadcast: &Broadcast) -> Result<(), Failure> {
    output::text(&format!("{}  {}", broadcast.id, line(broadcast)))?;
    if broadcast.state == BroadcastState::Finished {
        return Ok(());
    }
    let why = broadcast.problem.as_deref().unwrap_or_default();
    Err(Failure::new(format!(
        "{} is {} {why}",
        broadcast.id, broadcast.state
    )))
}

/// Where it is shown.
struct Screen {
    bar: ProgressBar,
    /// When the last line was printed, and what it said, where there is no terminal.
    last: Option<(Instant, String)>,
}

impl Screen {
    fn new() -> Self {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{bar:32} {percent:>3}%  {msg}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Self { bar, last: None }
    }

    fn show(&mut self, broadcast: &Broadcast) {
        let said = line(broadcast);
        if !self.bar.is_hidden() {
            self.bar.set_length(broadcast.recipients);
            self.bar.set_position(done(broadcast));
            self.bar.set_message(said);
            return;
        }
        let is_due = self
            .last
            .as_ref()
            .is_none_or(|(at, last)| at.elapsed() >= LINE_EVERY && *last != said);
        if is_due {
            output::remark(&said);
            self.last = Some((Instant::now(), said));
        }
    }

    fn close(&self) {
        self.bar.finish_and_clear();
    }
}

/// People who are over, one way or the other.
fn done(broadcast: &Broadcast) -> u64 {
    let over = broadcast.progress.as_ref().map_or(0, |found| found.over);
    over + broadcast.skipped
}

fn line(broadcast: &Broadcast) -> String {
    let mut said = format!(
        "{}: {} of {} people",
        broadcast.state,
        done(broadcast),
        broadcast.recipients
    );
    if let Some(progress) = &broadcast.progress {
        for (status, count) in progress.by_status.iter().filter(|(_, count)| **count > 0) {
            said = format!("{said}, {count} {status}");
        }
    }
    if broadcast.skipped > 0 {
        said = format!("{said}, {} skipped", broadcast.skipped);
    }
    if broadcast.state == BroadcastState::Running
        && let Some(progress) = &broadcast.progress
    {
        if let Some(rate) = progress.per_second {
            said = format!("{said}, {rate:.0}/s");
        }
        if let Some(seconds) = progress.seconds_left {
            said = format!("{said}, {} left", span(seconds));
        }
    }
    said
}

/// Seconds as people say them.
pub(super) fn span(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn times_are_said_as_people_say_them() {
        assert_eq!(span(59), "59 s");
        assert_eq!(span(61), "1 min 1 s");
        assert_eq!(span(7325), "2 h 2 min");
    }
}
