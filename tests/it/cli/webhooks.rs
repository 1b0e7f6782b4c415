//! The address of a webhook is a secret: it is sent, by `resume` too, and shown nowhere.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
};

use rustix::process::Signal;

use crate::support::case::{Case, begun};

/// Answers every request with 204; keeps the requested paths.
fn serve() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let paths = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut line = String::new();
            if BufReader::new(&stream).read_line(&mut line).is_ok() {
                paths.lock().unwrap().extend(line.split(' ').nth(1).map(str::to_owned));
                let _ = (&stream).write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
            }
        }
    });
    (port, asked)
}

/// What no page may show.
const SECRETS: [&str; 3] = ["s3cret", "S3C", "RET"];

#[test]
fn an_address_is_sent_by_a_resume_and_shown_by_nobody() {
    let (port, asked) = serve();
    let site = Case::hosts(1).site();
    let play = format!(
        "name: Tell\nsteps:\n  - pause: 3s\n  - notify: {{ webhook: \"http://127.0.0.1:{port}/T0/s3cret\", message: hi }}\n  \
         - verify: {{ http: [ {{ url: \"http://u:s3cret@127.0.0.1:{port}/health?t=s3cret\", status: 204 }} ] }}\n  - wait_for: \
         {{ http: {{ url: \"http://127.0.0.1:{port}/?t=s3cret\", status: 204 }} }}\n"
    );
    site.write("play.yml", &play);
    for line in ["plan play.yml -i inv.yml", "plan play.yml -i inv.yml --json"] {
        site.run(line).ended(0).never_says(&SECRETS);
    }
    let running = site.start("run play.yml -i inv.yml --json");
    site.until("the pause", |events| begun(events) > 0);
    running.signal(Signal::KILL);
    running.end().never_says(&SECRETS);
    let resumed = site.really("resume --yes --json").ended(0).never_says(&SECRETS);
    assert_eq!(*asked.lock().unwrap(), ["/T0/s3cret", "/health?t=s3cret", "/?t=s3cret"], "{}", resumed.page());
    for line in ["show", "show --all", "show --json", "status"] {
        site.run(line).never_says(&SECRETS);
    }
}

#[test]
fn of_an_address_that_cannot_be_read_nothing_is_shown() {
    let site = Case::hosts(1).site();
    for url in ["https://bot:S3C/RET@h/", "https://bot:S3C#RET@h/", "S3CRET", "https://h:S3C\\@RET"] {
        let written = url.replace('\\', "\\\\");
        site.write("play.yml", &format!("name: Tell\nsteps:\n  - notify: {{ webhook: \"{written}\", message: hi }}\n"));
        site.run("run play.yml -i inv.yml").ended(2).says(&["address"]).never_says(&SECRETS);
        // Before it is rendered, there is no way to know what it is.
        let play = format!(
            "name: Tell\nvars: {{ hook: \"{written}\" }}\nsteps:\n  - notify: {{ webhook: \"{{{{ hook }}}}\", message: hi }}\n"
        );
        site.write("play.yml", &play);
        let said = site.run("run play.yml -i inv.yml").ended(6);
        said.says(&["not shown here: it may be secret"]).never_says(&SECRETS);
        site.run("show --json").ended(0).never_says(&SECRETS);
    }
}

#[test]
fn an_endpoint_that_hangs_or_answers_badly_breaks_nobody_unless_that_is_asked_for() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let hangs = silent.local_addr().unwrap().port();
    // A status, and a body that never comes.
    let slow = TcpListener::bind("127.0.0.1:0").unwrap();
    let drips = slow.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in slow.incoming().map_while(Result::ok) {
            let _ = BufReader::new(&stream).read_line(&mut String::new());
            let _ = (&stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n.");
            open.push(stream);
        }
    });
    let site = Case::hosts(2).policy("batch: 100%").site();
    let play = |port: u16, more: &str| {
        format!(
            "name: Tell\nsteps:\n  - notify: {{ webhook: \"http://127.0.0.1:{port}/s3cret\", message: hi{more} }}\n    timeout: 2s\n"
        )
    };
    site.write("play.yml", &play(hangs, ""));
    let said = site
        .run("run play.yml -i inv.yml")
        .ended(0)
        .says(&["2 ok", "warning: 2 messages not sent: http://127.0.0.1:22: no answer within 1 s (web[001-002].test)"])
        .never_says(&SECRETS);
    // Once during the run, however many hosts have the problem.
    assert_eq!(said.err.matches("not sent").count(), 1, "{}", said.page());
    site.run("report").ended(0).says(&["Messages that were not sent"]).never_says(&SECRETS);
    site.write("play.yml", &play(hangs, ", required: yes"));
    site.run("run play.yml -i inv.yml").ended(6).says(&["no answer within 1 s"]).never_says(&SECRETS);
    site.write("play.yml", &play(drips, ", required: yes"));
    let said = site.run("run play.yml -i inv.yml").ended(0);
    assert!(!said.page().contains("not sent"), "{}", said.page());
}
