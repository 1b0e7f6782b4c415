# Takes away the traces of a guard whose verdict is known. What a rollback said stays for a week. $1: id
umask 077
guard=$base/guards/$1
verdict=
[ -e "$guard/verdict" ] && read -r verdict <"$guard/verdict"
drop_unit "$guard"
# A watchdog that may not roll back any more is in nobody's way; one that does is never touched.
if [ "$verdict" = confirmed ]; then
    if [ -d "$root/run/systemd/system" ]; then
        systemctl stop "${unit##*/}" >/dev/null 2>&1
        systemctl reset-failed "${unit##*/}" >/dev/null 2>&1
    fi
    remove "$guard"
    rmdir "$base/guards" 2>/dev/null
elif [ -d "$guard" ]; then
    # It may hold secrets of the playbook, and nobody will run it any more.
    rm -f "$guard/rollback"
    (: >"$guard/acked") 2>/dev/null
fi
exit 0
