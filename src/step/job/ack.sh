# Marks a job's end as recorded. $1: id
umask 077
is_ours || exit 0
: >"$base/jobs/$1/acked"
