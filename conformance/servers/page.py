#!/usr/bin/env python3
"""A right server, written from docs/spec/response-side.md and from nothing else. Each part names its paragraph.

    python3 conformance/servers/page.py [PORT [FILE]]

It takes orders at /orders, and has their number at /effects. With a file its keys outlive it.
"""
import hashlib, http.server, json, re, sqlite3, sys, threading, time, urllib.parse

PORT, FILE = int((sys.argv[1:] or ["0"])[0]), (sys.argv[2:] or [":memory:"])[0]
TYPES = "https://unpkg.com/once-again@0/docs/errors/"
POLICY = {"Idempotency-Key-Policy": "required, retention=604800, key-length=255"}  # 5.1

database = sqlite3.connect(FILE, check_same_thread=False, isolation_level=None)
database.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY)")
database.execute(
    "CREATE TABLE IF NOT EXISTS keys (scope TEXT, key TEXT, content TEXT, status INTEGER, headers TEXT, body BLOB, PRIMARY KEY (scope, key))"
)
lock, running = threading.Lock(), set()


def problem(status, code, title, again=False):
    """6.5: a problem with a type of the table."""
    headers = {"Content-Type": "application/problem+json", **({"Retry-After": "1"} if again else {})}
    return status, headers, json.dumps({"type": f"{TYPES}{code}.md", "title": title, "status": status}).encode()


def read_key(fields):
    """2: the key that the fields name, or None."""
    if len(fields) != 1:  # 2.5, 2.6
        return None
    value = fields[0].strip(" \t")  # 2.1
    quoted = re.fullmatch(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"(?:; *[a-z*][a-z0-9_.*-]*(?:=[^;]*)?)*', value)
    if quoted:
        key = re.sub(r"\\(.)", r"\1", quoted[1])
    elif re.fullmatch(r"[\x21\x23-\x2b\x2d-\x7e][\x21-\x2b\x2d-\x7e]*", value):  # 2.2
        key = value
    else:
        return None
    return key if 1 <= len(key) <= 255 else None  # 2.3


def canonical(value):
    """3.1, 3.3: JSON without its layout, its numbers by their digits."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{canonical(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return value.digits if isinstance(value, Number) else json.dumps(value)


class Number:
    def __init__(self, digits):
        self.digits = digits


def read_json(body):
    return json.loads(body, parse_int=Number, parse_float=Number)


def content_of(method, target, media_type, body):
    """3: a fingerprint of method, path, query, media type and body."""
    path, _, query = target.partition("?")
    fields = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))  # 3.4
    media_type = media_type.partition(";")[0].strip().lower()  # 3.3
    try:
        body = canonical(read_json(body)).encode()
    except ValueError:
        pass  # 3.3: byte by byte.
    return hashlib.sha256(repr((method, path, fields, media_type, body)).encode()).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with lock:
            count = database.execute("SELECT count(*) FROM orders").fetchone()[0]
        known = self.path == "/effects"
        self.answer(*((200, {"Content-Type": "text/plain"}, str(count).encode()) if known else (404, {}, b"")))

    def do_POST(self):
        body = self.read_body()
        if body is None:  # 6.6
            self.close_connection = True
            return
        self.answer(*self.serve(body))

    do_PUT = do_PATCH = do_DELETE = do_POST

    def read_body(self):
        """The whole body, or None for one that did not arrive whole. 3.4: in chunks or at once."""
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            return body if len(body) == length else None
        body = b""
        while True:
            size = self.rfile.readline()
            if not re.fullmatch(rb"[0-9a-fA-F]+(;.*)?\r\n", size):
                return None
            length = int(size.split(b";")[0], 16)
            chunk = self.rfile.read(length + 2)
            if len(chunk) < length + 2:
                return None
            if length == 0:
                return body
            body += chunk[:length]

    def serve(self, body):
        account = (self.headers.get("Authorization") or "").split(" ")[0]  # 10.3: the account, and not the token.
        if account == "":
            return 401, {"WWW-Authenticate": "Bearer"}, b""  # 10.4, 7.3
        key = read_key(self.headers.get_all("Idempotency-Key") or [])
        if key is None:
            return problem(400, "ONCE_KEY_INVALID", "The key is missing, or is malformed")
        content = content_of(self.command, self.path, self.headers.get("Content-Type", ""), body)
        name = account, key  # 10.1, 10.2: two columns.
        with lock:  # 6.1
            record = database.execute("SELECT content, status, headers, body FROM keys WHERE scope = ? AND key = ?", name).fetchone()
            if record is None:
                refusal = self.refuse(body)
                if refusal:
                    return refusal  # 7.2: no record.
                database.execute("INSERT INTO keys (scope, key, content) VALUES (?, ?, ?)", (*name, content))  # 5.3
                running.add(name)
        if record is None:
            return self.execute(name, read_json(body))
        stored, status, headers, result = record
        if stored != content:
            return problem(422, "ONCE_KEY_REUSED", "The key is another request's")  # 6.3
        if status is not None:
            return status, {**json.loads(headers), "Idempotent-Replayed": "true"}, result  # 4.1, 4.2
        if name in running:
            return problem(409, "ONCE_IN_PROGRESS", "In progress", again=True)  # 6.1
        return problem(409, "ONCE_OUTCOME_UNKNOWN", "The outcome is unknown")  # 9.3

    def refuse(self, body):
        """The application's refusals, which come before the operation."""
        if self.path.partition("?")[0] != "/orders":
            return 404, {}, b""
        if self.command != "POST":
            return 405, {"Allow": "POST"}, b""
        try:
            return None if isinstance(read_json(body), dict) else (400, {}, b"no order")
        except ValueError:
            return 400, {}, b"no JSON"

    def execute(self, name, order):
        time.sleep(0.005)
        with lock:
            database.execute("BEGIN")  # 9.1: the effect and its result in one transaction.
            if order.get("fail"):
                result = 500, {"Content-Type": "text/plain"}, b"failed"
            else:
                number = database.execute("INSERT INTO orders DEFAULT VALUES").lastrowid
                headers = {"Content-Type": "application/json", "Location": f"/orders/{number}"}
                result = 201, headers, json.dumps({"id": number, "item": str(order.get("item"))}).encode()
            status, headers, body = result
            database.execute(
                "UPDATE keys SET status = ?, headers = ?, body = ? WHERE scope = ? AND key = ?", (status, json.dumps(headers), body, *name)
            )
            database.execute("COMMIT")
            running.discard(name)
        return result  # 5.3: stored before it goes out.

    def answer(self, status, headers, body):
        self.send_response(status)  # With Date, which is of this moment: 4.4.
        for field, value in {**POLICY, **headers, "Content-Length": str(len(body))}.items():
            self.send_header(field, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size, allow_reuse_address = 128, True

    def handle_error(self, *_):
        pass  # A caller has hung up: 9.2.


server = Server(("127.0.0.1", PORT), Handler)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
