# A line worker that tells how it stands, as services of systemd do.
systemd-notify --status=loading
systemd-notify --ready --status=answering
while IFS= read -r line; do
  printf '%s\n' "$line" | tr '[:lower:]' '[:upper:]'
done
