# What programs print would be taken for answers: it goes to stderr, and the answers to
# where stdout was. They do not get the requests either.
exec 3>&1 1>&2
echo ready >&3
while IFS= read -r line; do
  cat </dev/null # Without that it would read the next request.
  echo "a program has something to say"
  printf '%s\n' "$line" | tr '[:lower:]' '[:upper:]' >&3
done
