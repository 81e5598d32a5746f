# Takes one job after the other from the directory IN, and leaves its result in OUT. Each is
# taken by a rename, which one worker alone wins. At SIGTERM it finishes its job first.
[ -d in ] && [ -d out ] || exit 78
trap 'stopping=1' TERM
while [ -z "$stopping" ]; do
  for job in in/*; do
    name=${job#in/}
    mv "$job" "out/$name.$$" 2>/dev/null || continue
    case $(cat "out/$name.$$") in
      poison) echo "cannot bear $name" >&2; mv "out/$name.$$" "out/$name.bad"; exit 1 ;;
    esac
    tr '[:lower:]' '[:upper:]' < "out/$name.$$" > "out/$name.new"
    mv "out/$name.new" "out/$name.done" && rm "out/$name.$$" # A result is there when it is whole.
  done
  [ -n "$stopping" ] || sleep 0.1
done
