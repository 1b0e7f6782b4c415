# Looks at a job, waits a while for something to say, and ends this script with it: the job's state, then its output
# from an offset on. Fewer bytes of output than asked for are all there are.
# $1 id, $2 offset, $3 most bytes, $4 hundredths of a second to wait for the job's end, $5 how many of them to gather
# output before it is worth an answer, $6 run
look() {
    job=$base/jobs/$1
    look_at_time
    # A folder that another user made says nothing about our jobs.
    if ! is_ours || ! [ -d "$job" ]; then
        printf 'patchwave-job absent - - %s\n' "${this_boot:--}"
        exit 0
    fi
    # A long job keeps its run's lease fresh.
    sign "$6"
    # A start has waited already.
    waited=${spent:-0}
    nap=$((waited / 2 + 2))
    while :; do
        look_at_state
        # At once: the job may take its folder and the connection away.
        if [ -n "${tells_begin-}" ] && [ "$state" = alive ]; then
            printf 'patchwave-job begun %s\n' "${this_boot:--}"
            tells_begin=
        fi
        case $state in done | gone | cancelled) break ;; esac
        [ "$waited" -lt "$4" ] || break
        [ "$waited" -ge "$5" ] && has_more "$2" && break
        # Most changes are small and end at once; a long one is asked once a second. The answer is not late.
        [ "$nap" -le "$(($4 - waited))" ] || nap=$(($4 - waited))
        case $nap in ?) pause=0.0$nap ;; ??) pause=0.$nap ;; *) pause=1 ;; esac
        if [ "$pause" = 1 ] || ! sleep "$pause" 2>/dev/null; then
            sleep 1
            nap=100
        fi
        waited=$((waited + nap))
        nap=$((nap + nap / 2 + 1))
        [ "$nap" -le 100 ] || nap=100
    done
    [ -d "$job" ] || state=absent
    boot=-
    [ -r "$job/pid" ] && read -r pid start boot <"$job/pid"
    lost=
    # One word: `~` is a space.
    if is_lost "$6"; then lost="$thief $(printf '%s' "$boss" | tr ' ' '~' | tr -c 'A-Za-z0-9@._+()~-' '[_*]')"; fi
    printf 'patchwave-job %s %s %s %s %s\n' "$state" "${rc:--}" "${boot:--}" "${this_boot:--}" "$lost"
    [ -s "$job/out" ] || exit 0
    [ "$2" -gt 0 ] || exec head -c "$3" "$job/out"
    tail -c "+$(($2 + 1))" "$job/out" | head -c "$3"
    exit 0
}
look_at_state() {
    rc=
    pid=
    if has_ended; then
        state=done
    elif ! [ -e "$job/pid" ]; then
        state=claimed
    elif alive "$job/pid" || alive "$job/child"; then
        state=alive
    elif has_ended; then
        state=done
    elif [ "$pid" = cancelled ]; then
        state=cancelled
    else
        state=gone
    fi
}
# After a loss of power the code of a short job may not have reached the disk; then its end is not known.
has_ended() {
    [ -e "$job/rc" ] && read -r rc <"$job/rc" && [ -n "$rc" ]
}
# Whether there is output behind offset $1.
has_more() {
    if [ "$1" -gt 0 ]; then
        [ -e "$job/out" ] && [ "$(wc -c <"$job/out")" -gt "$1" ]
    else
        [ -s "$job/out" ]
    fi
}
