: "${HOME:=/root}"
PATCHWAVE_JOB=$1
export HOME PATCHWAVE_JOB
set -f
read -r stat <"/proc/$$/stat"
set -- ${stat##*) }
# This shell becomes the program: with its id it is seen to live even when its wrapper was killed.
umask 077
printf '%s %s\n' "$$" "${20}" >"$PATCHWAVE_JOB/child"
umask 022
unset stat
set +f
