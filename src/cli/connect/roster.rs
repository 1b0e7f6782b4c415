//! The engine's view of the inventory: how to reach a host, and what its templates see.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::{
    cli::{
        Failure,
        args::ConnectArgs,
        connect::{password_command, reachable, ssh_config, this_machine::home},
    },
    engine::HostInputs,
    hint::Hint,
    host::HostName,
    inventory::Inventory,
    playbook::TemplateScope,
    reach::ssh_config::{Refused, under},
    sshconfig::SshConfig,
    target::{FinishedRuns, Target, merge_bastion_limits, syntax},
    yaml::Problems,
};

/// The hosts of one run, with targets that were checked in advance.
pub(in crate::cli) struct Hosts {
    inventory: Arc<Inventory>,
    playbook_vars: Map<String, Value>,
    targets: HashMap<HostName, Arc<Target>>,
}

impl Hosts {
    /// Makes every target now, so that all problems of the inventory are found before anything is sent.
    pub(in crate::cli) fn new(
        inventory: Arc<Inventory>,
        playbook_vars: Map<String, Value>,
        hosts: &[HostName],
        options: &ConnectOptions,
    ) -> Result<Self, Failure> {
        let (targets, mut problems) = match inventory.targets(hosts) {
            Ok(targets) => (targets, Problems::default()),
            Err(problems) => (Vec::new(), problems),
        };
        if let Some(plain) = &options.plain {
            problems.extend(reachable::refused(plain, &inventory, hosts, options.trust_given));
        }
        problems.or(()).map_err(Failure::usage)?;
        let targets =
            targets.into_iter().map(|target| options.apply(target.at_home(options.home.as_deref()))).collect();
        let mut targets = match &options.config {
            Some(config) => under(config, targets, options.trust_given).map_err(unreachable)?,
            None => targets,
        };
        merge_bastion_limits(&mut targets);
        let targets = targets.into_iter().map(|t| (t.name.clone(), Arc::new(options.limit(t)))).collect();
        Ok(Self { inventory, playbook_vars, targets })
    }

    /// Every target, in the order of `hosts`.
    pub(in crate::cli) fn targets(&self, hosts: &[HostName]) -> Vec<Arc<Target>> {
        hosts.iter().filter_map(|host| self.targets.get(host).cloned()).collect()
    }

    /// The variables that a gate's templates see: those of the playbook.
    pub(in crate::cli) fn gate_scope(&self) -> TemplateScope {
        TemplateScope::new(self.playbook_vars.clone())
    }
}

fn unreachable(refused: Refused) -> Failure {
    Failure::usage(refused).help(
        Hint::words("patchwave does not guess how to reach a host; ")
            .and_command("ssh-config", &["HOST"])
            .and(" shows the settings of one host, `-F none` reads no ssh_config"),
    )
}

impl HostInputs for Hosts {
    fn target(&self, host: &HostName) -> Result<Arc<Target>, String> {
        self.targets.get(host).cloned().ok_or_else(|| format!("{host} is no longer in the inventory"))
    }

    fn scope(&self, host: &HostName) -> TemplateScope {
        let mut vars = self.inventory.vars(host);
        vars.extend(self.playbook_vars.clone());
        TemplateScope::new(vars)
    }
}

/// What the command line says about connections. The inventory wins over it for login names and keys; it wins for
/// timeouts and for passwords that were typed.
#[derive(Default)]
pub(in crate::cli) struct ConnectOptions {
    user: Option<String>,
    key: Option<PathBuf>,
    config: Option<SshConfig>,
    /// ssh_config without any file; absent with a transport of a test.
    plain: Option<SshConfig>,
    /// The folder that `~/` means.
    home: Option<PathBuf>,
    trust_given: bool,
    password: Option<SecretString>,
    become_password: Option<SecretString>,
    connect: Option<std::time::Duration>,
    auth: Option<std::time::Duration>,
    steal_lease: bool,
    finished_runs: Option<FinishedRuns>,
}

impl ConnectOptions {
    /// Reads the arguments, and asks for passwords if they say so.
    pub(in crate::cli) fn new(args: &ConnectArgs, world: &crate::cli::World) -> Result<Self, Failure> {
        if let Some(Err(why)) = args.user.as_deref().map(syntax::login) {
            return Err(Failure::usage(format!("the login of --user {why}")));
        }
        let ask = |wanted: bool, prompt: &str| -> Result<Option<SecretString>, Failure> {
            if !wanted {
                return Ok(None);
            }
            if !world.stdin_is_terminal {
                return Err(Failure::refused(format!(
                    "the {} cannot be asked for: there is no terminal",
                    prompt.trim_end_matches(": ")
                )));
            }
            world.prompt.secret(prompt).map(Some).ok_or_else(|| Failure::refused("no password was given"))
        };
        let password = match &args.password_command {
            Some(line) => Some(password_command::by_command(line, "--password-command", world)?),
            None => ask(args.ask_pass, "SSH password: ")?,
        };
        let become_password = match &args.become_password_command {
            Some(line) => Some(password_command::by_command(line, "--become-password-command", world)?),
            None => ask(args.ask_become_pass, "sudo password: ")?,
        };
        Ok(Self {
            config: match &world.transport {
                // A test's transport does not use ssh_config.
                Some(_) if args.ssh_config.is_none() => None,
                _ => Some(ssh_config::load(args.ssh_config.as_deref(), world)?),
            },
            plain: world.transport.is_none().then(|| reachable::plain(world)).transpose()?,
            home: home(world),
            trust_given: args.known_hosts.is_some(),
            user: args.user.clone(),
            key: args.private_key.as_ref().map(|key| world.absolute(key)),
            password,
            become_password,
            connect: args.connect_timeout,
            auth: args.auth_timeout,
            steal_lease: false,
            finished_runs: None,
        })
    }

    /// Ignores leases of runs that have finished with a host, according to this ledger.
    pub(in crate::cli) fn knowing(mut self, finished_runs: FinishedRuns) -> Self {
        self.finished_runs = Some(finished_runs);
        self
    }

    /// `--steal-lease`.
    pub(in crate::cli) fn stealing(mut self, steal_lease: bool) -> Self {
        self.steal_lease = steal_lease;
        self
    }

    fn apply(&self, mut target: Target) -> Target {
        target.user = target.user.or_else(|| self.user.clone());
        target.key_file = target.key_file.or_else(|| self.key.clone());
        target.password = self.password.clone().or(target.password);
        target.escalation.password = self.become_password.clone().or(target.escalation.password);
        target
    }

    /// Timeouts from the command line win over all others.
    fn limit(&self, mut target: Target) -> Target {
        target.limits = target.limits.connecting_within(self.connect);
        target.limits.auth = self.auth.unwrap_or(target.limits.auth);
        target.steal_lease = self.steal_lease;
        target.finished_runs = self.finished_runs.clone();
        target
    }
}
