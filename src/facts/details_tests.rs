use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use super::*;
use crate::command::Exit;

fn answer(stdout: &str) -> Output {
    Output { exit: Exit::Code(0), stdout: stdout.into(), stderr: vec![], dropped: 0 }
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn program(root: &Path, name: &str, text: &str) {
    write(root, &format!("bin/{name}"), &format!("#!/bin/sh\n{text}\n"));
    fs::set_permissions(root.join("bin").join(name), fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs the script with a folder as its host.
fn asked(root: &Path) -> Details {
    let query = details();
    let line = query.command.shell_line().unwrap();
    let out = std::process::Command::new("/bin/sh").args(["-c", &line]).env("PATCHWAVE_ROOT", root).output().unwrap();
    assert!(out.status.success() && out.stderr.is_empty(), "{out:?}");
    query.read(&answer(&String::from_utf8(out.stdout).unwrap())).unwrap()
}

#[test]
fn a_host_that_says_nothing_is_unknown_not_empty() {
    let dir = tempfile::tempdir().unwrap();
    let details = asked(dir.path());
    assert_eq!((details.cpus, details.memory_kib, details.disks, details.booted_at), (None, None, None, None));
    assert_eq!((details.platform, details.stale_services), (Platform::Unknown, None));
    assert!(details.runtimes.is_empty() && details.architecture.is_some());
}

#[test]
fn hardware_boot_and_services_are_read_from_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    program(root, "id", "echo 0");
    let cpu = "model name\t: Some CPU @ 2 GHz\nflags\t: fpu hypervisor lm\n";
    write(root, "proc/cpuinfo", &format!("processor\t: 0\n{cpu}\nprocessor\t: 1\n{cpu}"));
    write(root, "proc/meminfo", "MemTotal:        2034512 kB\nMemFree: 1 kB\n");
    write(root, "proc/stat", "cpu 1\nbtime 1795788000\n");
    write(root, "sys/block/vda/size", "41943040\n");
    write(root, "sys/block/loop0/size", "8\n");
    write(root, "sys/class/dmi/id/sys_vendor", "QEMU\n");
    let map =
        |file: &str| format!("7f00-7f01 r-xp 00000000 fd:01 12   {file}\n7f01-7f02 rw-p 00000000 fd:01 12 {file}\n");
    for (pid, comm, group, file) in [
        (1, "systemd", "0::/init.scope", "/usr/lib/libc.so.6"),
        (20, "nginx", "0::/system.slice/nginx.service", "/usr/lib/libssl.so.3 (deleted)"),
        (21, "nginx", "1:name=systemd:/system.slice/nginx.service", "/usr/lib/libz.so.1 (deleted)"),
        (22, "bash", "0::/user.slice/user-0.slice/session-1.scope", "/usr/bin/bash (deleted)"),
        (23, "app", "0::/system.slice/docker-0af.scope", "/usr/lib/x.so (deleted)"),
        (24, "java", "0::/system.slice/j.service", "/memfd:x (deleted)"),
        (25, "pg", "0::/system.slice/pg.service", "/dev/zero (deleted)"),
    ] {
        write(root, &format!("proc/{pid}/maps"), &map(file));
        write(root, &format!("proc/{pid}/comm"), &format!("{comm}\n"));
        write(root, &format!("proc/{pid}/cgroup"), &format!("{group}\n"));
    }
    let details = asked(root);
    assert_eq!((details.cpus, details.memory_kib), (Some(2), Some(2_034_512)));
    assert_eq!(details.cpu_model.as_deref(), Some("Some CPU @ 2 GHz"));
    assert_eq!(details.disks, Some(vec![Disk { name: "vda".to_owned(), bytes: 20 << 30 }]));
    assert_eq!(details.platform, Platform::Virtual("kvm".to_owned()));
    assert_eq!(details.booted_at.unwrap().as_second(), 1_795_788_000);
    let services = details.stale_services.unwrap();
    let found: Vec<_> = services.iter().map(|s| (s.name.as_str(), s.unit, s.files.len())).collect();
    assert_eq!(found, [("bash", false, 1), ("nginx", true, 2)]);
}

/// What docker 20 and podman 4 print for these formats.
#[test]
fn containers_have_the_age_of_their_image_and_a_silent_daemon_is_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    program(root, "id", "echo 0");
    write(
        root,
        "etc/passwd",
        "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nbob:x:1001:1::/home/bob:/x\n",
    );
    fs::create_dir_all(root.join("home/ann/.local/share/containers/storage")).unwrap();
    program(
        root,
        "docker",
        "case \"$1 $2\" in
  '--version '*) echo 'Docker version 20.10' ;;
  'ps --no-trunc') printf 'c1|nginx:1.25|web\\nc2|old|batch\\n' ;;
  'inspect '*) printf 'c1|sha256:i1\\nc2|sha256:i2\\n' ;;
  'image inspect') printf 'sha256:i1|2026-01-02T03:04:05.6Z\\nsha256:i2|1970-01-01T00:00:00Z\\n' ;;
  *) exit 97 ;;
esac",
    );
    program(root, "podman", "echo 'Error: cannot reach storage' >&2; exit 125");
    program(
        root,
        "runuser",
        "[ \"$2\" = ann ] || exit 1
case \"$*\" in
  *' podman ps '*) echo 'c3|quay.io/x/y:1|job' ;;
  *' image inspect '*) echo 'i3|2025-05-06 07:08:09.123456789 +0000 UTC' ;;
  *' inspect '*) echo 'c3|i3' ;;
  *) exit 1 ;;
esac",
    );
    let runtimes = asked(root).runtimes;
    let [docker, podman, user] = &runtimes[..] else { panic!("{runtimes:?}") };
    let times = |runtime: &Runtime| -> Vec<(String, Option<String>)> {
        let all = runtime.containers.iter().flatten();
        all.map(|c| (c.name.clone(), c.image_created.map(|at| at.to_string()))).collect()
    };
    let known = |name: &str, at: &str| (name.to_owned(), Some(at.to_owned()));
    assert_eq!(times(docker), [("batch".to_owned(), None), known("web", "2026-01-02T03:04:05Z")]);
    assert_eq!((&podman.containers, podman.no_answer.as_deref()), (&None, Some("Error: cannot reach storage")));
    assert_eq!((user.user.as_str(), times(user)), ("ann", vec![known("job", "2025-05-06T07:08:09Z")]));
}

#[test]
fn an_answer_that_was_cut_is_not_believed() {
    assert!(read(&answer("arch x86_64\ncpus 2\n")).is_err());
    let odd = "cpus x\nmemory 1 MB\ndisk a b\nbtime x\ndeleted /x\ncontainer a\nimage-of\nend\n";
    assert_eq!(read(&answer(odd)).unwrap(), Details::default());
}
