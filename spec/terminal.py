"""terminal.py: runs a program in a pseudo-terminal, types into it, and prints what the screen shows.

usage: python3 terminal.py SECONDS ROWS COLUMNS PROGRAM [ARG...] <STEPS

A step is a line: `await TEXT` waits until the screen shows TEXT, `await_times N TEXT` until it shows it N times, `type
TEXT` types it (with \\n, \\t, \\x03 …), `run COMMAND` has the shell run it, `screen` prints the screen between lines of
dashes, `gone TEXT` waits until the screen does not show TEXT any more, `resize ROWS COLUMNS` changes the terminal's size,
`end` waits for the program to end. `await` and `gone` with `here` before TEXT (`await here TEXT`) look at the visible rows
only. The exit status is the program's; 124 when a step took too long (the screen is printed then, too).
"""
import fcntl, os, pty, re, select, signal, struct, sys, termios, time, unicodedata


def width(c):
    """Columns that a character takes."""
    if unicodedata.combining(c) or unicodedata.category(c) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1


class Screen:
    """As much of a terminal as heddle uses: cursor movement, erasing, wrapping, scrolling back, and a region of rows
    from the top that scrolls by itself. A line is a list of cells; a wide character's second cell is empty."""

    def __init__(self, rows, columns):
        self.columns, self.lines, self.row, self.column = columns, [[]], 0, 0
        self.rows, self.pending, self.saved, self.bottom = rows, "", (0, 0), None

    def text(self, visible=False):
        lines = self.lines[self.top():] if visible else self.lines
        return "\n".join("".join(line).rstrip() for line in lines)

    def top(self):
        return max(0, len(self.lines) - self.rows)

    def resize(self, rows, columns):
        """As xterm does it: what does not fit below the cursor's row is cut off, else the top scrolls away."""
        while len(self.lines) > self.row + 1 and len(self.lines) - self.top() > rows:
            self.lines.pop()
        self.rows, self.columns, self.bottom = rows, columns, None
        self.column = min(self.column, columns)

    def feed(self, text):
        text, self.pending = self.pending + text, ""
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                found = re.compile(r"\x1b(?:\[([0-9;?]*)([A-Za-z@])|[()][A-Z0-9]|([=>78D]))").match(text, at)
                if not found:
                    self.pending = text[at:]
                    return
                if found.group(3) == "D":
                    self.feed_line()
                elif found.group(2):
                    self.control(found.group(1), found.group(2))
                elif found.group(3) == "7":
                    self.saved = self.row - self.top(), self.column
                elif found.group(3) == "8":
                    self.row, self.column = self.top() + self.saved[0], self.saved[1]
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
            self.down(min(n or 1, max(0, self.top() + self.rows - 1 - self.row)))
        elif what == "C":
            self.column = min(self.columns - 1, self.column + (n or 1))
        elif what == "D":
            self.column = max(0, self.column - (n or 1))
        elif what == "H":
            numbers = numbers.split(";")
            self.row = self.top() + min(self.rows, n or 1) - 1
            self.column = int(numbers[1] or 1) - 1 if len(numbers) > 1 else 0
            self.down(0)
        elif what == "r":
            last = numbers.split(";")[-1]
            self.bottom = int(last) if last and int(last) < self.rows else None
            while self.bottom and len(self.lines) < self.rows:
                self.lines.append([])
            self.row, self.column = self.top(), 0
        elif what == "G":
            self.column = (n or 1) - 1
        elif what == "K":
            del line[self.column if not n else 0:]
        elif what == "J" and n == 2:
            for row in range(self.top(), len(self.lines)):
                self.lines[row] = []
        elif what == "J":
            del line[self.column:]
            for row in range(self.row + 1, len(self.lines)):
                self.lines[row] = []
        elif what == "P":
            del line[self.column:self.column + (n or 1)]
        elif what == "@":
            line[self.column:self.column] = [" "] * (n or 1)

    def down(self, n):
        self.row += n
        while len(self.lines) <= self.row:
            self.lines.append([])

    def feed_line(self):
        """Down a row; at the bottom of the region that scrolls, what is below stays where it is on the screen."""
        if self.bottom and self.row - self.top() == self.bottom - 1:
            self.lines.insert(self.row + 1, [])
            self.row += 1
        else:
            self.down(1)

    def put(self, c):
        if c == "\r":
            self.column = 0
        elif c == "\n":
            self.feed_line()
        elif c == "\t":
            self.column = min(self.columns - 1, self.column // 8 * 8 + 8)
        elif c == "\b":
            self.column = max(0, self.column - 1)
        elif c >= " ":
            if width(c) == 0:
                self.combine(c)
                return
            if self.column + width(c) > self.columns:
                self.column = 0
                self.feed_line()
            line = self.lines[self.row]
            line.extend([" "] * (self.column - len(line)))
            line[self.column:self.column + width(c)] = [c] + [""] * (width(c) - 1)
            self.column += width(c)

    def combine(self, c):
        line, at = self.lines[self.row], self.column - 1
        while at > 0 and at < len(line) and line[at] == "":
            at -= 1
        if 0 <= at < len(line):
            line[at] += c


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
        visible = verb in ("await", "gone") and text.startswith("here ")
        text = text[5:] if visible else text
        if verb in ("await", "gone"):
            wanted = verb == "await"
            while (text in screen.text(visible)) != wanted:
                alive = time.monotonic() < give_up and read(0.05)
                if not alive and (text in screen.text(visible)) != wanted:
                    too_long(step)
        elif verb == "await_times":
            times, text = text.split(" ", 1)
            while screen.text().count(text) < int(times):
                if time.monotonic() > give_up or not read(0.05) and screen.text().count(text) < int(times):
                    too_long(step)
        elif verb == "resize":
            rows, columns = map(int, text.split())
            screen.resize(rows, columns)
            fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        elif verb == "type":
            os.write(fd, text.encode())
        elif verb == "run":
            os.system(text)
        elif verb == "screen":
            while select.select([fd], [], [], 0)[0] and read(0):
                pass
            print("-----\n" + screen.text() + "\n-----")
        elif verb == "end":
            while read(0.05):
                if time.monotonic() > give_up:
                    too_long(step)
    _, status = os.waitpid(pid, 0)
    print(screen.text())
    sys.exit(os.waitstatus_to_exitcode(status))


main()
