# Finds the jobs of ours that work here and are none of this step's: a line each in `jobs`. Root sees those of ordinary
# logins, too, in folders that anybody may have made: what is not a plain file there, or of another owner than it says,
# is passed over. $1: how the names of the step's own jobs begin
find_jobs_at_work() {
    jobs=
    for job in "$base"/jobs/*; do
        case ${job##*/} in "$1"*) continue ;; esac
        works "$job" && jobs=$jobs${jobs:+$newline}${job##*/}
    done
    [ "$me" = 0 ] || [ -n "$root" ] || return 0
    for folder in "$root"/var/tmp/patchwave-*; do
        uid=${folder##*/patchwave-}
        case $uid in *[!0-9]*) continue ;; esac
        [ -d "$folder/jobs" ] && ! [ -L "$folder" ] && ! [ -L "$folder/jobs" ] || continue
        [ "$folder" != "$base" ] && [ "$(stat -c %u "$folder")" = "$uid" ] || continue
        theirs=$(jobs_at_work_in "$1")
        jobs=$jobs${jobs:+${theirs:+$newline}}$theirs
    done
}
# Those of the ordinary login $uid, in its `folder`.
jobs_at_work_in() {
    find "$folder/jobs" -mindepth 2 -maxdepth 2 -type f -name pid -size -2 2>/dev/null | head -n 500 |
        while read -r file; do
            job=${file%/pid}
            case ${job##*/} in "$1"* | *[!A-Za-z0-9.-]*) continue ;; esac
            [ -z "$(find "$job/child" ! -type f -o -size +1 2>/dev/null)" ] || continue
            works "$job" && printf '%s (of user %s)\n' "${job##*/}" "$uid"
        done
}
