# Gives a guard its verdict if it has none yet, and prints its state.
# $1 id, $2 `confirm`, `roll-back` or `give-up`, $3 offset in the rollback's output, $4 most bytes of it, $5 seconds to
# wait for something new
umask 077
guard=$base/guards/$1
rc=-
size=0
process=-
tell() {
    printf 'patchwave-guard %s %s %s %s\n' "$1" "${rc:--}" "$size" "$process"
    [ "$size" -gt "$offset" ] && tail -c "+$((offset + 1))" "$guard/out" | head -c "$most"
    exit 0
}
offset=$3
most=$4
[ -d "$guard" ] || tell absent
case $2 in
confirm)
    # An arming that is still in progress finds this and gives up.
    [ -e "$guard/armed" ] || printf 'confirmed\n' >"$guard/confirmed"
    ln "$guard/confirmed" "$guard/verdict" 2>/dev/null
    # The confirmation must survive a power loss in the next moment.
    sync "$guard/verdict" "$guard" 2>/dev/null
    ;;
# Renaming needs no room on a full disk.
roll-back) mv "$guard/asked" "$guard/now" 2>/dev/null || [ -e "$guard/now" ] || (: >"$guard/now") 2>/dev/null ;;
give-up) give_up "$guard" ;;
esac
end=$5
waited=0
started=
while :; do
    look_at "$guard"
    case $stand in
    confirmed | lost) tell "$stand" ;;
    rolled-back | ended)
        read -r rc <"$guard/rc"
        size=$(($(wc -c <"$guard/out")))
        # A process that could not be ended.
        [ "$stand" = ended ] && alive "$guard/late" && process=$pid
        tell "$stand"
        ;;
    cut)
        # Its watchdog is gone for good, in the middle of the rollback.
        size=$(($(wc -c <"$guard/out")))
        tell cut
        ;;
    dead)
        if [ -z "$started" ] && [ -e "$guard/armed" ] && ! is_stale "$guard"; then start_watch "$guard"; fi
        started=1
        ;;
    esac
    [ "$waited" -ge "$end" ] && tell "$stand"
    sleep 1
    waited=$((waited + 1))
done
