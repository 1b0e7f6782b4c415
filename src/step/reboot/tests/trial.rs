//! Trial boots on a host that is a folder: its GRUB is a few lines of shell with a real menu and environment, and its
//! `shutdown` boots what they say.

use std::time::Duration;

use crate::{
    event::{StepResult, Verdict},
    playbook::{Reboot, RebootWhen, StepKind},
    step::{
        self,
        testing::{Bench, patchable},
    },
};

const MENU: &str = r#"set default="0"
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
else
   set default="${saved_entry}"
fi
menuentry 'Debian' $menuentry_id_option 'gnulinux-simple' {
	linux /boot/vmlinuz-6.1.0-99-amd64 root=/dev/sda1
}
submenu 'Advanced options' $menuentry_id_option 'gnulinux-advanced' {
	menuentry 'Debian, with Linux 6.1.0-99-amd64' $menuentry_id_option 'gnulinux-6.1.0-99-amd64-advanced' {
		linux /boot/vmlinuz-6.1.0-99-amd64 root=/dev/sda1
	}
	menuentry 'Debian, with Linux 6.1.0-98-amd64' $menuentry_id_option 'gnulinux-6.1.0-98-amd64-advanced' {
		linux /boot/vmlinuz-6.1.0-98-amd64 root=/dev/sda1
	}
}
"#;
const OLD: &str = "gnulinux-advanced>gnulinux-6.1.0-98-amd64-advanced";
const NEW: &str = "gnulinux-advanced>gnulinux-6.1.0-99-amd64-advanced";

/// As GRUB and the machine do: what is set for one boot is forgotten before it is started; after a kernel that hangs,
/// the power is turned off and on.
const BOOT: &str = r#"r=$PATCHWAVE_ROOT env=$r/boot/grub/grubenv
boot() {
  entry=$(sed -n 's/^next_entry=//p' "$env")
  entry=${entry:-$(sed -n 's/^saved_entry=//p' "$env")}
  sed -i '/^next_entry=/d' "$env"
  case $entry in *98*) echo 6.1.0-98-amd64 ;; *) echo 6.1.0-99-amd64 ;; esac >"$r/kernel"
  cat "$r/kernel" >>"$r/booted"
}
boot
[ ! -e "$r/hangs" ] || ! grep -q 99 "$r/kernel" || boot
echo 99999999-9999-9999-9999-999999999999 >"$r/proc/sys/kernel/random/boot_id"
rm -f "$r/run/patchwave-reboot""#;

fn host() -> Bench {
    let bench = Bench::new(StepKind::Reboot(Reboot {
        when: RebootWhen::Required,
        warn: Duration::ZERO,
        message: None,
        timeout: Duration::from_secs(30),
        stable: Duration::from_millis(1),
        trial: true,
        lock_timeout: Duration::from_secs(1),
    }));
    patchable(&bench);
    bench.boots("11111111-1111-1111-1111-111111111111");
    bench.file("kernel", "6.1.0-98-amd64\n");
    bench.shim("uname", r#"cat "$PATCHWAVE_ROOT/kernel""#);
    for n in ["98", "99"] {
        bench.file(&format!("boot/vmlinuz-6.1.0-{n}-amd64"), "");
        bench.file(&format!("lib/modules/6.1.0-{n}-amd64/modules.dep"), "");
    }
    bench.file("boot/grub/grub.cfg", MENU);
    bench.file("boot/grub/grubenv", "# GRUB Environment Block\n");
    let set = |name: &str| {
        let env = r#"env=$PATCHWAVE_ROOT/boot/grub/grubenv; sed -i "/^NAME=/d" "$env"; echo "NAME=$1" >>"$env""#;
        env.replace("NAME", name)
    };
    bench.shim("grub-set-default", &set("saved_entry"));
    bench.shim("grub-reboot", &set("next_entry"));
    bench.shim("grub-editenv", r#"[ "$2" = unset ] && sed -i "/^$3=/d" "$1""#);
    bench.shim("grub-probe", "[ \"$1\" != --target=fs ] || echo ext2");
    bench.shim("shutdown", BOOT);
    std::fs::create_dir_all(bench.path("run")).unwrap();
    bench
}

async fn go(bench: &mut Bench) -> StepResult {
    step::run(&mut bench.cx()).await
}

fn read(bench: &Bench, file: &str) -> String {
    std::fs::read_to_string(bench.path(file)).unwrap_or_default()
}

/// The marks in GRUB's environment.
fn marks(bench: &Bench) -> String {
    read(bench, "boot/grub/grubenv").lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_new_kernel_becomes_the_default_after_a_good_return() {
    for (before, after) in [("", ""), (&*format!("saved_entry={OLD}"), "")] {
        let mut bench = host();
        bench.file("boot/grub/grubenv", format!("# GRUB Environment Block\n{before}\n"));
        let result = go(&mut bench).await;
        if before.is_empty() {
            assert_eq!(result.verdict, Verdict::Ok, "{result:?}");
            assert_eq!((read(&bench, "booted").as_str(), marks(&bench).as_str()), ("6.1.0-99-amd64\n", after));
            assert!(
                result.detail.contains(&"the trial of kernel 6.1.0-99-amd64 went well; it is the default".to_owned())
            );
        } else {
            // A default that somebody chose is not overruled.
            assert_eq!((result.verdict, read(&bench, "booted").as_str()), (Verdict::Skipped, ""), "{result:?}");
        }
    }
    let mut bench = host();
    bench.file("boot/grub/grubenv", format!("saved_entry={NEW}\n"));
    assert_eq!(go(&mut bench).await.verdict, Verdict::Ok);
    assert_eq!(marks(&bench), format!("saved_entry={NEW}"), "a chosen default stays a chosen one");
}

#[tokio::test]
async fn a_kernel_that_hangs_is_followed_by_the_old_one_and_stays_off() {
    let mut bench = host();
    bench.file("hangs", "");
    let result = go(&mut bench).await;
    assert_eq!(
        (result.verdict, result.class.as_str(), result.rebooted),
        (Verdict::Failed, "trial-failed", true),
        "{result:?}"
    );
    assert!(result.summary.starts_with("the trial of kernel 6.1.0-99-amd64 failed: it came up with"), "{result:?}");
    assert_eq!(read(&bench, "booted"), "6.1.0-99-amd64\n6.1.0-98-amd64\n");
    assert_eq!(marks(&bench), format!("saved_entry={OLD}"));
}

#[tokio::test]
async fn a_host_that_cannot_try_a_kernel_is_not_rebooted() {
    type Spoil = fn(&Bench);
    let cases: [(&str, Spoil); 6] = [
        ("GRUB does not follow its saved entry", |bench| {
            bench.file("boot/grub/grub.cfg", MENU.replace("${saved_entry}", "0"));
        }),
        ("GRUB cannot write its environment on ext2 lvm", |bench| {
            bench.shim("grub-probe", "case $1 in --target=fs) echo ext2 ;; *) echo lvm ;; esac");
        }),
        ("GRUB cannot write its environment on btrfs", |bench| {
            bench.shim("grub-probe", "[ $1 != --target=fs ] || echo btrfs");
        }),
        ("GRUB cannot write its environment on an unknown file system", |bench| bench.shim("grub-probe", "exit 1")),
        ("the boot menu has no entry for kernel 6.1.0-98-amd64", |bench| {
            bench.file(
                "boot/grub/grub.cfg",
                MENU.replace("/boot/vmlinuz-6.1.0-98-amd64", "/boot/vmlinuz-6.1.0-97-amd64"),
            );
        }),
        ("its files do not have it", |bench| bench.shim("grub-reboot", "exit 0")),
    ];
    for (why, spoil) in cases {
        let mut bench = host();
        spoil(&bench);
        let result = go(&mut bench).await;
        assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, "no-trial"), "{why}: {result:?}");
        assert!(result.summary.contains(why), "{why}: {result:?}");
        assert_eq!((read(&bench, "booted").as_str(), marks(&bench).as_str(), result.changed), ("", "", false), "{why}");
    }
}

#[tokio::test]
async fn a_reboot_that_is_refused_forgets_the_trial() {
    let mut bench = host();
    bench.shim("shutdown", "echo no; exit 1");
    bench.shim("reboot", "exit 1");
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, "reboot-refused"), "{result:?}");
    assert_eq!(marks(&bench), "");
}
