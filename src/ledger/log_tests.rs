use super::*;
use crate::clock::SystemClock;

fn host(name: &str) -> HostName {
    HostName::new(name).unwrap()
}

#[test]
fn output_is_kept_byte_by_byte_under_one_header_per_step() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::new(folder.path().join("RUN"), Arc::new(SystemClock));
    let mut log = logs.host(&host("db1"));
    let noise: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    log.write("Upgrade", b"one\n");
    log.write("Upgrade", &noise);
    log.write("Reboot\x1b[2J", b"x");
    drop(log);
    logs.host(&host("db1")).write("Verify", b"after a resume\n");
    let text = fs::read(logs.path(&host("db1"))).unwrap();
    assert_eq!(&text[..3], b"== ");
    let body: Vec<u8> = [b"one\n".as_slice(), &noise].concat();
    let start = text.iter().position(|b| *b == b'\n').unwrap() + 1;
    assert_eq!(text[start..start + body.len()], body);
    let rest = String::from_utf8_lossy(&text[start + body.len()..]).into_owned();
    assert!(rest.contains("Reboot[2J ==\nx"), "{rest:?}");
    assert!(rest.ends_with("Verify ==\nafter a resume\n"), "{rest:?}");
    assert_eq!(logs.take_trouble(), None);
}

#[test]
fn a_log_that_cannot_be_written_is_reported_once_and_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("RUN"), "a file where the folder belongs").unwrap();
    let logs = Logs::new(folder.path().join("RUN"), Arc::new(SystemClock));
    for name in ["a", "b"] {
        logs.host(&host(name)).write("Upgrade", &[b'x'; 50_000]);
    }
    assert!(logs.take_trouble().unwrap().contains("output is not logged"));
    assert_eq!(logs.take_trouble(), None);
}

#[test]
fn a_log_is_bounded_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::new(folder.path().to_owned(), Arc::new(SystemClock));
    let path = logs.path(&host("loud"));
    // Full except for one byte, and without a byte on the disk.
    fs::File::create(&path).unwrap().set_len(MOST - 1).unwrap();
    let mut log = logs.host(&host("loud"));
    for _ in 0..10 {
        log.write("cat", &[b'x'; 50_000]);
    }
    drop(log);
    let mut file = fs::File::open(&path).unwrap();
    file.seek(SeekFrom::Start(MOST)).unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert!(text.len() < 40_000, "{}", text.len());
    assert!(text.ends_with("the rest is dropped ==\n"), "{text}");
}

#[test]
fn file_names_are_safe_short_and_distinct() {
    let file_name = |name: &str| file_name(&HostName::new(name).unwrap());
    assert_eq!(file_name("fe80::1"), "fe80%3A%3A1.log");
    assert_ne!(file_name("a:b"), file_name("a%3Ab"));
    let (a, b) = (format!("{}a", "x".repeat(252)), format!("{}b", "x".repeat(252)));
    assert!(file_name(&a).len() <= 255);
    assert_ne!(file_name(&a), file_name(&b));
}

/// Byte `i` of the output of the test's job: lines of equal length, all different.
fn stream(from: u64, to: u64) -> Vec<u8> {
    (from..to)
        .map(|i| if i % 16 == 15 { b'\n' } else { format!("{:015}", i / 16).as_bytes()[(i % 16) as usize] })
        .collect()
}

/// Not a real test: the process that the next test kills.
#[test]
fn follows_a_job_until_it_is_killed() {
    let Some(folder) = std::env::var_os("PATCHWAVE_TEST_LOG_TO") else { return };
    let logs = Logs::new(PathBuf::from(folder), Arc::new(SystemClock));
    let mut log = logs.host(&host("db1"));
    println!("begins");
    let mut at = log.job_offset("R.s1.1.install");
    for size in (1..).map(|n: u64| n * 7919 % 9001) {
        log.write_job("Upgrade", "R.s1.1.install", &stream(at, at + size), size);
        at += size;
        if size % 3 == 0 {
            log.flush();
        }
    }
}

#[test]
fn output_of_a_job_is_there_once_however_often_its_controller_is_killed() {
    use std::io::{BufRead, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::new(folder.path().join("RUN"), Arc::new(SystemClock));
    logs.host(&host("db1")).write("Look", b"no end of line");
    for life in 0..12 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "ledger::log::tests::follows_a_job_until_it_is_killed", "--nocapture"])
            .env("PATCHWAVE_TEST_LOG_TO", folder.path().join("RUN"))
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(said.into_iter().any(|line| line.contains("begins")));
        std::thread::sleep(std::time::Duration::from_micros(500 + life * 1_337));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut log = logs.host(&host("db1"));
    let length = log.job_offset("R.s1.1.install");
    log.write_job("Upgrade", "R.s1.1.install", &stream(length, length + 100), 100);
    log.write("Verify", b"fine\n");
    log.write_job("Again", "R.s1.2.install", b"another job\n", 12);
    drop(log);
    assert!(length > 10_000, "only {length} bytes were followed");
    let text = fs::read(logs.path(&host("db1"))).unwrap();
    let begin = String::from_utf8_lossy(&text).find("Upgrade ==\n").unwrap() + "Upgrade ==\n".len();
    let end = begin + length as usize + 100;
    assert!(text[begin..end] == stream(0, length + 100), "output is lost or there twice");
    let rest = String::from_utf8_lossy(&text[end..]).into_owned();
    let headless: Vec<&str> = rest.lines().filter(|line| !line.is_empty() && !line.starts_with("==")).collect();
    assert_eq!(headless, ["fine", "another job"], "{rest}");
    assert_eq!(logs.host(&host("db1")).job_offset("R.s1.1.install"), length + 100);
}

/// A log of `db1` that ends with two pieces of the output of job `J`, and its length before the last one.
fn two_pieces(logs: &Logs) -> u64 {
    let mut log = logs.host(&host("db1"));
    log.write("Look", b"looked\n");
    log.flush();
    log.write_job("Upgrade", "J", b"first\n", 6);
    log.flush();
    let first = fs::metadata(logs.path(&host("db1"))).unwrap().len();
    log.write_job("Upgrade", "J", b"second\n", 7);
    log.flush();
    first
}

#[test]
fn a_log_that_lost_its_end_says_so_and_asks_again() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::new(folder.path().to_owned(), Arc::new(SystemClock));
    let first = two_pieces(&logs);
    let path = logs.path(&host("db1"));
    // More than the last piece is lost: it cannot have been the end of a controller.
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(first - 3).unwrap();
    let again = |said: &str| {
        let mut log = logs.host(&host("db1"));
        assert_eq!(log.job_offset("J"), 0);
        log.write_job("Upgrade", "J", b"all of it\n", 10);
        drop(log);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(said) && text.ends_with("Upgrade ==\nall of it\n"), "{text}");
    };
    again("the end of this log was lost (a power cut?); output of jobs follows again from its beginning");
    // The position file is there, but empty.
    fs::write(path.with_extension("pos"), "").unwrap();
    again("how much of the output this log has is no longer known (a power cut?); output of jobs follows again");
}

#[test]
fn missing_output_is_marked_where_it_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::new(folder.path().join("RUN"), Arc::new(SystemClock));
    let mut log = logs.host(&host("db1"));
    fs::write(folder.path().join("RUN"), "a file where the folder belongs").unwrap();
    log.write("Upgrade", b"lost\n");
    log.flush();
    fs::remove_file(folder.path().join("RUN")).unwrap();
    log.write("Upgrade", b"kept\n");
    drop(log);
    let text = fs::read_to_string(logs.path(&host("db1"))).unwrap();
    assert_eq!(text, "\n== output is missing here: it could not be written ==\nkept\n");
}

#[test]
fn bytes_shown_for_others_count_as_those() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::new(folder.path().to_owned(), Arc::new(SystemClock));
    let mut log = logs.host(&host("db1"));
    log.write_job("Upgrade", "J", b"********\n", 30);
    log.write_job("Upgrade", "J", &[b'x'; 3 * BUFFER], 7);
    log.write_job("Upgrade", "J", &[b'y'; 3 * BUFFER], 3 * BUFFER as u64);
    drop(log);
    assert_eq!(logs.host(&host("db1")).job_offset("J"), 37 + 3 * BUFFER as u64);
}

#[test]
fn a_piece_that_is_not_complete_is_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::new(folder.path().to_owned(), Arc::new(SystemClock));
    let first = two_pieces(&logs);
    let path = logs.path(&host("db1"));
    let whole = fs::read_to_string(&path).unwrap();
    // Killed in the middle of the last piece, and again before the rest came.
    for length in [first + 3, first, first] {
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length).unwrap();
        assert_eq!(logs.host(&host("db1")).job_offset("J"), 6, "at {length}");
        assert_eq!(fs::metadata(&path).unwrap().len(), first, "at {length}");
    }
    let mut log = logs.host(&host("db1"));
    log.write_job("Upgrade", "J", b"second\n", 7);
    drop(log);
    assert_eq!(fs::read_to_string(&path).unwrap(), whole);
    assert_eq!(logs.host(&host("db1")).job_offset("J"), 13);
}

#[test]
fn the_first_piece_of_a_job_takes_its_header_along() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::new(folder.path().to_owned(), Arc::new(SystemClock));
    let mut log = logs.host(&host("db1"));
    log.write("Look", b"looked\n");
    log.flush();
    let path = logs.path(&host("db1"));
    let looked = fs::metadata(&path).unwrap().len();
    log.write_job("Upgrade", "J", b"first\n", 6);
    drop(log);
    let whole = fs::read_to_string(&path).unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(looked + 5).unwrap();
    let mut log = logs.host(&host("db1"));
    assert_eq!(log.job_offset("J"), 0);
    log.write_job("Upgrade", "J", b"first\n", 6);
    drop(log);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.len(), whole.len(), "{text}");
    assert!(text.ends_with("Upgrade ==\nfirst\n"), "{text}");
}

#[test]
fn output_after_that_of_a_job_is_kept_and_a_lost_piece_is_not_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::new(folder.path().to_owned(), Arc::new(SystemClock));
    let first = two_pieces(&logs);
    let path = logs.path(&host("db1"));
    let whole = fs::read_to_string(&path).unwrap();
    logs.host(&host("db1")).write("Verify", b"fine\n");
    assert_eq!(logs.host(&host("db1")).job_offset("J"), 13);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with(&whole) && text.ends_with("Verify ==\nfine\n"), "{text}");
    // A power cut takes the end; its step was over, so the job is not asked again.
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(first + 3).unwrap();
    for _ in 0..2 {
        logs.host(&host("db1")).write("Verify", b"fine\n");
    }
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches("the end of this log was lost").count(), 1, "{text}");
    assert_eq!(text.matches("Verify ==\nfine\n").count(), 2, "{text}");
    assert!(text.contains("first\n\n== the end"), "{text}");
}

#[test]
fn a_position_of_an_older_version_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::new(folder.path().to_owned(), Arc::new(SystemClock));
    let path = logs.path(&host("db1"));
    fs::write(&path, "== 02:00:00 Upgrade ==\nfirst\nnot counted\n").unwrap();
    let old = r#"{"length":29,"job":"J","tag":"Upgrade","offsets":{"J":6}}"#;
    fs::write(path.with_extension("pos"), old).unwrap();
    let mut log = logs.host(&host("db1"));
    assert_eq!(log.job_offset("J"), 6);
    log.write("Upgrade", b"kept\n");
    drop(log);
    assert_eq!(logs.host(&host("db1")).job_offset("J"), 6);
    assert_eq!(fs::read_to_string(&path).unwrap(), "== 02:00:00 Upgrade ==\nfirst\nkept\n");
}

#[test]
fn a_position_is_written_in_place_until_it_is_too_long_for_a_sector() {
    use std::os::unix::fs::MetadataExt;
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::new(folder.path().to_owned(), Arc::new(SystemClock));
    let path = logs.path(&host("db1")).with_extension("pos");
    let mut log = logs.host(&host("db1"));
    let mut inodes = Vec::new();
    for job in 0..40 {
        log.write_job(&"Upgrade ".repeat(1 + (40 - job) / 4), &format!("RUN.s{job}.1.install"), b"done\n", 5);
        log.flush();
        inodes.push(fs::metadata(&path).unwrap().ino());
        let position = LogPosition::load(&path).expect("a complete file");
        assert_eq!(position.offsets.len(), job + 1);
        assert_eq!(position.length, fs::metadata(logs.path(&host("db1"))).unwrap().len());
    }
    assert!(inodes[..5].iter().all(|inode| *inode == inodes[0]), "written in place: {inodes:?}");
    assert_ne!(inodes[38], inodes[39], "replaced");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
}
