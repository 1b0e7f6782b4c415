//! Makes the transport from the options of the command line, and limits how many hosts are in flight.

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
    ui::ScreenLock,
};

/// The real transport, or the one of a test.
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
            return Err(Failure::refused("--host-keys ask needs a terminal, but standard input is not one")
                .help("--host-keys accept-new records the keys of new hosts without asking"));
        }
        HostKeys::Ask => HostKeyPolicy::Ask,
    };
    options.connects_per_second = args.connect_rate;
    if let Some(file) = &args.known_hosts {
        options.known_hosts = vec![world.absolute(file)];
        options.global_known_hosts.clear();
    }
    if world.stdin_is_terminal {
        options.prompt =
            Some(Arc::new(ExclusivePrompt { prompt: Arc::clone(&world.prompt), screen: world.screen.clone() }));
    }
    SshTransport::new(options).map(|t| Arc::new(t) as Arc<dyn Transport>).map_err(Failure::usage)
}

/// Asks a person while nothing is drawn over the question.
struct ExclusivePrompt {
    prompt: Arc<dyn Prompt>,
    screen: ScreenLock,
}

impl Prompt for ExclusivePrompt {
    fn line(&self, question: &str) -> Option<String> {
        self.screen.ask(|| self.prompt.line(question))
    }

    fn secret(&self, question: &str) -> Option<SecretString> {
        self.screen.ask(|| self.prompt.secret(question))
    }

    fn listen(&self) -> Option<String> {
        self.prompt.listen()
    }
}

/// Raises the limit of open files to what the system allows, and limits `forks` by it.
pub(in crate::cli) fn forks(wanted: u32, world: &mut World) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
    // A host in flight may need a connection, a log file and the pipes of a hook; the program itself needs some files
    // too.
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
