//! What a person or a script sees of a run: readings of `(&RunState, &Event)` and of [`Progress`].
//! It alone knows how things look; it is handed its writers, decides nothing and knows no step kind by name.
//! Start at [`Reporter`]; the sentences that several readers share are in `sentence.rs`.

mod bars;
mod count;
mod diff;
mod exec;
mod exec_fold;
mod json;
mod lines;
mod paint;
mod plan;
mod quiet;
mod redraw;
mod remarks;
mod runs;
mod screen;
mod sentence;
mod status;
mod summary;
mod text;
mod tolerated;

pub use bars::{Bars, Size};
pub use count::Count;
pub use exec::{ExecEnd, ExecLook, ExecResult, exec_blocks, exec_exit_code, exec_json, exec_line, exec_tally};
pub use json::Json;
pub use lines::Lines;
pub use paint::{Colour, Paint};
pub use plan::{plan_json, plan_text};
pub use quiet::Quiet;
pub use redraw::Redraw;
pub use runs::{RunLine, host_text, runs_json, runs_text};
pub use status::{Status, Waits};
pub use summary::{CommandLines, Summary};
pub use text::{clean, duration};

use jiff::Timestamp;

use crate::event::{Event, Progress, RunState};

/// Something that shows a run while it goes on. No method fails: a terminal that goes away must not stop a run.
pub trait Reporter: Send {
    /// A fact was recorded; `state` holds it already.
    fn event(&mut self, state: &RunState, event: &Event);

    /// Chatter of one host.
    fn progress(&mut self, progress: &Progress);

    /// A sentence about the run as a whole that no event says: why it waits or halts, how to approve.
    fn note(&mut self, at: Timestamp, text: &str);

    /// A question to the person in front of the screen: said, and then nothing is drawn over what they type, until
    /// something happens.
    fn ask(&mut self, at: Timestamp, text: &str) {
        self.note(at, text);
    }

    /// Time has passed; called a few times a second.
    fn tick(&mut self, state: &RunState, now: Timestamp);

    /// Nothing more comes; the screen is given back.
    fn finish(&mut self, state: &RunState);
}
