//! Inventories of each kind, from the files to the list of all variables: 50,000 hosts in 500 groups with `group_vars`.
//! `cargo bench --bench inventories [-- HOSTS]`. Where `ansible-inventory` is in `PATH`, it lists the same.

mod meter;

use std::{
    fmt::Write as _,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use meter::{Asked, Table, apart, asked, children_cpu, met, ms, timed};
use patchwave::inventory::{Inventory, Printed, Programs, Sources};

/// The most CPU for [`HOSTS`], in milliseconds, and the most memory, in MiB.
const TARGET: f64 = 2000.0;
const MEMORY: f64 = 1024.0;
const HOSTS: usize = 50_000;
const GROUPS: usize = 500;

fn main() {
    match asked() {
        Asked::Nothing => println!("measures with `cargo bench --bench inventories`"),
        Asked::Part(words) => part(&words[0], words[1].parse().expect("a number of hosts")),
        Asked::All(hosts) => table(hosts.unwrap_or(HOSTS)),
    }
}

fn table(hosts: usize) {
    let mut table = Table::new(&["inventory", "load ms", "list ms", "all ms", "met", "peak MiB", "met", "Ansible ms"]);
    let target = TARGET * hosts as f64 / HOSTS as f64;
    for kind in ["yaml", "ini", "json", "folder", "program"] {
        let figures = apart(&[kind, &hosts.to_string()]);
        let (load, list, peak) = (figures["load"], figures["list"], figures["peak"] / 1024.0);
        table.row([
            kind.to_owned(),
            format!("{load:.0}"),
            format!("{list:.0}"),
            format!("{:.0}", load + list),
            met(load + list, target),
            format!("{peak:.0}"),
            met(peak, MEMORY),
            figures.get("ansible").map_or("not here".to_owned(), |ms| format!("{ms:.0}")),
        ]);
    }
    table.print(&format!("inventories: CPU for {hosts} hosts in {GROUPS} groups, target {target:.0} ms"));
}

/// Prints a file instead of running a program: what a program costs is its own matter.
struct Output(PathBuf);

impl Programs for Output {
    fn output(&self, _program: &Path, _arguments: &[&str]) -> Result<Printed, String> {
        Ok(Printed { out: fs::read(&self.0).map_err(|error| error.to_string())?, err: String::new() })
    }
}

fn part(kind: &str, hosts: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let inventory = write(kind, hosts, folder.path());
    let paths = [inventory.clone()];
    let programs = Output(folder.path().join("output.json"));
    let sources =
        Sources { inventories: &paths, beside: None, lenient: false, programs: &programs, vault: Default::default() };
    let (loaded, load) = timed(|| Inventory::load(&sources).expect("the inventory is right"));
    assert_eq!(loaded.hosts().len(), hosts);
    let (text, list) = timed(|| loaded.ansible_list_text());
    assert!(text.len() > hosts * 50);
    meter::tell("load", load);
    meter::tell("list", list);
    meter::tell("peak", meter::peak_kib("self").expect("this process lives") as f64);
    let before = children_cpu();
    let mut ansible = Command::new("ansible-inventory");
    ansible.arg("-i").arg(&inventory).arg("--list").stdout(Stdio::null()).stderr(Stdio::null());
    if std::env::var_os("PATCHWAVE_ANSIBLE").is_some() && ansible.status().is_ok_and(|status| status.success()) {
        meter::tell("ansible", ms(children_cpu() - before));
    }
}

/// Writes the inventory, and returns its path.
fn write(kind: &str, hosts: usize, folder: &Path) -> PathBuf {
    let put = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        path
    };
    let beside = if kind == "folder" { "inv/group_vars" } else { "group_vars" };
    for group in 0..GROUPS {
        put(&format!("{beside}/group{group}.yml"), &format!("services: [ssh, app{group}]\nteam: t{}\n", group % 9));
    }
    let of = |group: usize| (0..hosts).filter(move |host| host % GROUPS == group);
    let mut text = String::new();
    match kind {
        "yaml" => {
            for group in 0..GROUPS {
                let _ = writeln!(text, "group{group}:\n  hosts:");
                for host in of(group) {
                    let _ = writeln!(
                        text,
                        "    host{host:05}.example.com: {{ansible_host: 10.0.{}.{}, rack: r{}}}",
                        host / 250,
                        host % 250,
                        host % 40
                    );
                }
            }
            put("inventory.yml", &text)
        }
        "json" | "program" => {
            let mut vars = String::new();
            for group in 0..GROUPS {
                let comma = if group == 0 { "{" } else { "," };
                let names: Vec<String> = of(group).map(|host| format!("\"host{host:05}.example.com\"")).collect();
                if kind == "program" {
                    let _ = write!(text, "{comma}\n\"group{group}\": {{\"hosts\": [{}]}}", names.join(", "));
                } else {
                    let _ = write!(text, "{comma}\n\"group{group}\": {{\"hosts\": {{");
                }
                for (at, host) in of(group).enumerate() {
                    let entry = format!(
                        "\"host{host:05}.example.com\": {{\"ansible_host\": \"10.0.{}.{}\", \"rack\": \"r{}\"}}",
                        host / 250,
                        host % 250,
                        host % 40
                    );
                    if kind == "program" {
                        let _ = write!(vars, "{}\n{entry}", if vars.is_empty() { "" } else { "," });
                    } else {
                        let _ = write!(text, "{}\n{entry}", if at == 0 { "" } else { "," });
                    }
                }
                text.push_str(if kind == "program" { "" } else { "}}" });
            }
            if kind == "json" {
                text.push('}');
                return put("inventory.json", &text);
            }
            let _ = write!(text, ",\n\"_meta\": {{\"hostvars\": {{{vars}}}}}}}");
            put("output.json", &text);
            let program = put("inventory.sh", "#!/bin/sh\nexec cat \"$(dirname \"$0\")/output.json\"\n");
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a mode");
            program
        }
        _ => {
            let mut files = vec![String::new(); if kind == "folder" { 20 } else { 1 }];
            for group in 0..GROUPS {
                let count = files.len();
                let text = &mut files[group % count];
                let _ = writeln!(text, "[group{group}]");
                for host in of(group) {
                    let _ = writeln!(
                        text,
                        "host{host:05}.example.com ansible_host=10.0.{}.{} rack=r{}",
                        host / 250,
                        host % 250,
                        host % 40
                    );
                }
            }
            if kind == "ini" {
                return put("hosts", &files[0]);
            }
            files.iter().enumerate().for_each(|(at, text)| drop(put(&format!("inv/{at:02}"), text)));
            folder.join("inv")
        }
    }
}
