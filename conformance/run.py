#!/usr/bin/env python3
"""Runs the cases of cases.json against a server, with nothing but Python's standard library (3.9 or later).

    python3 conformance/run.py http://127.0.0.1:3000/orders -H 'authorization: a' --other-header 'authorization: b'

It is the second runner of the suite: `once-again verify` is the first. Both must come to the same verdicts.
"""
import argparse, base64, hashlib, hmac, json, os, pathlib, re, secrets, socket, ssl, subprocess, sys, threading, time, traceback, urllib.parse, uuid

HERE = pathlib.Path(__file__).parent
SUITE = json.loads((HERE / "cases.json").read_text("utf-8"))
REQUIREMENTS = {one["number"]: one for one in json.loads((HERE / "requirements.json").read_text("utf-8"))["requirements"]}
STAGGER, PIECES, LATE_EFFECT, RESTART = 0.005, 8, 0.05, 60


class NotApplicable(Exception):
    """The server or the options lack what the case needs."""


class Unfit(Exception):
    """This server can't be tested, or not with these options."""


class NoResponse(Exception):
    """A response was due, and none came whole."""


class Closed(NoResponse):
    """The server closed the connection before its response."""


# Requests and responses -----------------------------------------------------------------------------------------------

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
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
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

    def names(self, group):
        names = list(dict.fromkeys(name.lower() for name, _ in self.headers))
        is_result = lambda name: re.search(SUITE["headers"]["result"], name)
        is_other = lambda name: not is_result(name) and not re.search(SUITE["headers"]["message"], name)
        if group == "result":
            return [name for name in names if is_result(name)]
        if group == "other":
            return [name for name in names if is_other(name)]
        return [name for name in names if (is_result(name) or is_other(name)) and " | " in self.values(name)]


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
        self.received, self.timeout = b"", timeout

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
        ends = time.monotonic() + self.timeout
        while True:
            status_line, *lines = self.until(b"\r\n\r\n", ends).decode("latin-1").split("\r\n")
            found = re.match(r"HTTP/1\.[01] ([1-9]\d\d)(?: |$)", status_line)
            if not found:
                raise NoResponse("what came back is not HTTP/1.1")
            if int(found[1]) >= 200:
                break
        headers = [(line.partition(":")[0], line.partition(":")[2].strip()) for line in lines]
        response = Response(int(found[1]), headers, b"")
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
                response.body, self.received = self.received, b""
        return response

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
        def act(connection):
            responses = []
            for request in requests:
                connection.write(self.encode(request, last=False))
                responses.append(connection.read(request.method))
            return responses
        return self.use(act)

    def pipelined(self, requests):
        def act(connection):
            connection.write(b"".join(self.encode(request, last=False) for request in requests))
            responses = []
            for request in requests:
                try:
                    responses.append(connection.read(request.method))
                except Closed:
                    if not responses:
                        raise
                    break
            return responses
        return self.use(act)

    def together(self, requests):
        opened = at_once([lambda: Connection(self.url, self.timeout) for _ in requests])
        data = [self.encode(request) for request in requests]
        for connection, one in zip(opened, data):
            connection.write(one[:-1])
        time.sleep(STAGGER)
        for connection, one in zip(opened, data):
            connection.write(one[-1:])
        try:
            return at_once([lambda c=c, r=r: c.read(r.method) for c, r in zip(opened, requests)])
        finally:
            for connection in opened:
                connection.close()

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
            try:
                connection.first_byte(self.timeout / 4)
            except NoResponse:
                pass  # A caller may also go on without an answer.
            connection.write(body)
            return connection.read(request.method)
        return [self.use(lambda c, r=r: act(c, r)) for r in requests]

    def hang_up(self, requests, reset, after_first_byte=False):
        def act(request):
            connection = Connection(self.url, self.timeout)
            connection.write(self.encode(request, last=False))
            time.sleep(STAGGER)
            try:
                if after_first_byte:
                    connection.first_byte()
            finally:
                connection.close(reset)
        at_once([lambda r=r: act(r) for r in requests])
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
            self.half(request).close()
        return []

    def beside_a_stalled(self, requests):
        stalled = self.half(requests[0])
        try:
            return self.in_turn(requests[1:])
        finally:
            stalled.close()


# The server under test ------------------------------------------------------------------------------------------------

def fill(text, unique=None):
    return text.replace("{{unique}}", unique or str(uuid.uuid4()))


def path_in(text, path):
    try:
        value = json.loads(text)
        for name in [part for part in re.split(r"[.\[\]]", re.sub(r"^\$", "", path or "")) if part]:
            value = value[int(name)] if isinstance(value, list) else value[name]
        return value
    except (ValueError, KeyError, TypeError, IndexError):
        return None


class Probe:
    def __init__(self, options):
        self.options, self.formatted = options, '"%s"' if options.formats[0] == "quoted" else "%s"
        self.wire, self.distinct, self.operation_seconds = Wire(options.url, options.timeout / 1000), True, 0
        self.secret = options.secret and base64.b64decode(options.secret.strip()[6:])

    def operation(self):
        options, unique = self.options, str(uuid.uuid4())
        url = urllib.parse.urlsplit(fill(options.url, unique))
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        request = Request(options.method, target, list(options.header), fill(options.body, unique).encode())
        return self.with_key(request, self.formatted % uuid.uuid4())

    def with_key(self, request, *values):
        name = self.options.key_header
        bare = request.without(name)
        return bare.like(headers=bare.headers + [(name, value) for value in values])

    def effect(self, response):
        if not self.options.effect_id:
            return response.body
        value = path_in(response.body, self.options.effect_id)
        if value is None:
            raise NotApplicable(f"an answer has nothing at {self.options.effect_id}")
        return json.dumps(value)

    def send(self, requests, how="in-turn"):
        signed = {id(one): one if not self.secret or one.find("webhook-timestamp") else self.sign(one) for one in requests}
        return self.wire.send([signed[id(one)] for one in requests], how)

    def sign(self, request, at=0, signatures=(("v1", "own"),)):
        if not self.secret:
            raise NotApplicable("needs the signing secret")
        stamp = str(int(time.time()) + at) if isinstance(at, int) else at
        content = f"{request.find('webhook-id') or ''}.{stamp}.".encode() + request.body
        mac = lambda secret: hmac.new(secret, content, hashlib.sha256).digest()
        made = {"own": lambda: mac(self.secret), "other": lambda: mac(os.urandom(32)), "random": lambda: os.urandom(64), "cut": lambda: mac(self.secret)[:6]}
        texts = [f"{scheme},{base64.b64encode(made[by]()).decode()}" for scheme, by in signatures]
        return request.having(("webhook-timestamp", stamp), ("webhook-signature", " ".join(texts)))

    def settle(self, request):
        ends, delay = time.monotonic() + self.options.timeout / 1000, 0.02
        while True:
            [response] = self.send([request])
            if not response.not_now or time.monotonic() + delay > ends:
                return response
            time.sleep(delay)
            delay = min(0.5, delay * 2)

    def restart(self):
        """Has the server killed and started again, and waits until it accepts connections."""
        if not self.options.restart:
            raise NotApplicable("needs a command that kills the server and starts it again")
        try:
            code = subprocess.run(self.options.restart, shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=RESTART).returncode
        except subprocess.TimeoutExpired:
            code = None
        if code != 0:
            raise Unfit(f"the command that restarts it ended with {code}")
        ends = time.monotonic() + self.options.timeout / 1000
        while time.monotonic() < ends:
            try:
                return Connection(self.wire.url, self.options.timeout / 1000).close()
            except NoResponse:
                time.sleep(0.02)
        raise NoResponse("the server does not come back")

    def count(self):
        url = urllib.parse.urlsplit(self.options.effects)
        same = (url.scheme, url.netloc) == (self.wire.url.scheme, self.wire.url.netloc)
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        request = Request("GET", target, list(self.options.header) if same else [], b"")
        response = Wire(self.options.effects, self.options.timeout / 1000).alone(request)
        value = path_in(response.body, self.options.effects_path)
        if isinstance(value, list):
            return len(value)
        if response.status != 200 or not isinstance(value, int):
            raise Unfit(f"{self.options.effects} must answer 200 with the number of effects")
        return value

    def tally(self, kind, run):
        if self.options.effects:
            before = self.count()
            responses = run()
            if kind != "guess":
                time.sleep(LATE_EFFECT + self.operation_seconds)
            return responses, self.count() - before
        if kind == "exact":
            raise NotApplicable("needs a count of the effects")
        if kind == "offered":
            return run(), None
        if not self.distinct:
            raise NotApplicable("answers don't tell operations apart")
        responses = run()
        return responses, len({self.effect(one) for one in responses if one.success})

    def detect(self):
        """Learns how keys are written, and whether responses differ."""
        for form in self.options.formats:
            self.formatted = '"%s"' if form == "quoted" else "%s"
            one, other, before = self.operation(), self.operation(), self.count() if self.options.effects else 0
            began = time.monotonic()
            [first] = self.send([one])
            self.operation_seconds = time.monotonic() - began
            if first.success:
                if self.options.effects and self.count() != before + 1:
                    raise Unfit("one operation must raise the count of effects by 1")
                [second] = self.send([other])
                self.distinct = second.success and self.own_text(one, first) != self.own_text(other, second)
                return
        raise Unfit(f"a plain operation must succeed, but it is answered with {first.status}")

    def own_text(self, request, response):
        """The name of the effect, without what only repeats the request."""
        name = self.effect(response)
        name = name if isinstance(name, str) else name.decode("latin-1")
        said = "\n".join([request.target, request.body.decode("utf-8", "replace"), *(value for _, value in request.headers)])
        for text in re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", said):
            name = name.replace(text, "")
        return name


# One case -------------------------------------------------------------------------------------------------------------

class Run:
    def __init__(self, probe):
        self.probe, self.options = probe, probe.options
        self.keys, self.numbers, self.requests, self.responses, self.effects = {}, {}, {}, [], None

    def run(self, steps):
        for step in steps:
            verdict = self.step(step)
            if verdict:
                return verdict
        return None

    def step(self, step):
        if "judge" in step:
            return self.judge(step)
        if "each" in step:
            for name, numbers in step["each"].items():
                for number in numbers:
                    self.numbers[name] = number
                    verdict = self.run(step["steps"])
                    if verdict:
                        return verdict
        elif "effects" in step:
            self.responses, self.effects = self.probe.tally(step["effects"], lambda: self.send_all(step["of"]))
        else:
            responses = self.send(step)
            if responses is not None:
                self.responses = responses
        return None

    def send_all(self, steps):
        return [response for step in steps for response in self.send(step) or []]

    def send(self, step):
        if "send" in step:
            requests = [self.named(name) for _ in range(step.get("times", 1)) for name in step["send"]]
            return self.probe.send(requests, step.get("how", "in-turn"))
        if "settle" in step:
            return [self.probe.settle(self.named(step["settle"]))]
        if "repeat" in step:
            return self.send_all(step["steps"] * step["repeat"])
        if "key" in step:
            key = str(uuid.uuid4())
            if "uuid7DaysAgo" in step:
                stamp = "%012x" % int((time.time() - step["uuid7DaysAgo"] * 86400) * 1000)
                key = f"{stamp[:8]}-{stamp[8:]}-7{key[15:]}"
            if "digits" in step:
                key = str(secrets.randbelow(9) + 1) + "".join(str(secrets.randbelow(10)) for _ in range(step["digits"] - 1))
            self.keys[step["key"]] = key
        elif "request" in step:
            request = self.requests[step["from"]] if "from" in step else self.probe.operation()
            for change in step.get("change", []):
                [(name, argument)] = change.items()
                request = getattr(self, "change_" + name)(request, argument)
            self.requests[step["request"]] = request
        elif "restart" in step:
            self.probe.restart()
        else:
            time.sleep(self.options.pause / 1000)
        return None

    def named(self, name):
        return self.probe.operation() if name == "new" else self.requests[name]

    def judge(self, step):
        rules = SUITE["judgements"][step["judge"]] if isinstance(step["judge"], str) else step["judge"]
        for rule in rules:
            if "when" not in rule or self.value(rule["when"]) is True:
                verdict = rule.get("verdict") or step.get("grades", {}).get(rule["grade"], rule.get("otherwise", "fail"))
                if verdict == "go-on":
                    return None
                draft, _, practice = verdict.partition("/")
                return draft if self.options.strictness == "draft" else practice or draft
        return None

    # Values: each operator is a method.

    def value(self, expression, at=None):
        if not isinstance(expression, list):
            return expression
        name, *args = expression
        value = lambda one: self.value(one, at)
        simple = {
            "and": lambda: all(value(one) is True for one in args), "or": lambda: any(value(one) is True for one in args),
            "not": lambda: value(args[0]) is not True,
            "=": lambda: value(args[0]) == value(args[1]), "!=": lambda: value(args[0]) != value(args[1]),
            "<": lambda: value(args[0]) < value(args[1]), "<=": lambda: value(args[0]) <= value(args[1]),
            ">": lambda: value(args[0]) > value(args[1]), ">=": lambda: value(args[0]) >= value(args[1]),
            "in": lambda: value(args[0]) in args[1:],
            "matches": lambda: bool(re.search(args[1], value(args[0]), re.I)),
            "number-in": lambda: int(re.search(args[1], value(args[0]), re.I)[1]),
            "text": lambda: isinstance(value(args[0]), str),
            "effects": lambda: args[0] if self.effects is None else self.effects,
            "index": lambda: at % args[0],
            "sent": lambda: self.requests[args[0]].find(self.header_name(args[1])) or "",
            "every": lambda: all(self.value(args[0], one) is True for one in range(len(self.responses))),
            "some": lambda: any(self.value(args[0], one) is True for one in range(len(self.responses))),
            "number": lambda: sum(self.value(args[0], one) is True for one in range(len(self.responses))),
            "distinct": lambda: len({self.value(args[0], one) for one in range(len(self.responses)) if self.value(args[1], one) is True}),
            "named": lambda: len(self.responses[0].names(args[0])),
            "changed": lambda: sum(self.responses[0].values(one) != self.responses[1].values(one) for one in self.responses[0].names(args[0])),
            "missing": lambda: sum(self.responses[1].values(one) == "" for one in self.responses[0].names(args[0])),
            "marked": lambda: any(re.search(SUITE["headers"]["replay"], one, re.I) and self.responses[0].first(one) != self.responses[1].first(one) for one, _ in self.responses[1].headers),
        }
        if name in simple:
            return simple[name]()
        indexed = bool(args) and isinstance(args[0], int)
        response, rest = self.responses[args[0] if indexed else at], args[1:] if indexed else args
        return {
            "status": lambda: response.status, "success": lambda: response.success, "not-now": lambda: response.not_now,
            "taken": lambda: response.taken, "body": lambda: response.body.decode("latin-1"), "effect": lambda: self.probe.effect(response),
            "header": lambda: response.values(self.header_name(rest[0])), "member": lambda: response.json(*rest),
            "header-like": lambda: any(re.search(rest[0], one, re.I) and re.search(rest[1], other, re.I) for one, other in response.headers),
        }[name]()

    def header_name(self, name):
        return self.options.key_header.lower() if name == "{key}" else name

    # Changes: each is a method.

    def change_key(self, request, values):
        fill_in = lambda text: re.sub(r"\{\{(\w+)(?::(\d+))?\}\}", lambda found: self.keys[found[1]][:int(found[2]) if found[2] else None], text)

        def write(value):
            if isinstance(value, str):
                return fill_in(value)
            length = self.numbers.get(value.get("padTo", 0), value.get("padTo", 0))
            text = fill_in(value["formatted"]).ljust(length, "k") + value.get("then", "")
            return value.get("before", "") + self.probe.formatted % text + value.get("after", "")
        return self.probe.with_key(request, *map(write, values))

    def change_keyName(self, request, letters):
        change = str.lower if letters == "lower" else str.upper
        return request.like(headers=[(change(name) if name == self.options.key_header else name, value) for name, value in request.headers])

    def json_text(self, request):
        text = request.body.decode()
        if not re.search(r"[/+]json\b", request.find("content-type") or "", re.I) or not re.match(r"\s*\{", text):
            raise NotApplicable("the body is no JSON object")
        return text

    def change_otherBody(self, request, _):
        if self.options.other_body is None and "{{unique}}" not in self.options.body:
            raise NotApplicable("needs another body, or {{unique}} in the body")
        return request.like(body=fill(self.options.other_body or self.options.body).encode())

    def option(self, name, what):
        value = getattr(self.options, name)
        if not value:
            raise NotApplicable(f"needs {what}")
        return value

    def change_refusedBody(self, request, _):
        return request.like(body=self.options.refused_body.encode())

    def change_failingBody(self, request, _):
        return request.like(body=self.option("failing_body", "a body at which the operation fails").encode())

    def change_needsJson(self, request, _):
        self.json_text(request)
        return request

    def change_wrapJson(self, request, wrap):
        return request.like(body=(wrap.get("before", "") * wrap.get("times", 1) + self.json_text(request) + wrap.get("after", "")).encode())

    def change_reverseMembers(self, request, _):
        members = list(json.loads(self.json_text(request)).items())
        if len(members) < 2:
            raise NotApplicable("the body has only one member")
        return request.like(body=json.dumps(dict(reversed(members)), separators=(",", ":")).encode())

    def change_addMember(self, request, member):
        inside = self.json_text(request).rstrip()[:-1].rstrip()
        return request.like(body=f"{inside}{'' if inside.endswith('{') else ','}{member}}}".encode())

    def change_respaceJson(self, request, _):
        return request.like(body=(self.json_text(request).replace("{", "{ \n\t", 1).replace("/", "\\/") + "\n").encode())

    def change_changeByte(self, request, _):
        text = request.body.decode("latin-1")
        found = re.search(r"[\da-zA-Z](?=[^\da-zA-Z]*$)", text)
        if not found:
            raise NotApplicable("needs a body with a letter or a digit")
        following = "0" if found[0] == "9" else "a" if found[0] in "zZ" else chr(ord(found[0]) + 1)
        return request.like(body=(text[:found.start()] + following + text[found.end():]).encode("latin-1"))

    def change_header(self, request, line):
        return request.having(line)

    def change_appendHeader(self, request, line):
        return request.having((line[0], (request.find(line[0]) or "") + line[1]))

    def change_removeHeader(self, request, name):
        return request.without(name)

    def change_chunked(self, request, _):
        return request.like(chunked=True)

    def change_query(self, request, query):
        return request.like(target=f"{request.target}{'&' if '?' in request.target else '?'}{query}")

    def change_otherMethod(self, request, _):
        return request.like(method="POST" if request.method == "PATCH" else "PATCH")

    def change_otherPath(self, request, _):
        return request.like(target=re.sub(r"/*(\?|$)", r"/verify-other-path\1", request.target, count=1))

    def change_otherUrl(self, request, _):
        url = urllib.parse.urlsplit(fill(self.option("other_url", "another operation's URL")))
        return request.like(target=(url.path or "/") + (f"?{url.query}" if url.query else ""))

    def change_get(self, request, _):
        return request.like(method="GET", body=b"")

    def change_otherPrincipal(self, request, _):
        return request.having(*self.option("other_header", "a second principal's headers"))

    def change_renewedCredentials(self, request, _):
        return request.having(*self.option("renewed_header", "the first principal's renewed credentials"))

    def change_noCredentials(self, request, _):
        return request.without(*(name for name, _ in self.option("other_header", "a second principal's headers")))

    def change_sign(self, request, argument):
        return self.probe.sign(request, **argument)

    def change_timestamp(self, request, at):
        return request.having(("webhook-timestamp", str(int(time.time()) + at)))

    def change_signCutElsewhere(self, request, _):
        stamp = str(int(time.time()))
        long = self.probe.sign(request.like(body=f"{stamp}.".encode() + request.body), stamp)
        return long.having(("webhook-id", f"{request.find('webhook-id')}.{stamp}")).like(body=request.body)


# The command ----------------------------------------------------------------------------------------------------------

def header(line):
    name, _, value = line.partition(":")
    return name.strip(), value.strip()


def read_options(arguments=None):
    parser = argparse.ArgumentParser(description="Tests how an HTTP server treats idempotency keys.")
    parser.add_argument("url")
    parser.add_argument("-X", "--method", default="POST")
    parser.add_argument("-H", "--header", type=header, action="append", default=[])
    parser.add_argument("-d", "--body")
    for name in ("other-body", "failing-body", "other-url", "key-header", "effects", "effects-path", "effect-id", "secret", "restart"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--refused-body", default='{"reference":')
    parser.add_argument("--other-header", type=header, action="append", default=[])
    parser.add_argument("--renewed-header", type=header, action="append", default=[])
    parser.add_argument("--profile", default="draft", choices=sorted({one["profile"] for one in REQUIREMENTS.values()}))
    parser.add_argument("--strictness", default="practice", choices=["draft", "practice"])
    parser.add_argument("--only", default="")
    parser.add_argument("--timeout", type=int, default=10_000, help="milliseconds")
    parser.add_argument("--pause", type=int, default=2000, help="milliseconds")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    is_webhooks = options.profile == "webhooks"
    options.key_header = options.key_header or ("webhook-id" if is_webhooks else "Idempotency-Key")
    options.body = options.body or ('{"type":"verify.tested","data":{"reference":"{{unique}}"}}' if is_webhooks else '{"reference":"{{unique}}"}')
    if not any(name.lower() == "content-type" for name, _ in options.header):
        is_json = re.match(r"\s*[{\[]", options.body)
        options.header.append(("Content-Type", "application/json" if is_json else "text/plain; charset=utf-8"))
    options.formats = ["bare"] if is_webhooks else ["quoted", "bare"] if options.strictness == "draft" else ["bare", "quoted"]
    return options


def main():
    options = read_options()
    probe = Probe(options)
    probe.detect()
    names = [name.strip().upper() for name in options.only.split(",") if name.strip()]
    results = []
    for case in SUITE["cases"]:
        tested = [REQUIREMENTS[number] for number in case["requirements"]]
        if not any(one["profile"] == options.profile for one in tested):
            continue
        if names and case["id"] not in names and case["id"][0] not in names:
            continue
        observed = ""
        try:
            kind = Run(probe).run(case["steps"])
        except NoResponse as error:
            kind, observed = "fail", str(error)
        except NotApplicable as error:
            kind, observed = "not-applicable", str(error)
        results.append({"id": case["id"], "requirement": case["requirements"][0], "title": case["title"], "kind": kind, **({"observed": observed} if observed else {})})
        if not options.json:
            print(f"{kind:15}{case['id']}  {case['title']}" + (f" ({observed})" if observed else ""), flush=True)
    if options.json:
        print(json.dumps({"url": options.url, "profile": options.profile, "strictness": options.strictness, "cases": results}, indent=2))
    return 1 if any(one["kind"] == "fail" for one in results) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (NoResponse, NotApplicable, Unfit) as problem:
        print(f"error: this server can't be tested: {problem}", file=sys.stderr)
        sys.exit(2)
    except Exception:
        traceback.print_exc()
        sys.exit(2)
