//! Free space, as `df -P -k` prints it and as people read it. Shared by precheck and upgrade.

/// The fourth column of a line of `df -P -k`, in KiB. Counted from the right: the device's name may hold spaces, and so
/// may the mount point after the percentage.
pub(super) fn free_kib(line: &str) -> Option<u64> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let percent = words.iter().position(|word| word.strip_suffix('%').is_some_and(|n| n.parse::<u32>().is_ok()))?;
    words.get(percent.checked_sub(1)?)?.parse().ok()
}

/// `150 MiB`, `1.5 GiB`.
pub(super) fn size(bytes: u64) -> String {
    const GIB: u64 = 1 << 30;
    if bytes >= GIB { format!("{:.1} GiB", bytes as f64 / GIB as f64) } else { format!("{} MiB", bytes >> 20) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn df_lines_are_read() {
        for (line, free) in [
            ("/dev/sda1 41152736 9000000 30000000 24% /", Some(30_000_000)),
            ("//server/my share 100 50 50 50% /mnt/my share", Some(50)),
            ("overlay - - - - /", None),
            ("missing", None),
            ("", None),
        ] {
            assert_eq!(free_kib(line), free, "{line:?}");
        }
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!([size(150 << 20), size(3 << 29)], ["150 MiB", "1.5 GiB"]);
    }
}
