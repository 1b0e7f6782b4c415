//! The transport as the options of the command line want it, and how many hosts it may carry at once.

use std::{path::PathBuf, sync::Arc};

use secrecy::SecretString;

use crate::{
    cli::{
        Failure, World,
        args::{ConnectArgs, HostKeys},
    },
    prompt::Prompt,
    target::HostKeyPolicy,
    transport::{
        Transport,
        ssh::{SshOptions, SshTransport},
    },
    ui::Quiet,
};

/// The real transport, or the one that a test put into the world.
pub(in crate::cli) fn transport(args: &ConnectArgs, world: &World) -> Result<Arc<dyn Transport>, Failure> {
    if let Some(transport) = &world.transport {
        return Ok(Arc::clone(transport));
    }
    let home = world.var("HOME").map(PathBuf::from);
    let agent = world.var("SSH_AUTH_SOCK").map(PathBuf::from);
    let user = world.var("USER").or_else(|| world.var("LOGNAME")).unwrap_or("root").to_owned();
    let mut options = SshOptions::for_user(user, home.as_deref(), agent);
    options.host_keys = match args.host_keys {
        HostKeys::Strict => HostKeyPolicy::Strict,
        HostKeys::AcceptNew => HostKeyPolicy::AcceptNew,
        HostKeys::Ask if !world.stdin_is_terminal => {
            return Err(Failure::refused("--host-keys ask: there is nobody to ask: standard input is not a terminal")
                .help("--host-keys accept-new records the keys of new hosts without a question"));
        }
        HostKeys::Ask => HostKeyPolicy::Ask,
    };
    options.connects_per_second = args.connect_rate;
    if let Some(file) = &args.known_hosts {
        options.known_hosts = vec![world.absolute(file)];
        options.global_known_hosts.clear();
    }
    if world.stdin_is_terminal {
        options.prompt = Some(Arc::new(Quietly { prompt: Arc::clone(&world.prompt), quiet: world.quiet.clone() }));
    }
    SshTransport::new(options).map(|t| Arc::new(t) as Arc<dyn Transport>).map_err(Failure::usage)
}

/// A person who is asked while nothing is drawn over the question.
struct Quietly {
    prompt: Arc<dyn Prompt>,
    quiet: Quiet,
}

impl Prompt for Quietly {
    fn line(&self, question: &str) -> Option<String> {
        self.quiet.ask(|| self.prompt.line(question))
    }

    fn secret(&self, question: &str) -> Option<SecretString> {
        self.quiet.ask(|| self.prompt.secret(question))
    }

    fn listen(&self) -> Option<String> {
        self.prompt.listen()
    }
}

/// Raises the limit of open files to what the system allows, and bounds `forks` by it.
pub(in crate::cli) fn forks(wanted: u32, world: &mut World) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
    // A host in flight may hold a connection, a log file and a hook's pipes; some files are ours.
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let most = usize::try_from(files.saturating_sub(64) / 4).unwrap_or(usize::MAX).max(1);
    let wanted = wanted as usize;
    if wanted > most {
        world.talk(format_args!(
            "note: {files} open files are allowed, so at most {most} hosts are in flight (--forks {wanted})"
        ));
    }
    wanted.min(most)
}
