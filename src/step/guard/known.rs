//! What is known about a guard, and what it must outlive.

/// What is known about an attempt's guard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Known {
    /// There is no guard on the host.
    #[default]
    Nothing,
    /// The host was asked to arm it, or was about to be. The change has not begun.
    Asked,
    /// It was armed; the change may have begun.
    Armed,
    /// It is confirmed, and that is recorded.
    Confirmed,
}

/// What a guard must outlive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlives {
    /// The change does not reboot. (Where systemd is, a guard outlives reboots in any case.)
    Nothing,
    /// The change is a reboot.
    Reboot,
}

impl Known {
    /// At least asked for.
    pub(super) fn or_asked(self) -> Self {
        if self == Self::Nothing { Self::Asked } else { self }
    }
}
