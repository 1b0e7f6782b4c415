//! A host for the search: a folder in which the real scripts run, one at a time. Its processes are files below `proc`
//! in that folder, so that the whole host is its files and can be copied. It knows no controller and no rule.
//! Start at [`Host::run`], [`Host::begin`] and [`Host::end`].

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    os::unix::{fs::DirBuilderExt as _, process::CommandExt as _, process::ExitStatusExt as _},
    path::Path,
    process::Stdio,
    sync::Arc,
};

use sha2::{Digest as _, Sha256};

use crate::command::{Command, Exit, Output};

pub(super) type Key = [u8; 32];
pub(super) type Files = Arc<Tree>;
type Map = BTreeMap<String, Option<Vec<u8>>>;

/// A key that says all of these parts.
pub(super) fn digest(parts: &[&[u8]]) -> Key {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// All files of a host; a folder has no content.
#[derive(Default)]
pub(super) struct Tree {
    map: Map,
    /// Says all of them.
    pub key: Key,
}

impl Tree {
    fn of(map: Map) -> Files {
        let parts = map.iter().flat_map(|(path, content)| [path.as_bytes(), content.as_deref().unwrap_or_default()]);
        Arc::new(Self { key: digest(&parts.collect::<Vec<_>>()), map })
    }
}

pub(super) const BASE: &str = "var/lib/patchwave";
/// What the scripts find in place of programs that start or kill something, or that would only take time. A unit that
/// is to be started waits in `units` for its turn. `mkdir` is where a start can be cut: it claims the job's folder.
const PLAYED: &str = r#"sync() { :; }
flock() { :; }
timeout() {
    shift 4
    case $PLAYED_UNITS in
    wait) : >"$PATCHWAVE_ROOT/units/${3##*/}@$4" ;;
    *)
        PLAYED_PID=$((PLAYED_PID + 100)) PLAYED_CHILD=$((PLAYED_CHILD + 100)) command setsid -w "$@"
        [ "$PLAYED_UNITS" != end ] || return 0
        ;;
    esac
    return 124
}
mkdir() {
    command mkdir "$@" || return
    [ "${PLAYED_CUT-}" != "$1" ] || kill -KILL 0
}
"#;
/// What a job runs: it says so, and then stops, with its wrapper, until it is ended by [`Host::end`].
pub(super) const PROGRAM: &str = r#"job=${PATCHWAVE_JOB##*/}
echo "$job" >>"$PATCHWAVE_ROOT/ran"
echo working
[ "$PLAYED_UNITS" = end ] || kill -KILL 0
echo over
case $job in A*) code=0 ;; *) code=3 ;; esac
echo "$job $code" >>"$PATCHWAVE_ROOT/ended"
exit "$code""#;
/// All that a job prints.
pub(super) const OUTPUT: &[u8] = b"working\nover\n";

/// What becomes of a command on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// It runs to its end. A unit that it starts waits for its turn.
    Whole,
    /// It runs until it has claimed its job's folder.
    CutAfterClaim,
    /// The unit that it starts begins at once, and works.
    JobWorks,
    /// The unit that it starts begins at once, and ends.
    JobEnds,
}

/// A change in the text of the scripts, to see that it is found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mutant {
    pub from: &'static str,
    pub to: &'static str,
}

pub(super) struct Host {
    root: tempfile::TempDir,
    /// What the folder holds now.
    files: Files,
    mutant: Option<Mutant>,
    /// How scripts ended that ran before on the same files.
    known: HashMap<Key, (Output, Files)>,
    /// How many scripts really ran.
    pub runs: usize,
    /// The mutant's text was in one of them.
    pub met: bool,
}

impl Host {
    pub fn new(mutant: Option<Mutant>) -> Self {
        let root = tempfile::tempdir().unwrap();
        Self { root, files: Files::default(), mutant, known: HashMap::new(), runs: 0, met: false }
    }

    /// Runs a controller's command, which `key` names.
    pub fn run(&mut self, files: &Files, command: &Command, key: Key, course: Course) -> (Output, Files) {
        self.once(digest(&[&files.key, &key, format!("{course:?}").as_bytes()]), |host| {
            host.sent(files, command, course)
        })
    }

    /// What `run` gives, which the host's files and the key's other parts decide alone, without running it twice.
    fn once(&mut self, key: Key, run: impl FnOnce(&mut Self) -> (Output, Files)) -> (Output, Files) {
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let ended = run(self);
        self.known.insert(key, ended.clone());
        ended
    }

    fn sent(&mut self, files: &Files, command: &Command, course: Course) -> (Output, Files) {
        let mut argv: Vec<String> = command.argv.iter().map(|text| self.played(text)).collect();
        argv[2].insert_str(0, PLAYED);
        assert!(command.stdin.is_empty(), "a small program stands on the line");
        if command.label != "job-start" && command.label != "job-poll" {
            return self.script(files, &argv, 1, Course::Whole);
        }
        // A look that waits answers as one that is made later.
        argv[7..9].fill("0".to_owned());
        if command.label == "job-poll" {
            return self.script(files, &argv, 1, Course::Whole);
        }
        // A start waits for its unit, which is played, and then no longer.
        argv[7..9].fill("20".to_owned());
        argv[11].insert_str(0, PLAYED);
        argv[12] = argv[12].replace("$PLAYED_PID", "$PLAYED_CHILD");
        let job = argv[4].clone();
        // Both jobs are on this host, and a process id is used once.
        let wrappers = format!("{BASE}/jobs/{job}/wrapper.");
        let number = files.map.keys().filter(|path| path.starts_with(&wrappers)).count();
        let number = number + if job.starts_with('A') { 10 } else { 20 };
        match course {
            Course::Whole => self.script(files, &argv, number, course),
            Course::CutAfterClaim => {
                argv[2].insert_str(0, &format!("PLAYED_CUT=$PATCHWAVE_ROOT/{BASE}/jobs/{job}\n"));
                self.script(files, &argv, number, course)
            }
            Course::JobWorks | Course::JobEnds => {
                let (output, after) = self.script(&with_processes(files, &job, number + 100), &argv, number, course);
                let pid = text(&after, &format!("{BASE}/jobs/{job}/pid"));
                let works = course == Course::JobWorks && pid.starts_with(&format!("{} ", number + 100));
                (output, if works { after } else { without_processes(&after, number + 100) })
            }
        }
    }

    /// Lets a waiting unit run its wrapper, up to where its program works.
    pub fn begin(&mut self, files: &Files, unit: &str) -> Files {
        let key = digest(&[&files.key, b"begin", unit.as_bytes()]);
        let (_, files) = self.once(key, |host| {
            let (job, number) = unit.split_once('@').unwrap();
            let pid: usize = 100 + number.parse::<usize>().unwrap();
            let mut map = with_processes(files, job, pid).map.clone();
            map.remove(&format!("units/{unit}"));
            let script =
                format!("job=$PATCHWAVE_ROOT/{BASE}/jobs/$1; exec /bin/sh \"$job/wrapper.$2\" \"$job\" \"$2\"");
            let argv = ["/bin/sh", "-c", &script, "sh", job, number].map(str::to_owned);
            let (output, files) = host.script(&Tree::of(map), &argv, pid, Course::Whole);
            let works = matches!(output.exit, Exit::Signal(_));
            (output, if works { files } else { without_processes(&files, pid) })
        });
        files
    }

    /// Lets a job's program end with this code, and its wrapper with it. `pid` is the wrapper's.
    pub fn end(&mut self, files: &Files, job: &str, pid: usize, code: u32) -> Files {
        let key = digest(&[&files.key, b"end", job.as_bytes()]);
        let (_, files) = self.once(key, |host| {
            let number = pid - 100;
            let wrapper = text(files, &format!("{BASE}/jobs/{job}/wrapper.{number}"));
            let (_, rest) = wrapper.split_once("/bin/sh \"$run\"").expect("the wrapper runs its program");
            let (_, rest) = rest.split_once('\n').unwrap();
            let script = format!(
                "{PLAYED}job=$PATCHWAVE_ROOT/{BASE}/jobs/$1 run=$job/run.$2 began=0.0\ncd / || exit 1\numask 077\nset -f\n\
                 echo over >>\"$job/out\"\necho \"$1 {code}\" >>\"$PATCHWAVE_ROOT/ended\"\n(exit {code})\n{rest}"
            );
            let argv = ["/bin/sh", "-c", &script, "sh", job, &number.to_string()].map(str::to_owned);
            let (output, files) = host.script(files, &argv, pid, Course::Whole);
            assert!(output.success(), "{output:?}");
            (output, without_processes(&files, pid))
        });
        files
    }

    /// A script's text as it runs here: with the mutant, and with the process ids and the `/proc` of this host.
    fn played(&mut self, text: &str) -> String {
        let text = match self.mutant {
            Some(Mutant { from, to }) => {
                self.met |= text.contains(from);
                text.replace(from, to)
            }
            None => text.to_owned(),
        };
        text.replace("/proc/$", "$PATCHWAVE_ROOT/proc/$").replace("$$", "$PLAYED_PID")
    }

    /// Runs a script as the process `pid`.
    fn script(&mut self, files: &Files, argv: &[String], pid: usize, course: Course) -> (Output, Files) {
        self.restore(files);
        self.runs += 1;
        let root = self.root.path();
        let mut shell = std::process::Command::new(&argv[0]);
        shell.args(&argv[1..]).env_clear().env("PATCHWAVE_ROOT", root).env("LC_ALL", "C");
        shell.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").current_dir("/");
        shell.env("PLAYED_PID", pid.to_string()).env("PLAYED_CHILD", (pid + 100).to_string());
        let units = match course {
            Course::Whole | Course::CutAfterClaim => "wait",
            Course::JobWorks => "work",
            Course::JobEnds => "end",
        };
        shell.env("PLAYED_UNITS", units);
        // A group of its own: what stops is killed with all that it started.
        let output = shell.process_group(0).stdin(Stdio::null()).output().unwrap();
        let exit = match output.status.code() {
            Some(code) => Exit::Code(code as u32),
            None => Exit::Signal(output.status.signal().unwrap_or(0).to_string()),
        };
        let mut found = BTreeMap::new();
        read_folder(root, "", &mut found).unwrap();
        // Since when, by the wall clock: no script reads it.
        if let Some(Some(lease)) = found.get_mut(&format!("{BASE}/lease")) {
            let lines =
                String::from_utf8_lossy(lease).lines().take(2).map(|line| format!("{line}\n")).collect::<String>();
            *lease = lines.into_bytes();
        }
        self.files = Tree::of(found);
        (Output { exit, stdout: output.stdout, stderr: output.stderr, dropped: 0 }, Arc::clone(&self.files))
    }

    /// Makes the folder hold exactly this.
    fn restore(&mut self, files: &Files) {
        let root = self.root.path();
        for (path, content) in self.files.map.iter().rev() {
            match (content, files.map.get(path)) {
                (None, None) => fs::remove_dir(root.join(path)).unwrap(),
                (Some(_), None) => fs::remove_file(root.join(path)).unwrap(),
                _ => {}
            }
        }
        for (path, content) in &files.map {
            match (content, self.files.map.get(path)) {
                (None, None) => fs::DirBuilder::new().mode(0o700).create(root.join(path)).unwrap(),
                (Some(content), then) if then.and_then(Option::as_ref) != Some(content) => {
                    fs::write(root.join(path), content).unwrap();
                }
                _ => {}
            }
        }
    }
}

fn read_folder(root: &Path, inside: &str, found: &mut Map) -> io::Result<()> {
    for entry in fs::read_dir(root.join(inside))? {
        let entry = entry?;
        let name = entry.file_name().into_string().expect("the scripts make plain names");
        let path = if inside.is_empty() { name } else { format!("{inside}/{name}") };
        if entry.file_type()?.is_dir() {
            read_folder(root, &path, found)?;
            found.insert(path, None);
        } else {
            let content = fs::read(entry.path())?;
            found.insert(path, Some(content));
        }
    }
    Ok(())
}

/// A file's text; of one that is not there, nothing.
pub(super) fn text(files: &Files, path: &str) -> String {
    files.map.get(path).and_then(Option::as_deref).map(String::from_utf8_lossy).unwrap_or_default().into_owned()
}

/// The same host with this file.
pub(super) fn with(files: &Files, path: &str, content: &str) -> Files {
    let mut map = files.map.clone();
    put(&mut map, path, content);
    Tree::of(map)
}

fn put(map: &mut Map, path: &str, content: &str) {
    for (at, _) in path.match_indices('/') {
        map.entry(path[..at].to_owned()).or_insert(None);
    }
    map.insert(path.to_owned(), Some(content.as_bytes().to_vec()));
}

/// Names in a folder, of folders and files.
pub(super) fn names_in(files: &Files, folder: &str) -> Vec<String> {
    let inside = format!("{folder}/");
    let names = files.map.keys().filter_map(|path| path.strip_prefix(&inside)).filter(|name| !name.contains('/'));
    names.map(str::to_owned).collect()
}

/// The jobs whose program works, each with its wrapper's process id.
pub(super) fn working(files: &Files) -> Vec<(String, usize)> {
    let jobs = names_in(files, "proc").into_iter().filter_map(|name| {
        let pid: usize = name.parse().ok().filter(|pid| *pid < 200)?;
        let stat = text(files, &format!("proc/{pid}/stat"));
        let (_, rest) = stat.split_once('(')?;
        let (job, _) = rest.split_once(')')?;
        Some((job.to_owned(), pid))
    });
    jobs.collect()
}

/// Whose lease the host is; empty: nobody's.
pub(super) fn holder(files: &Files) -> String {
    text(files, &format!("{BASE}/lease")).lines().next().unwrap_or_default().to_owned()
}

/// A wrapper, whose process is `pid`, and its program live, as `/proc/PID/stat` shows them, with the start time 5.
fn with_processes(files: &Files, job: &str, pid: usize) -> Files {
    let mut map = files.map.clone();
    for pid in [pid, pid + 100] {
        put(&mut map, &format!("proc/{pid}/stat"), &format!("{pid} ({job}) S{} 5 0\n", " 0".repeat(18)));
    }
    Tree::of(map)
}

/// The same host where these two are dead.
pub(super) fn without_processes(files: &Files, pid: usize) -> Files {
    let mut map = files.map.clone();
    for pid in [pid, pid + 100] {
        map.remove(&format!("proc/{pid}"));
        map.remove(&format!("proc/{pid}/stat"));
    }
    Tree::of(map)
}

/// The host after a reboot.
pub(super) fn rebooted(files: &Files) -> Files {
    let mut files = Arc::clone(files);
    for (_, pid) in working(&files) {
        files = without_processes(&files, pid);
    }
    let mut map = files.map.clone();
    map.retain(|path, _| !path.starts_with("units/"));
    put(&mut map, "proc/sys/kernel/random/boot_id", "boot-2\n");
    put(&mut map, "proc/uptime", "10.00 1.00\n");
    Tree::of(map)
}

/// The host after more than two hours.
pub(super) fn aged(files: &Files) -> Files {
    let up = text(files, "proc/uptime");
    let up: u64 = up.split('.').next().unwrap_or_default().parse().unwrap();
    with(files, "proc/uptime", &format!("{}.00 1.00\n", up + 7300))
}

/// A host that has booted and was never changed.
pub(super) fn fresh() -> Files {
    let mut map = Map::new();
    put(&mut map, "proc/sys/kernel/random/boot_id", "boot-1\n");
    put(&mut map, "proc/uptime", "100.00 1.00\n");
    map.insert("units".to_owned(), None);
    Tree::of(map)
}
