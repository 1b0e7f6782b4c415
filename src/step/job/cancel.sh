# Makes sure that a job which has not begun never will. $1: id
umask 077
is_ours || exit 1
# An earlier start may be about to make it.
mkdir -p "$base/jobs/$1" 2>/dev/null
forbid "$base/jobs/$1"
case $? in
0) echo cancelled ;;
1) echo begun ;;
*) exit 1 ;;
esac
