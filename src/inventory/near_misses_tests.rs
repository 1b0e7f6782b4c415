use super::*;
use crate::host::HostName;

/// Names of Ansible 2.19 that are not connection variables of `ssh`: facts, magic variables, options of other plugins.
const FINE: &str = "
    all_ipv4_addresses all_ipv6_addresses apparmor architecture bios_date bios_vendor bios_version board_name
    board_serial board_vendor chassis_name chassis_serial chassis_vendor cmdline date_time default_ipv4 default_ipv6
    device_links devices distribution distribution_file_path distribution_major_version distribution_release
    distribution_version dns domain effective_group_id effective_user_id env facts fibre_channel_wwn fips form_factor
    fqdn hostname hostnqn interfaces is_chroot iscsi_iqn kernel kernel_version lo loadavg local
    locally_reachable_ips lsb lvm machine machine_id memfree_mb memory_mb memtotal_mb mounts nodename os_family
    pkg_mgr proc_cmdline processor processor_cores processor_count processor_nproc processor_vcpus product_name
    product_serial product_uuid product_version python python_version python_interpreter real_group_id real_user_id
    selinux selinux_python_present service_mgr ssh_host_key_rsa_public ssh_host_key_ed25519_public
    ssh_host_key_ecdsa_public_keytype swapfree_mb swaptotal_mb system system_capabilities system_vendor
    uptime_seconds user_dir user_gecos user_gid user_id user_shell user_uid userspace_architecture userspace_bits
    virtualization_role virtualization_tech_guest virtualization_type
    check_mode collection_name config_file dependent_role_names diff_mode forks index_var inventory_sources limit loop
    loop_var managed parent_role_names play_batch play_hosts play_hosts_all play_name play_role_names playbook_python
    role_name role_names run_tags search_path skip_tags verbosity version
    async_dir admin_users common_remote_group control_path control_path_dir doas_prompt_l10n pipelining remote_tmp
    scp_executable scp_extra_args sftp_batch_mode sftp_executable sftp_extra_args shell_allow_world_readable_temp
    shell_executable ssh_pipelining ssh_retries ssh_transfer_method ssh_use_tty ssh_verbosity sshpass_prompt
    su_prompt_l10n system_tmpdirs
    aws_ssm_region aws_ssm_timeout become_plugin_option command_timeout connect_timeout docker_host docker_extra_args
    docker_timeout dzdo_user dzdo_pass dzdo_exe dzdo_flags enable_pass httpapi_port httpapi_use_ssl kubectl_host
    ksu_user ksu_pass ksu_exe ksu_flags ksu_prompt_l10n libssh_password libssh_host_key_checking lxc_host lxd_host
    machinectl_user machinectl_pass network_os paramiko_port paramiko_pass pbrun_user pbrun_pass persistent_log_messages
    pfexec_user pmrun_pass psrp_host psrp_port psrp_user psrp_password runas_user runas_pass sesu_user sesu_pass
    winrm_host winrm_port winrm_user winrm_password winrm_transport zone_host";

#[test]
fn a_name_that_is_known_to_ansible_is_not_a_near_miss() {
    let known = known();
    for name in FINE.split_whitespace().map(|name| format!("ansible_{name}")) {
        assert_eq!(near_miss(&name, &known), None, "{name}");
    }
    for name in &known {
        assert_eq!(near_miss(name, &known), None, "{name}");
    }
    for name in ["patchwave", "user", "host", "port", "become", "http_port", "ansible", "ansible_", "services"] {
        assert_eq!(near_miss(name, &known), None, "{name}");
    }
}

#[test]
fn a_typo_has_its_nearest_name() {
    let known = known();
    for (name, near) in [
        ("ansible_becom", "ansible_become"),
        ("ansible_prot", "ansible_port"),
        ("ansible_hosts", "ansible_host"),
        ("ansible-user", "ansible_user"),
        ("Ansible_User", "ansible_user"),
        ("anisble_user", "ansible_user"),
        ("ansible_ssh_comon_arg", "ansible_ssh_common_args"),
        ("ansible_become_metod", "ansible_become_method"),
        ("ansible_become_passwd", "ansible_become_pass"),
        ("ansible_ssh_private_keyfile", "ansible_ssh_private_key_file"),
        ("ansible_conection", "ansible_connection"),
        ("ansible_host_key_cheking", "ansible_host_key_checking"),
    ] {
        assert_eq!(near_miss(name, &known), Some(near), "{name}");
    }
}

#[test]
fn each_name_is_said_once_and_lists_are_not_meant() {
    let text = "web:\n  hosts:\n    web[1:2]: {ansible_prot: 2222}\n    web3: {ansible_prot: 2223}\n    web4: {ansible_ports: \
                [80, 443], ansible_becom: yes}\n";
    let inventory = Inventory::from_text("inv.yml", text).unwrap_or_else(|problems| panic!("{problems}"));
    let found: Vec<String> = inventory
        .near_misses(inventory.hosts())
        .0
        .into_iter()
        .map(|problem| format!("{} {}: {:?}", problem.span.map_or(0, |span| span.line), problem.message, problem.help))
        .collect();
    assert_eq!(
        found,
        [
            "3 `ansible_prot` does not change how a host is reached; did you mean `ansible_port`?: \
             Some(\"it is in 2 places; this is the first\")",
            "5 `ansible_becom` does not change how a host is reached; did you mean `ansible_become`?: None",
        ]
    );
    let only = [HostName::new("web4").unwrap()];
    assert_eq!(inventory.near_misses(&only).0.len(), 1, "only what these hosts have");
}
