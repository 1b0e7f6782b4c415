# Runs a program of the operator once and leaves its output and exit code. $1: its folder, $2: the most of each stream,
# in blocks of 512 bytes; then the program and its arguments. Every name here begins with _pw_, because another name
# might be exported and so reach the program.
_pw_job=$1
_pw_most=$2
shift 2
command -v "$1" >/dev/null 2>&1 || { : >"$_pw_job/missing"; exit 1; }
_pw_umask=$(umask)
umask 077
# The signals are ignored, here and in the readers below: a program that sends a signal to its whole group (`trap "kill
# 0" EXIT`) must not end them, not even before their first command. The program's own shell has a handler, which is not
# inherited.
trap '' HUP INT TERM
_pw_start() {
    set -f
    # Field 22 is the start time. Field 2, the name, may hold spaces and brackets.
    set -- ${1##*) }
    set +f
    printf '%s' "${20}"
}
read -r _pw_stat </proc/$$/stat
_pw_start=$(_pw_start "$_pw_stat")
# The room for the exit code is taken now, because the disk may be full later. Without room nothing begins.
printf '%s %s\n' "$$" "$_pw_start" >"$_pw_job/pid.$$" || exit 1
printf '%-3s\n' '' >"$_pw_job/rc.tmp" || exit 1
# A hard link is made whole or not at all, and only once: the process that makes `pid` is the one that runs.
PATH=/usr/local/bin:/usr/bin:/bin ln "$_pw_job/pid.$$" "$_pw_job/pid" || exit 1
PATH=/usr/local/bin:/usr/bin:/bin rm -f "$_pw_job/pid.$$"
_pw_keep() {
    PATH=/usr/local/bin:/usr/bin:/bin
    # `cat` writes at once what it has read, so a child that holds the pipe open for ever holds nothing else back. The
    # limit is only for this reader, and it gets an error, not a signal.
    (
        trap '' XFSZ
        ulimit -f "$_pw_most"
        exec cat >"$_pw_job/$1" 2>/dev/null
    )
    wc -c >"$_pw_job/$1.more"
}
# Each stream has its own reader, so that neither a dead controller nor a flood of output stops or fills anything.
{
    {
        # A new shell: the ignored signals have handlers here, which are not inherited.
        trap : HUP INT TERM
        (
            # With this mark, a process that leaves the process group can be found.
            PATCHWAVE_PROGRAM=$_pw_job
            export PATCHWAVE_PROGRAM
            umask "$_pw_umask"
            exec "$@"
        ) 2>&3 3>&-
        printf '%-3s\n' "$?" 1<>"$_pw_job/rc.tmp"
        PATH=/usr/local/bin:/usr/bin:/bin mv -f "$_pw_job/rc.tmp" "$_pw_job/rc"
    } | _pw_keep out
} 3>&1 | _pw_keep err
