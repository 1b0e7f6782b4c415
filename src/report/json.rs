//! The whole run as one JSON object: stable keys, times in RFC 3339, lengths in seconds.

use serde_json::{Value, json};

use crate::{
    event::{Ground, HostState},
    view::{Record, RunView, left_on, step_name},
};

/// The run as one object. `hosts` has every host of the plan with exactly one outcome. The outcome `in_flight` exists
/// only while a controller is running the run (`driven`), and `exit_code` is null then.
pub fn json(view: &RunView<'_>, record: Option<&Record>) -> Value {
    let (state, started) = (view.state, &view.state.started);
    json!({
        "run": started.run,
        "playbook": started.plan.playbook,
        "playbook_path": started.playbook_path,
        "inventory_paths": started.inventory_paths,
        "limit": started.limit,
        "check": started.check,
        "rehearsal": started.rehearsal,
        "ignores_windows": started.plan.ignores_windows,
        "skipped": started.plan.skipped,
        "digest": started.digest,
        "record": record.map(|record| json!({ "events": record.events, "head": record.head })),
        "operator": started.operator,
        "person": started.person,
        "controller": started.controller,
        "version": started.version,
        "started_at": state.started_at,
        "last_at": state.last_at,
        "finished": state.finished,
        "resumes": state.resumes,
        "exit_code": view.exit_code(),
        "stopped_because": view.stopped_because(),
        "unknown_packages": state.unknown_packages(),
        "unmatched_ids": state.unmatched_ids(),
        "driven": view.running,
        "counts": view.counts(),
        "stages": state.stages.iter().zip(&started.plan.stages).enumerate().map(|(s, (stage, planned))| json!({
            "name": planned.name,
            "environment": planned.environment,
            "risk": planned.risk,
            "counts": view.stage_counts(s),
            "approved_by": stage.approvals.last().map(|(_, by)| by),
            "approvals": stage.approvals.iter().map(|(moment, by)| json!({ "moment": moment, "by": by })).collect::<Vec<_>>(),
            "waves": stage.waves.iter().zip(&planned.waves).enumerate().map(|(w, (wave, planned))| json!({
                "canary": planned.canary,
                "counts": view.wave_counts(s, w),
                "gate": wave.gate.as_ref().map(|(passed, summary)| json!({ "passed": passed, "summary": summary })),
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "hosts": state.hosts.iter().map(|one| host(view, one)).collect::<Vec<_>>(),
    })
}

fn host(view: &RunView<'_>, host: &HostState) -> Value {
    let plan = view.state.plan();
    let left = left_on(host);
    json!({
        "host": host.name,
        "stage": plan.stages[host.stage].name,
        "wave": host.wave + 1,
        "outcome": view.host_word(host),
        "current": host.current.as_ref().map(|current| json!({
            "name": step_name(plan, current.step),
            "phase": current.step.phase,
            "attempt": current.attempt,
            "since": current.since,
        })),
        "started_at": host.started_at,
        "finished_at": host.finished_at,
        "took_s": host.took(view.state.last_at).map(|took| took.as_secs_f64()),
        "rebooted": host.rebooted(),
        "packages": host.changes(),
        "then": host.and_then(plan),
        "left_behind": {
            "packages": left.packages.iter().map(|one| json!({
                "name": one.name,
                "installed": one.installed,
                "available": one.available,
                "security": one.security,
                "why": one.why,
            })).collect::<Vec<_>>(),
            "more_packages": left.more_packages,
            "files": left.files,
            "more_files": left.more_files,
            "sources": left.sources,
            "services": left.services,
            "more_services": left.more_services,
            "reboot": left.reboot,
            "no_snapshot": left.no_snapshot,
        },
        "leases_taken": host.leases.iter().map(|lease| json!({
            "run": lease.run,
            "owner": lease.owner,
            "age_s": lease.age.as_secs(),
            "stolen": lease.ground == Ground::Stolen,
            "ground": lease.ground.as_str(),
            "jobs": lease.jobs,
        })).collect::<Vec<_>>(),
        "lease_lost": host.lost_lease.as_ref().map(|lost| json!({ "run": lost.run, "owner": lost.owner })),
        "steps": host.steps.iter().map(|(step, result)| json!({
            "name": step_name(plan, *step),
            "phase": step.phase,
            "verdict": result.verdict,
            "class": result.class,
            "summary": result.summary,
            "detail": result.detail,
            "changed": result.changed,
            "found_work": result.found_work,
            "took_s": result.took.as_secs_f64(),
        })).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::sample::*;

    #[test]
    fn every_host_has_one_outcome_and_the_counts_agree() {
        let mut sample = Sample::of(plan(&[("staging", &["s1"]), ("production", &["p1", "p2 p3"])]));
        sample.good("s1").bad("p1", "lock", "held").start("p2").begin("p2", main_step(0));
        sample.note("p2", main_step(0), "lease.stolen", json!({ "run": "R1", "owner": "bob@jump2", "age_s": 60 }));
        let record = Record { events: 9, head: "00ff".repeat(16) };
        let value = json(&RunView::of(&sample.state), Some(&record));
        assert_eq!(value["record"], json!({ "events": 9, "head": record.head }));
        let outcomes: Vec<_> = value["hosts"].as_array().unwrap().iter().map(|h| h["outcome"].clone()).collect();
        assert_eq!(outcomes, ["ok", "failed", "unknown", "not_started"]);
        let expected = json!({
            "total": 4, "ok": 1, "failed": 1, "unreachable": 0, "unknown": 1, "paused": 0,
            "in_flight": 0, "not_started": 1
        });
        assert_eq!(value["counts"], expected);
        assert_eq!(value["exit_code"], 7);
        assert_eq!(value["stopped_because"], Value::Null);
        let driven = json(&RunView::of(&sample.state).running(true), None);
        assert_eq!(driven["exit_code"], Value::Null);
        let counted = &driven["counts"];
        assert_eq!((&counted["unknown"], &counted["in_flight"]), (&json!(0), &json!(1)));
        let open = &driven["hosts"][2];
        assert_eq!((&open["outcome"], &open["current"]["name"]), (&json!("in_flight"), &json!("Ready to be patched")));
        let s1 = &value["hosts"][0];
        assert_eq!(s1["packages"][0], json!({ "name": "openssl", "from": "1.0", "to": "1.1" }));
        assert_eq!(
            (&s1["rebooted"], &s1["took_s"], &s1["started_at"]),
            (&json!(true), &json!(3.0), &json!("2026-11-22T02:00:00Z"))
        );
        assert_eq!(value["hosts"][1]["steps"][1]["name"], "Security updates");
        let lease =
            json!([{ "run": "R1", "owner": "bob@jump2", "age_s": 60, "stolen": true, "ground": "stolen", "jobs": [] }]);
        assert_eq!((&value["hosts"][2]["leases_taken"], &value["hosts"][0]["leases_taken"]), (&lease, &json!([])));
    }
}
