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

#[test]
fn a_log_that_lost_its_end_says_so_and_asks_again() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::new(folder.path().to_owned(), Arc::new(SystemClock));
    logs.host(&host("db1")).write_job("Upgrade", "J", b"all of it\n", 10);
    let path = logs.path(&host("db1"));
    let length = fs::metadata(&path).unwrap().len();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length - 3).unwrap();
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
