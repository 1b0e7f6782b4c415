//! Problems of hosts in few messages: hosts with the same problem at the same place share one.

use crate::{
    host::HostName,
    names,
    yaml::{Problem, Problems},
};

/// Each problem with its hosts before its message.
pub fn fold(found: impl IntoIterator<Item = (HostName, Problem)>) -> Problems {
    let mut folded: Vec<(Problem, Vec<HostName>)> = Vec::new();
    for (host, problem) in found {
        match folded.iter_mut().find(|(known, _)| *known == problem) {
            Some((_, hosts)) => hosts.push(host),
            None => folded.push((problem, vec![host])),
        }
    }
    let named = |(problem, hosts): (Problem, Vec<HostName>)| {
        let who = match hosts.as_slice() {
            [host] => format!("host {host}"),
            _ => format!("{} hosts ({})", hosts.len(), names::fold(&hosts)),
        };
        Problem { message: format!("{who}: {}", problem.message), ..problem }
    };
    Problems(folded.into_iter().map(named).collect())
}
