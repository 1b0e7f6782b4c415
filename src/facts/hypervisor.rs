//! What a machine runs on: hardware, or which hypervisor.

use serde::{Deserialize, Serialize};

/// What a machine runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// It does not say.
    #[default]
    Unknown,
    /// Hardware.
    Physical,
    /// A hypervisor, by its name.
    Virtual(String),
}

/// What DMI tables of hypervisors contain, lower case, and their names.
const KNOWN: [(&str, &str); 13] = [
    ("qemu", "kvm"),
    ("kvm", "kvm"),
    ("vmware", "vmware"),
    ("virtualbox", "virtualbox"),
    ("innotek", "virtualbox"),
    ("xen", "xen"),
    ("virtual machine", "hyper-v"),
    ("amazon ec2", "amazon ec2"),
    ("google", "google compute engine"),
    ("digitalocean", "kvm"),
    ("hetzner", "kvm"),
    ("openstack", "kvm"),
    ("parallels", "parallels"),
];

impl Platform {
    /// From `/sys/hypervisor/type`, the vendor and product of the DMI tables, and whether the processor says that it is
    /// a guest's.
    pub(super) fn of(hypervisor: &str, vendor: &str, product: &str, guest: bool) -> Self {
        let dmi = format!("{vendor} {product}").to_lowercase();
        let known = KNOWN.iter().find(|(word, _)| dmi.contains(word)).map(|(_, name)| (*name).to_owned());
        match (hypervisor.is_empty(), known) {
            (false, _) => Self::Virtual(hypervisor.to_owned()),
            // Hardware of these makers can be rented without a hypervisor; then the processor does not say "guest".
            (true, Some(name)) if guest || !matches!(name.as_str(), "amazon ec2" | "google compute engine") => {
                Self::Virtual(name)
            }
            (true, _) if guest => Self::Virtual("an unknown hypervisor".to_owned()),
            (true, _) if dmi.trim().is_empty() => Self::Unknown,
            (true, _) => Self::Physical,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_known_by_its_firmware_or_its_processor() {
        let named = |name: &str| Platform::Virtual(name.to_owned());
        for (hypervisor, vendor, product, guest, expected) in [
            ("", "QEMU", "Standard PC (Q35 + ICH9, 2009)", true, named("kvm")),
            ("", "VMware, Inc.", "VMware7,1", true, named("vmware")),
            ("", "Microsoft Corporation", "Virtual Machine", true, named("hyper-v")),
            ("xen", "", "", false, named("xen")),
            ("", "Amazon EC2", "m5.large", true, named("amazon ec2")),
            ("", "Amazon EC2", "m5.metal", false, Platform::Physical),
            ("", "Dell Inc.", "PowerEdge R640", false, Platform::Physical),
            ("", "Somebody", "Something", true, named("an unknown hypervisor")),
            ("", "", "", false, Platform::Unknown),
        ] {
            assert_eq!(Platform::of(hypervisor, vendor, product, guest), expected, "{vendor} {product}");
        }
    }
}
