# awk -f tools/sizes.awk FILE...: names the functions of more than 60 lines; the exit status is 1 if there are any.

FNR == 1 { start = 0 }

/^[A-Za-z_].*[{][ \t]*$/ && !/^(struct|union|enum|typedef|static const|const)[^(]*[{]/ {
  start = FNR
  name = $0
}

/^}/ {
  if (start && FNR - start + 1 > 60) {
    printf "%s:%d: %d lines: %s\n", FILENAME, start, FNR - start + 1, name
    bad = 1
  }
  start = 0
}

END { exit bad }
