# Makes sure that a job which has not begun never will. $1: id
umask 077
is_ours || exit 1
forbid "$base/jobs/$1"
case $? in
0) echo cancelled ;;
1) echo begun ;;
*) exit 1 ;;
esac
