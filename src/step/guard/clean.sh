# Removes the files of a guard whose verdict is known. The output of a rollback is kept for a week. $1: id
umask 077
guard=$base/guards/$1
verdict=
[ -e "$guard/verdict" ] && read -r verdict <"$guard/verdict"
drop_unit "$guard"
# A watchdog that may no longer roll back does no harm; one that is rolling back is never touched.
if [ "$verdict" = confirmed ]; then
    if [ -d "$root/run/systemd/system" ]; then
        systemctl stop "${unit##*/}" >/dev/null 2>&1
        systemctl reset-failed "${unit##*/}" >/dev/null 2>&1
    fi
    remove "$guard"
    rmdir "$base/guards" 2>/dev/null
elif [ -d "$guard" ]; then
    # It may hold secrets of the playbook, and it will never run.
    rm -f "$guard/rollback"
    (: >"$guard/acked") 2>/dev/null
fi
exit 0
