//! Requests from people and the system to a running rollout: to stop, and to go on.

use super::{Notice, Signal, dispatch::Dispatcher};
use crate::{
    event::{Kind, Stop},
    ledger::Wanted,
    plan::Moment,
    rollout::Directive,
};

impl Dispatcher {
    /// A request in this process.
    pub(super) fn signal(&mut self, signal: Signal) {
        match signal {
            Signal::Harder { by } => {
                self.stop(Stop::harder(self.writer.state().stop), by);
            }
            Signal::Stop { how, by } => self.stop(how, by),
            Signal::Approve { by } => self.approve(by),
        }
    }

    /// Requests from other shells.
    pub(super) fn look_for_requests(&mut self) {
        for request in self.writer.requests() {
            match request.what {
                Wanted::Stop(how) => self.stop(how, request.by),
                Wanted::Approve { .. } => self.approve(request.by),
            }
        }
    }

    fn stop(&mut self, how: Stop, by: String) {
        if self.writer.state().stop < Some(how) {
            self.writer.append(vec![Kind::StopRequested { how, by }]);
        }
    }

    fn approve(&mut self, by: String) {
        // A second yes to one question must not answer the next one, which nobody has seen yet.
        if let Directive::WaitForApproval { stage, moment } = self.ask_the_rule()
            && self.asked == Some((stage, moment))
        {
            self.writer.append(vec![Kind::Approved { stage, moment, by }]);
        }
    }

    /// Asks for the approval of a stage, once.
    pub(super) fn want_approval(&mut self, stage: usize, moment: Moment) {
        if self.asked.replace((stage, moment)) == Some((stage, moment)) {
            return;
        }
        let state = self.writer.state();
        let name = state.plan().stages[stage].name.clone();
        let elsewhere = format!("{} approve {}", self.program, state.started.run);
        match &self.notices {
            Some(notices) => {
                let question = format!("stage {name} waits for approval {moment}: type yes, or elsewhere: {elsewhere}");
                self.writer.ask(&question);
                let _ = notices.try_send(Notice::ApprovalWanted { stage: name });
            }
            None => self.writer.say(format!("stage {name} waits for approval {moment}: {elsewhere}")),
        }
    }
}
