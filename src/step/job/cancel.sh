# Makes sure that a job which has not begun never will: takes the place of its `pid`. $1: id
umask 077
job=$base/jobs/$1
printf 'cancelled - -\n' >"$job/pid.c$$" || exit 1
if ln "$job/pid.c$$" "$job/pid" 2>/dev/null; then echo cancelled; else echo begun; fi
rm -f "$job/pid.c$$"
