//! Wall clocks that jump: for the programs of one host, or for the program under test (see `clock.c`).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::fleet::Lab;

/// A library that adds the content of `file` to the wall clock.
pub fn library(lab: &Lab, name: &str, file: &Path) -> PathBuf {
    let made = lab.folder().join(name);
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/clock.c");
    let define = format!("-DCLOCK_FILE=\"{}\"", file.display());
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let output = Command::new(compiler)
        .args(["-shared", "-fPIC", "-O1", "-fno-builtin", &define, "-o"])
        .arg(&made)
        .arg(source)
        .output();
    let output = output.expect("a C compiler, which the build needs, too");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    made
}

impl Lab {
    /// Gives the host its own wall clock; [`jump`](Self::jump) sets it.
    pub fn own_clock(&self, host: &str) {
        let name = format!("clock-of-{host}.so");
        let library = fs::read(library(self, &name, Path::new("/etc/lab-clock"))).expect("it was made");
        self.put(host, "/usr/local/lib/lab-clock.so", &library);
        self.on(host, "echo /usr/local/lib/lab-clock.so >/etc/ld.so.preload");
        for seconds in [-5000, 0] {
            self.jump(host, seconds);
        }
    }

    /// Sets the host's clock this many seconds before or after the true time.
    pub fn jump(&self, host: &str, seconds: i64) {
        self.on(host, &format!("echo {seconds} >/etc/lab-clock"));
        let off = self.seconds(host) - jiff::Timestamp::now().as_second();
        assert!((off - seconds).abs() < 60, "{host}: the clock is {off} s off, not {seconds} s");
    }

    fn seconds(&self, host: &str) -> i64 {
        self.on(host, "date +%s").parse().expect("seconds")
    }
}
