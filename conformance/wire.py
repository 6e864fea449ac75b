"""Requests, responses and connections of HTTP/1.1, and the manners in which requests are sent and cut off."""
import json, re, socket, ssl, threading, time, urllib.parse

from steps import Closed, NoResponse, NotApplicable

STAGGER, PIECES = 0.005, 8


class Request:
    def __init__(self, method, target, headers, body, chunked=False):
        self.method, self.target, self.headers, self.body, self.chunked = method, target, headers, body, chunked

    def like(self, **changes):
        return Request(**{**vars(self), **changes})

    def find(self, name):
        return next((value for other, value in self.headers if other.lower() == name.lower()), None)

    def without(self, *names):
        lower = {name.lower() for name in names}
        return self.like(headers=[line for line in self.headers if line[0].lower() not in lower])

    def having(self, *lines):
        kept = self.without(*(name for name, _ in lines))
        return kept.like(headers=kept.headers + [tuple(line) for line in lines])

    def head_and_body(self, host):
        body = self.body
        lines = [f"{self.method} {self.target} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in self.headers)]
        if self.chunked:
            middle = (len(body) + 1) // 2
            parts = [part for part in (body[:middle], body[middle:]) if part]
            body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
            lines.append("Transfer-Encoding: chunked")
        elif body or self.method not in ("GET", "HEAD"):
            lines.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), body


class Response:
    """`last`: the server ends the connection after it. `reused`: it came over a connection that had brought another one."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body, self.last, self.reused = status, headers, body, False, False
        self.success, self.not_now, self.taken = status < 400, status in (409, 423, 425, 429, 503), 200 <= status < 300

    def values(self, name):
        return " | ".join(value for other, value in self.headers if other.lower() == name)

    def first(self, name):
        return next((value for other, value in self.headers if other.lower() == name.lower()), None)

    def json(self, *path):
        try:
            value = json.loads(self.body.decode("utf-8", "replace"))
            for name in path:
                value = value[int(name)] if isinstance(value, list) else value[name]
            return value
        except (ValueError, KeyError, TypeError, IndexError):
            return None


class Connection:
    def __init__(self, url, timeout):
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            self.socket = socket.create_connection((url.hostname, port), timeout)
            if url.scheme == "https":
                self.socket = ssl.create_default_context().wrap_socket(self.socket, server_hostname=url.hostname)
        except OSError as error:
            raise NoResponse(f"no connection: {error}") from error
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received, self.timeout, self.began = b"", timeout, False

    def write(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            pass  # A connection that broke shows where its response is read.

    def more(self, ends):
        """Reads on; raises when nothing more comes."""
        left = ends - time.monotonic()
        if left <= 0:
            raise NoResponse("no whole answer in time")
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(65536)
        except socket.timeout as error:
            raise NoResponse("no whole answer in time") from error
        except OSError as error:
            raise Closed(f"the connection broke: {error}") from error
        if not data:
            raise Closed("the server closed the connection")
        self.received += data
        self.began = True

    def until(self, mark, ends):
        while mark not in self.received:
            self.more(ends)
        part, self.received = self.received.split(mark, 1)
        return part

    def exactly(self, length, ends):
        while len(self.received) < length:
            self.more(ends)
        part, self.received = self.received[:length], self.received[length:]
        return part

    def first_byte(self, wait=None):
        ends = time.monotonic() + (wait or self.timeout)
        while not self.received:
            self.more(ends)

    def read(self, method):
        ends, self.began = time.monotonic() + self.timeout, bool(self.received)
        while True:
            status_line, *lines = self.until(b"\r\n\r\n", ends).decode("latin-1").split("\r\n")
            found = re.match(r"HTTP/1\.[01] ([1-9]\d\d)(?: |$)", status_line)
            if not found:
                raise NoResponse("what came back is not HTTP/1.1")
            if int(found[1]) >= 200:
                break
        headers = [(line.partition(":")[0], line.partition(":")[2].strip()) for line in lines]
        response = Response(int(found[1]), headers, b"")
        options = re.split(r"\s*,\s*", ",".join(value.lower() for name, value in headers if name.lower() == "connection"))
        response.last = "close" in options or (status_line.startswith("HTTP/1.0") and "keep-alive" not in options)
        if method == "HEAD" or response.status in (204, 304):
            return response
        length = response.first("content-length")
        if re.search(r"(^|,)\s*chunked$", response.first("transfer-encoding") or "", re.I):
            while size := int(self.until(b"\r\n", ends).split(b";")[0], 16):
                response.body += self.exactly(size, ends)
                self.exactly(2, ends)
            while self.until(b"\r\n", ends):
                pass
        elif length is not None:
            response.body = self.exactly(int(length), ends)
        else:
            try:
                while True:
                    self.more(ends)
            except Closed:
                response.body, self.received, response.last = self.received, b"", True
        return response

    def end(self, wait):
        """Says that nothing more will be sent, and waits until the server has ended the connection, too."""
        ends = time.monotonic() + wait
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            return  # The other side was first.
        while True:
            self.more(ends)

    def hang_up(self):
        """Closes the connection under whoever reads from it."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # The other side was first.
        self.socket.close()

    def close(self, reset=False):
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.socket.close()


# The manners of sending -----------------------------------------------------------------------------------------------

def at_once(jobs):
    """Runs them in a thread each, and returns their results; raises the first error."""
    results = [None] * len(jobs)

    def run(at, job):
        try:
            results[at] = job()
        except Exception as error:  # It is raised below, in the thread that waits.
            results[at] = error
    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


class Wire:
    def __init__(self, url, timeout):
        self.url, self.timeout = urllib.parse.urlsplit(url), timeout
        self.host = self.url.netloc

    def use(self, act):
        connection = Connection(self.url, self.timeout)
        try:
            return act(connection)
        finally:
            connection.close()

    def encode(self, request, last=True):
        return b"".join((request.having(("Connection", "close")) if last else request).head_and_body(self.host))

    def alone(self, request):
        def act(connection):
            connection.write(self.encode(request))
            return connection.read(request.method)
        return self.use(act)

    def send(self, requests, how="in-turn"):
        return getattr(self, how.replace("-", "_"))(requests)

    def in_turn(self, requests):
        return [self.alone(request) for request in requests]

    def keep_alive(self, requests):
        responses, kept = [], None
        try:
            for request in requests:
                kept, response = self.send_over(request, kept)
                responses.append(response)
            return responses
        finally:
            if kept:
                kept.close()

    def send_over(self, request, kept=None):
        """Sends over an open connection, or else a new one, and returns it if it stays open."""
        connection = kept or Connection(self.url, self.timeout)
        try:
            connection.write(self.encode(request, last=False))
            response = connection.read(request.method)
            response.reused = kept is not None
        except NoResponse as error:
            connection.close()
            # A server may end a connection after any response, also without having said so.
            if kept and isinstance(error, Closed) and not connection.began:
                return self.send_over(request)
            raise
        if response.last:
            connection.close()
            return None, response
        return connection, response

    def pipelined(self, requests):
        def act(connection):
            connection.write(b"".join(self.encode(request, last=False) for request in requests))
            responses = []
            for request in requests:
                try:
                    responses.append(connection.read(request.method))
                    responses[-1].reused = len(responses) > 1
                except Closed:
                    break  # A server may close after any answer, and with a reset, which overtakes the answer.
            return responses
        return self.use(act)

    def use_all(self, requests, act):
        """Opens a connection for each request, and closes all of them in the end."""
        opened = at_once([lambda: Connection(self.url, self.timeout) for _ in requests])
        try:
            return act(opened)
        finally:
            for connection in opened:
                connection.close()

    def together(self, requests):
        def act(opened):
            data = [self.encode(request) for request in requests]
            for connection, one in zip(opened, data):
                connection.write(one[:-1])
            time.sleep(STAGGER)
            for connection, one in zip(opened, data):
                connection.write(one[-1:])
            return at_once([lambda c=c, r=r: c.read(r.method) for c, r in zip(opened, requests)])
        return self.use_all(requests, act)

    def staggered(self, requests):
        def later(at, request):
            time.sleep(at * STAGGER)
            return self.alone(request)
        return at_once([lambda a=a, r=r: later(a, r) for a, r in enumerate(requests)])

    def in_pieces(self, requests):
        def act(connection, request):
            data = self.encode(request)
            size = -(-len(data) // PIECES)
            for at in range(0, len(data), size):
                connection.write(data[at:at + size])
                time.sleep(STAGGER)
            return connection.read(request.method)
        return [self.use(lambda c, r=r: act(c, r)) for r in requests]

    def expect_continue(self, requests):
        def act(connection, request):
            head, body = request.having(("Expect", "100-continue"), ("Connection", "close")).head_and_body(self.host)
            connection.write(head)
            self.optional(lambda: connection.first_byte(self.timeout / 4))  # A caller may also go on without an answer.
            connection.write(body)
            return connection.read(request.method)
        return [self.use(lambda c, r=r: act(c, r)) for r in requests]

    def optional(self, wait):
        """Waits for what a server may also leave out; returns whether it happened."""
        try:
            wait()
            return True
        except NoResponse:
            return False

    def read_by_server(self, request):
        """Waits until a later connection was answered: a server that reads its connections in turn has then read all that came
        before. Nothing but an answer shows that, and on some systems a reset throws away what was not read. Returns whether it was
        answered."""
        path = request.target.split("?")[0]
        target = f"{path}{'' if path.endswith('/') else '/'}verify-turn"
        return self.optional(lambda: Wire(self.url.geturl(), self.timeout / 4).alone(Request("GET", target, [], b"")))

    def hang_up(self, requests, reset, after_first_byte=False):
        """Sends the requests, waits, leaves, and waits until the server has seen that: before, a repeat could overtake both."""
        def act(opened):
            for connection, request in zip(opened, requests):
                connection.write(self.encode(request, last=False))
            if after_first_byte:
                at_once([connection.first_byte for connection in opened])
            else:
                self.read_by_server(requests[0])
            for connection in opened:
                connection.close(reset)
        self.use_all(requests, act)
        self.read_by_server(requests[0])
        return []

    def then_close(self, requests):
        return self.hang_up(requests, reset=False)

    def then_reset(self, requests):
        return self.hang_up(requests, reset=True)

    def reset_in_answer(self, requests):
        return self.hang_up(requests, reset=True, after_first_byte=True)

    def half(self, request):
        if len(request.body) < 2:
            raise NotApplicable("needs a body")
        connection = Connection(self.url, self.timeout)
        head, body = request.head_and_body(self.host)
        connection.write(head + body[:len(body) // 2])
        time.sleep(STAGGER)
        return connection

    def half_then_close(self, requests):
        for request in requests:
            connection = self.half(request)
            # A server that has seen the end of the request ends the connection, too. Before that, a repeat could overtake the half.
            self.optional(lambda: connection.end(self.timeout / 4))
            connection.close()
        return []

    def beside_a_stalled(self, requests):
        stalled = self.half(requests[0])
        try:
            if not self.read_by_server(requests[0]):
                raise NotApplicable("while one request stands still, the server answers no other connection")
            return self.in_turn(requests[1:])
        finally:
            stalled.close()
