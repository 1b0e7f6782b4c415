# What is wrong with this system, so that later only new trouble counts. $1: seconds since 1970; journal lines of this
# boot from then on are `new`, all others `old`. Empty: all are old. $2: the boot in which $1 was taken. The last line
# is `end`.
root=${PATCHWAVE_ROOT-}
boot=$(cat "$root/proc/sys/kernel/random/boot_id" 2>/dev/null)
echo "boot $boot"
echo "now $(date +%s)"
if [ -d "$root/run/systemd/system" ] && command -v systemctl >/dev/null 2>&1; then
    systemctl list-units --state=failed --no-legend --plain 2>/dev/null | while read -r unit rest; do echo "failed $unit"; done
    systemctl list-units --type=service --state=active --no-legend --plain 2>/dev/null |
        while read -r unit rest; do echo "active $unit"; done
fi
if command -v journalctl >/dev/null 2>&1; then
    errors() { journalctl -p err -q --no-pager -o short-unix -n 500 "$@" 2>/dev/null | cut -c 1-400; }
    if [ -z "$1" ]; then
        errors -b | sed 's/^/old /'
    else
        errors --until "@$1" | sed 's/^/old /'
        # After a reboot the whole boot is new, even if its clock was wrong at first.
        if [ "$2" = "$boot" ]; then errors -b --since "@$1" | sed 's/^/new /'; else errors -b | sed 's/^/new /'; fi
    fi
    echo journal
fi
echo end
