# A line there, a line back: in capitals.
echo ready
while IFS= read -r line; do
  printf '%s\n' "$line" | tr '[:lower:]' '[:upper:]'
done
