# Gives a guard its verdict if it has none yet, and tells how it stands.
# $1 id, $2 `confirm` or `roll-back`, $3 offset in the rollback's output, $4 most bytes of it, $5 seconds to wait for news
umask 077
guard=$base/guards/$1
rc=-
size=0
tell() {
    printf 'patchwave-guard %s %s %s\n' "$1" "${rc:--}" "$size"
    [ "$size" -gt "$offset" ] && tail -c "+$((offset + 1))" "$guard/out" | head -c "$most"
    exit 0
}
offset=$3
most=$4
[ -d "$guard" ] || tell absent
case $2 in
confirm)
    # An arming that is still under way finds this and gives up.
    [ -e "$guard/armed" ] || printf 'confirmed\n' >"$guard/confirmed"
    ln "$guard/confirmed" "$guard/verdict" 2>/dev/null
    # What is confirmed must stay so when the power goes the next moment.
    sync "$guard/verdict" "$guard" 2>/dev/null
    ;;
roll-back) : >"$guard/now" ;;
esac
end=$5
waited=0
while :; do
    verdict=
    [ -e "$guard/verdict" ] && read -r verdict <"$guard/verdict"
    if [ "$verdict" = confirmed ]; then
        tell confirmed
    elif [ -e "$guard/rc" ]; then
        read -r rc <"$guard/rc"
        size=$(($(wc -c <"$guard/out")))
        tell rolled-back
    elif may_act "$guard"; then
        state=armed
        [ "$verdict" = rolled-back ] && state=rolling
    elif [ -e "$guard/rc" ]; then
        continue
    elif [ -e "$guard/begun" ]; then
        # Its watchdog is gone for good, in the middle.
        size=$(($(wc -c <"$guard/out")))
        tell cut
    else
        tell dead
    fi
    [ "$waited" -ge "$end" ] && tell "$state"
    sleep 1
    waited=$((waited + 1))
done
