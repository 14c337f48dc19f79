"""terminal.py: runs a program in a pseudo-terminal, types into it, and prints what the screen shows.

usage: python3 terminal.py SECONDS ROWS COLUMNS PROGRAM [ARG...] <STEPS

A step is a line: `await TEXT` waits until the screen shows TEXT, `type TEXT` types it (with \\n, \\t, \\x03 …),
`run COMMAND` has the shell run it, `screen` prints the screen between lines of dashes, `end` waits for the program to
end. The exit status is the program's; 124 when a step took too long (the screen is printed then, too).
"""
import fcntl, os, pty, re, select, signal, struct, sys, termios, time


class Screen:
    """As much of a terminal as line editors use: cursor movement, erasing, wrapping, scrolling back."""

    def __init__(self, rows, columns):
        self.columns, self.lines, self.row, self.column = columns, [[]], 0, 0
        self.rows, self.pending, self.saved = rows, "", (0, 0)

    def text(self):
        return "\n".join("".join(line).rstrip() for line in self.lines)

    def feed(self, text):
        text, self.pending = self.pending + text, ""
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                found = re.compile(r"\x1b(?:\[([0-9;?]*)([A-Za-z@])|[()][A-Z0-9]|([=>78]))").match(text, at)
                if not found:
                    self.pending = text[at:]
                    return
                if found.group(2):
                    self.control(found.group(1), found.group(2))
                elif found.group(3) == "7":
                    self.saved = self.row, self.column
                elif found.group(3) == "8":
                    self.row, self.column = self.saved
                    self.down(0)
                at = found.end()
            else:
                self.put(text[at])
                at += 1

    def control(self, numbers, what):
        n = int(numbers.split(";")[0]) if numbers.split(";")[0].isdigit() else None
        line = self.lines[self.row]
        if what == "A":
            self.row = max(0, self.row - (n or 1))
        elif what == "B":
            self.down(n or 1)
        elif what == "C":
            self.column = min(self.columns - 1, self.column + (n or 1))
        elif what == "D":
            self.column = max(0, self.column - (n or 1))
        elif what == "H":
            self.row, self.column = max(0, len(self.lines) - self.rows), 0
            self.down((n or 1) - 1)
        elif what == "G":
            self.column = (n or 1) - 1
        elif what == "K":
            del line[self.column if not n else 0:]
        elif what == "J":
            del line[self.column:]
            del self.lines[self.row + 1:]
        elif what == "P":
            del line[self.column:self.column + (n or 1)]
        elif what == "@":
            line[self.column:self.column] = [" "] * (n or 1)

    def down(self, n):
        self.row += n
        while len(self.lines) <= self.row:
            self.lines.append([])

    def put(self, c):
        if c == "\r":
            self.column = 0
        elif c == "\n":
            self.down(1)
        elif c == "\t":
            self.column = min(self.columns - 1, self.column // 8 * 8 + 8)
        elif c == "\b":
            self.column = max(0, self.column - 1)
        elif c >= " ":
            if self.column >= self.columns:
                self.column = 0
                self.down(1)
            line = self.lines[self.row]
            line.extend([" "] * (self.column - len(line)))
            line[self.column:self.column + 1] = [c]
            self.column += 1


def main():
    limit, rows, columns = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    screen = Screen(rows, columns)
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.environ["TERM"] = "xterm"
        os.execvp(sys.argv[4], sys.argv[4:])
    give_up = time.monotonic() + limit

    def read(wait):
        """Feeds what the program wrote; False when it has ended."""
        if not select.select([fd], [], [], wait)[0]:
            return True
        try:
            data = os.read(fd, 65536)
        except OSError:
            return False
        screen.feed(data.decode("utf-8", "replace"))
        return len(data) > 0

    def too_long(step):
        print("terminal.py: took too long: " + step + "\n" + screen.text())
        os.kill(pid, signal.SIGKILL)
        sys.exit(124)

    for step in sys.stdin.read().splitlines():
        verb, _, text = step.partition(" ")
        text = text.encode().decode("unicode_escape").encode("latin-1").decode()
        if verb == "await":
            while text not in screen.text():
                if time.monotonic() > give_up or not read(0.05) and text not in screen.text():
                    too_long(step)
        elif verb == "type":
            os.write(fd, text.encode())
        elif verb == "run":
            os.system(text)
        elif verb == "screen":
            print("-----\n" + screen.text() + "\n-----")
        elif verb == "end":
            while read(0.05):
                if time.monotonic() > give_up:
                    too_long(step)
    _, status = os.waitpid(pid, 0)
    print(screen.text())
    sys.exit(os.waitstatus_to_exitcode(status))


main()
