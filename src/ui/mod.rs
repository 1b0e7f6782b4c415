//! What a person or a script sees of a run, made from `(&RunState, &Event)` and [`Progress`]. Only this module knows
//! how things look; it gets its writers passed in, decides nothing and knows no step kind by name. Start at
//! [`Reporter`]; the sentences that several renderers share are in `sentence.rs`.

mod assets;
mod bars;
mod complaint;
mod count;
mod csv;
mod cve;
mod diff;
mod exec;
mod exec_fold;
mod facts;
mod forecast;
mod json;
mod lines;
mod paint;
mod panel;
mod plan;
mod redraw;
mod remarks;
mod runs;
mod scan;
mod scan_json;
mod screen;
mod screen_lock;
mod sentence;
mod status;
mod summary;
mod text;
mod tolerated;
mod windows;

pub use assets::{assets_csv, assets_json, assets_tally, assets_text};
pub use bars::{Bars, Size};
pub use complaint::complaint;
pub use count::Count;
pub use cve::{cve_json, cve_tally, cve_text, imports_text};
pub use exec::{ExecEnd, ExecLook, ExecResult, exec_blocks, exec_exit_code, exec_json, exec_line, exec_tally};
pub use facts::{facts_csv, facts_json, facts_text, fleet_facts_text};
pub use json::Json;
pub use lines::Lines;
pub use paint::{Colour, Paint};
pub use plan::{PlanNotes, plan_json, plan_text, window_lines};
pub use redraw::Redraw;
pub use runs::{RunLine, host_text, runs_json, runs_text};
pub use scan::{ScanLook, scan_diff_text, scan_tally, scan_text};
pub use scan_json::{scan_csv, scan_json};
pub use screen_lock::ScreenLock;
pub use status::Status;
pub use summary::{CommandLines, Summary};
pub use text::{clean, duration, wrap_behind};
pub use windows::{windows_json, windows_text};

use jiff::Timestamp;

use crate::event::{Event, Progress, RunState};

/// Something that shows a run while it goes on. No method fails: a run must not stop because the terminal is gone.
pub trait Reporter: Send {
    /// An event was recorded; `state` includes it already.
    fn event(&mut self, state: &RunState, event: &Event);

    /// What a host is doing just now.
    fn progress(&mut self, progress: &Progress);

    /// A sentence about the run as a whole that is not an event: why it waits or halts, how to approve.
    fn note(&mut self, at: Timestamp, text: &str);

    /// A question to the person at the terminal. After it nothing is drawn, so that they can type, until something
    /// happens.
    fn ask(&mut self, at: Timestamp, text: &str) {
        self.note(at, text);
    }

    /// Time has passed; called a few times a second.
    fn tick(&mut self, state: &RunState, now: Timestamp);

    /// The run is over; the screen is given back.
    fn finish(&mut self, state: &RunState);
}
