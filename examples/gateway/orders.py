"""Orders that are executed as often as they are sent: PORT=8080 python3 orders.py"""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

orders = 0


class Orders(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200, "text/plain", f"{orders}\n")

    def do_POST(self):
        global orders
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            order = json.loads(body)
        except ValueError:
            return self.answer(400, "text/plain", "no JSON\n")
        orders += 1
        if order.get("fail"):
            return self.answer(500, "text/plain", "failed\n")
        headers = [
            ("Location", f"/orders/{orders}"),
            ("Link", "</orders>; rel=up"),
            ("Link", "</terms>; rel=terms-of-service"),
            ("Set-Cookie", f"order={orders}"),
        ]
        self.answer(201, "application/json", json.dumps({"id": orders, "order": order}), headers)

    def answer(self, status, content_type, text, headers=()):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


# A caller who hangs up is no news.
ThreadingHTTPServer.handle_error = lambda *_: None
ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Orders).serve_forever()
