//! What a run printed with `--json`: events, one JSON object per line.

use serde_json::Value;

/// The events of one command.
pub struct Events(pub Vec<Value>);

/// The whole lines of an output that may still grow.
pub fn read(text: &str) -> Vec<Value> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON ({error}): {line}")))
        .collect()
}

/// Whether it is an event of this name about this host.
pub fn is(event: &Value, name: &str, host: &str) -> bool {
    event["event"] == name && event["host"] == host
}

/// Whether this host begins this step (from 0).
pub fn begins(event: &Value, host: &str, index: usize) -> bool {
    is(event, "step_started", host) && event["step"]["phase"] == "main" && event["step"]["index"] == index
}

impl Events {
    /// The hosts in the order in which they got their slots.
    pub fn started(&self) -> Vec<String> {
        self.hosts("host_started")
    }

    /// The hosts in the order in which they were done.
    pub fn finished(&self) -> Vec<String> {
        self.hosts("host_finished")
    }

    fn hosts(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|e| e["event"] == name).filter_map(|e| e["host"].as_str()).map(str::to_owned).collect()
    }

    /// The index of the event about this host; panics if there is none.
    #[track_caller]
    pub fn place(&self, name: &str, host: &str) -> usize {
        self.0.iter().position(|event| is(event, name, host)).unwrap_or_else(|| panic!("no {name} of {host}"))
    }

    /// `ok`, `failed`, …; empty if the host was not started.
    pub fn outcome(&self, host: &str) -> &str {
        let done = self.0.iter().find(|event| is(event, "host_finished", host));
        done.and_then(|event| event["outcome"].as_str()).unwrap_or_default()
    }

    /// How a main step (from 0) ended; panics if it did not end.
    #[track_caller]
    pub fn result(&self, host: &str, index: usize) -> &Value {
        self.try_result(host, index).unwrap_or_else(|| panic!("{host} has no end of step {index}: {:#?}", self.0))
    }

    pub fn try_result(&self, host: &str, index: usize) -> Option<&Value> {
        let found = self.0.iter().find(|event| {
            is(event, "step_finished", host) && event["step"]["phase"] == "main" && event["step"]["index"] == index
        });
        found.map(|event| &event["result"])
    }

    /// How many main steps ended on the host.
    pub fn steps(&self, host: &str) -> usize {
        let main = |event: &&Value| is(event, "step_finished", host) && event["step"]["phase"] == "main";
        self.0.iter().filter(main).count()
    }
}
