#!/usr/bin/env python3
"""A right server with Python's own http.server, which speaks HTTP/1.0 unless it is asked for more.

    python3 conformance/servers/orders.py [1.0 | 1.1] [one-at-a-time] [structured]

It takes orders at /orders, and tells their number at /effects. `one-at-a-time` serves one connection after the other, and `structured`
takes keys in quotes alone.
"""
import http.server, json, re, sys, threading, time, urllib.parse

PROBLEM = {"Content-Type": "application/problem+json", "Retry-After": "1"}


def refused(status, title):
    return status, PROBLEM, json.dumps({"type": "https://example.com/keys", "title": title}).encode()


def read_key(values):
    """The key of a request; None for none, or a broken one."""
    value = values[0].strip() if len(values) == 1 else ""
    quoted = re.fullmatch(r'"([\x21\x23-\x7e]+)"( *; *[a-z]+(=[a-z0-9]+)?)*', value)
    bare = None if "structured" in sys.argv else re.fullmatch(r"[\x21\x23-\x2b\x2d-\x7e]+", value)
    key = quoted[1] if quoted else bare and bare[0]
    return key if key and len(key) <= 255 else None


class Orders(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1" if "1.1" in sys.argv else "HTTP/1.0"
    lock, records, orders = threading.Lock(), {}, 0

    def do_GET(self):
        self.answer(*((200, {}, str(Orders.orders).encode()) if self.path == "/effects" else refused(404, "nothing here")))

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            self.close_connection = True
            return self.answer(*refused(411, "no length"))
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return None  # Half a request is none.
        return self.answer(*self.order(body))

    do_PATCH = do_POST

    def order(self, body):
        path, _, query = self.path.partition("?")
        if self.command != "POST" or path != "/orders":
            return refused(404, "nothing here")
        if "Authorization" not in self.headers:
            return refused(401, "who are you?")
        key = read_key(self.headers.get_all("Idempotency-Key", []))
        if key is None:
            return refused(400, "no key, or a broken one")
        try:
            order = json.loads(body)
        except ValueError:
            return refused(400, "no JSON")
        name = self.headers["Authorization"].split()[0], key
        media_type = self.headers.get("Content-Type", "").partition(";")[0].strip()
        content = json.dumps(order, sort_keys=True), sorted(query.split("&")), media_type
        with Orders.lock:
            known = Orders.records.get(name)
            record = known or Orders.records.setdefault(name, {"content": content})
        if known and known["content"] != content:
            return refused(422, "another request has this key")
        if known and "result" not in known:
            return refused(409, "in progress")
        if known:
            status, headers, text = known["result"]
            return status, {**headers, "Idempotent-Replayed": "true"}, text
        time.sleep(0.005)
        with Orders.lock:
            Orders.orders += 1
            made = {"id": Orders.orders, "order": order}
        failed = isinstance(order, dict) and order.get("fail")
        record["result"] = refused(500, "failed") if failed else (201, {"Content-Type": "application/json"}, json.dumps(made).encode())
        return record["result"]

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.HTTPServer if "one-at-a-time" in sys.argv else http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, *_):
        pass  # A caller has hung up.


server = Server(("127.0.0.1", 0), Orders)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
