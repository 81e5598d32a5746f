# Keeps a sum for whoever talks to it: "add N" and "reset" are answered with the sum.
sum=0
while read -r what number; do
  case $what in
    add) sum=$((sum + number)) ;;
    reset) sum=0 ;;
  esac
  echo "$sum"
done
