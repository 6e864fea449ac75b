"""Runs the cases of mcp-cases.json against an MCP server, over Streamable HTTP or on stdio: `run.py mcp URL`, `run.py mcp -- COMMAND`."""
import argparse, json, os, re, signal, subprocess, threading, time, urllib.parse, uuid

import steps
from steps import NoResponse, NotApplicable, Unfit, cases_of, header
from wire import Connection, Request

SUITE = steps.read_suite("mcp-cases.json")
PROFILES = {"practice": "mcp", "adcp": "adcp", "ucp": "ucp-mcp"}
KEY_ARGUMENTS = {"adcp": "idempotency_key", "ucp": "meta.idempotency-key"}
PROTOCOL, LATE_EFFECT, ASK_AGAIN, PAGES = "2025-06-18", 0.2, 0.05, 100


# Connections ----------------------------------------------------------------------------------------------------------

class Waiting:
    """A reply that is due. It may be sent to be lost, and then it is never asked for."""

    def __init__(self):
        self.come, self.reply, self.error = threading.Event(), None, None

    def settle(self, reply=None, error=None):
        self.reply, self.error = reply, error
        self.come.set()

    def get(self, timeout):
        if not self.come.wait(timeout):
            raise NoResponse("no answer in time")
        if self.error:
            raise NoResponse(self.error)
        return self.reply


def message_of(text):
    """A message of JSON-RPC; None for other text."""
    try:
        message = json.loads(text)
        return message if isinstance(message, dict) else None
    except ValueError:
        return None


def reply_of(message):
    return {name: message[name] for name in ("result", "error") if message.get(name) is not None}


class Rpc:
    """One connection. A subclass writes messages, and settles what waits."""

    def __init__(self, timeout):
        self.timeout, self.ids = timeout, 0

    def greet(self):
        client = {"name": "once-again run.py", "version": "1"}
        reply = self.ask("initialize", {"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": client})
        if "error" in reply:
            raise NoResponse(f"initialize is answered with {reply['error']}")
        self.notify("notifications/initialized", {})

    def send(self, method, params):
        self.ids += 1
        return self.ids, self.write({"jsonrpc": "2.0", "id": self.ids, "method": method, "params": params})

    def ask(self, method, params):
        return self.send(method, params)[1].get(self.timeout)


class HttpRpc(Rpc):
    """A POST for each message. The answer is JSON or a stream of events."""

    def __init__(self, url, headers, timeout):
        super().__init__(timeout)
        self.url, self.headers, self.session, self.open = urllib.parse.urlsplit(url), headers, None, set()
        self.greet()

    def post(self, message):
        own = [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream"), ("MCP-Protocol-Version", PROTOCOL), ("Connection", "close")]
        session = [("Mcp-Session-Id", self.session)] if self.session else []
        target = (self.url.path or "/") + (f"?{self.url.query}" if self.url.query else "")
        request = Request("POST", target, list(self.headers), json.dumps(message).encode()).having(*own, *session)
        connection = Connection(self.url, self.timeout)
        self.open.add(connection)
        connection.write(b"".join(request.head_and_body(self.url.netloc)))
        return connection

    def write(self, message):
        waiting, connection = Waiting(), self.post(message)

        def read():
            try:
                response = connection.read("POST")
                if message["method"] == "initialize":
                    self.session = response.first("mcp-session-id")
                waiting.settle(self.reply_in(response, message["id"]))
            except (NoResponse, OSError) as error:
                waiting.settle(error=f"no answer: {error}")
            finally:
                self.forget(connection)
        threading.Thread(target=read, daemon=True).start()
        return waiting

    def reply_in(self, response, sent):
        text = response.body.decode("utf-8", "replace")
        parts = [text]
        if (response.first("content-type") or "").startswith("text/event-stream"):
            events = re.split(r"\r?\n\r?\n", text)
            parts = ["\n".join(re.sub("^ ", "", line[5:]) for line in event.splitlines() if line.startswith("data:")) for event in events]
        for part in parts:
            message = message_of(part)
            if message and message.get("id") == sent and reply_of(message):
                return reply_of(message)
        raise NoResponse(f"HTTP {response.status} without an answer to the request")

    def notify(self, method, params):
        try:
            connection = self.post({"jsonrpc": "2.0", "method": method, "params": params})
            connection.first_byte()
            self.forget(connection)
        except NoResponse:
            pass  # Nothing is due.

    def forget(self, connection):
        self.open.discard(connection)
        connection.close()

    def cut(self):
        for connection in list(self.open):
            connection.hang_up()


class StdioRpc(Rpc):
    """A process for each connection: one JSON text a line, in both directions."""

    def __init__(self, command, timeout):
        super().__init__(timeout)
        self.waiting, self.lock = {}, threading.Lock()
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        except OSError as error:
            raise NoResponse(f"the server can't be started: {error}") from error
        threading.Thread(target=self.read, daemon=True).start()
        try:
            self.greet()
        except NoResponse:
            self.cut()
            raise

    def read(self):
        for line in self.process.stdout:
            message = message_of(line)
            if message and "method" not in message and message.get("id") in self.waiting:
                self.waiting.pop(message["id"]).settle(reply_of(message))
        for waiting in list(self.waiting.values()):
            waiting.settle(error="the server ended")

    def put(self, message):
        try:
            with self.lock:
                self.process.stdin.write(json.dumps(message).encode() + b"\n")
                self.process.stdin.flush()
        except OSError:
            pass  # The end of the process shows where it is read.

    def write(self, message):
        waiting = self.waiting[message["id"]] = Waiting()
        self.put(message)
        if self.process.poll() is not None:
            waiting.settle(error="the server ended")
        return waiting

    def notify(self, method, params):
        self.put({"jsonrpc": "2.0", "method": method, "params": params})

    def cut(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


# Responses ------------------------------------------------------------------------------------------------------------

class Tool(dict):
    """A tool of a list; a plain dict is a reply."""


ENVELOPE = ("replayed", "timestamp", "context_id", "context", "governance_context")


def members_of(result):
    """The members of a result: of its structure, or of a text that is JSON."""
    if isinstance(result.get("structuredContent"), dict):
        return result["structuredContent"]
    content = result.get("content")
    text = content[0].get("text", "") if isinstance(content, list) and content and isinstance(content[0], dict) else ""
    return message_of(text)


def read_adcp(reply):
    """A reply as the Ad Context Protocol writes it: its result alone, so that a repeat compares, and what is around it beside."""
    result = reply.get("result")
    payload = members_of(result) if result is not None else None
    if payload is None:
        return reply
    failed = result.get("isError") is True or payload.get("adcp_error") is not None or payload.get("status") == "failed"
    errors = payload.get("errors")
    failure = (payload.get("adcp_error") or (errors[0] if isinstance(errors, list) and errors else None)) if failed else None
    meta = {"replayed": True} if payload.get("replayed") is True else {}
    content = []
    if failed:
        code, message = (failure or {}).get("code"), (failure or {}).get("message", "")
        content = [{"type": "text", "text": f"{code} {message}"}]
        meta["once-again/error"] = code
    body = {name: value for name, value in payload.items() if name not in ENVELOPE}
    return {"result": {"content": content, "structuredContent": body, "isError": failed, "_meta": meta}, "payload": payload, "failure": failure}


def done(response):
    return response.get("result") is not None and response["result"].get("isError") is not True


def result_of(response):
    result, error = response.get("result") or {}, response.get("error") or {}
    return json.dumps([result.get("content"), result.get("structuredContent"), error.get("code")])


def words_of(response):
    """The texts of a reply, or all that a model reads of a tool."""
    if isinstance(response, Tool):
        properties = (response.get("inputSchema") or {}).get("properties") or {}
        return " ".join([response.get("description") or "", *(one.get("description") or "" for one in properties.values())])
    if response.get("error") is not None:
        return f"{response['error'].get('code')} {response['error'].get('message')}"
    return " ".join(one.get("text") or "" for one in (response.get("result") or {}).get("content") or [])


def not_now(response):
    result = response.get("result") or {}
    code = (result.get("_meta") or {}).get("once-again/error")
    return result.get("isError") is True and (code in SUITE["notNow"]["codes"] or bool(re.search(SUITE["notNow"]["words"], words_of(response), re.I)))


def member_at(value, path):
    for name in path:
        if isinstance(value, list):
            value = value[int(name)] if name.isdigit() and int(name) < len(value) else None
        else:
            value = value.get(name) if isinstance(value, dict) else None
    return value


# The server under test ------------------------------------------------------------------------------------------------

class Call:
    """A call of the tool; `key` is a list of one key, or of none."""

    def __init__(self, arguments, key, meta=None, connection=None):
        self.arguments, self.key, self.meta, self.connection = arguments, key, meta, connection

    def like(self, **changes):
        return Call(**{**vars(self), **changes})


class Raw:
    """A request as it stands."""
    connection = None

    def __init__(self, method, params):
        self.method, self.params = method, params


class Probe:
    def __init__(self, options):
        self.options, self.timeout, self.call_seconds, self.opened = options, options.timeout / 1000, 0, []
        self.patience = steps.Patience(self.timeout)
        self.first = self.connect(options.header)

    def connect(self, headers):
        url = self.options.server[0]
        if len(self.options.server) == 1 and re.match("https?:", url, re.I):
            return HttpRpc(url, headers, self.timeout)
        return StdioRpc(self.options.server, self.timeout)

    def open(self, name):
        if name is None:
            return self.first
        headers = {"another": self.options.header, "other-principal": self.options.other_header, "anonymous": []}[name]
        self.opened.append(self.connect(headers))
        return self.opened[-1]

    def close(self):
        """Closes the connections of a case."""
        while self.opened:
            self.opened.pop().cut()

    def operation(self):
        if not self.options.tool:
            raise NotApplicable("needs a tool to call")
        return Call(self.fill(self.options.arguments), [str(uuid.uuid4())])

    def fill(self, text):
        return json.loads(text.replace("{{unique}}", str(uuid.uuid4())))

    def message(self, request):
        if isinstance(request, Raw):
            return request.method, request.params
        arguments, meta, path = request.arguments, dict(request.meta or {}), self.options.key_argument
        for key in request.key:
            if not path:
                meta[self.options.key_meta] = key
            elif isinstance(arguments, dict):
                arguments = self.with_member(arguments, path.split("."), key)
        return "tools/call", {"name": self.options.tool, "arguments": arguments, **({"_meta": meta} if meta else {})}

    def with_member(self, outer, path, value):
        return {**outer, path[0]: value if len(path) == 1 else self.with_member(outer.get(path[0], {}), path[1:], value)}

    def write(self, connection, request):
        return connection.send(*self.message(request))

    def read(self, waiting):
        reply = waiting.get(self.timeout)
        return read_adcp(reply) if self.options.profile == "adcp" else reply

    def ask(self, connection, request):
        return self.read(self.write(connection, request)[1])

    def send(self, requests, how, after_seconds):
        if how == "together":
            connections = [self.open(request.connection) for request in requests]
            sent = [self.write(connection, request)[1] for connection, request in zip(connections, requests)]
            return [self.read(waiting) for waiting in sent]
        return [response for request in requests for response in getattr(self, how.replace("-", "_"))(request, after_seconds)]

    def in_turn(self, request, _=0):
        return [self.ask(self.open(request.connection), request)]

    def or_silence(self, request, _):
        try:
            return self.in_turn(request)
        except NoResponse:
            return [{}]

    def cancelled(self, request, _):
        number, _ = self.write(self.first, request)
        self.first.notify("notifications/cancelled", {"requestId": number, "reason": "the user went away"})
        return []

    def lost(self, request, after_seconds):
        other = self.open("another")
        self.write(other, request)
        time.sleep(after_seconds)
        other.cut()
        return []

    def settle(self, request):
        ends = time.monotonic() + self.patience.seconds
        while True:
            response = self.ask(self.first, request)
            if not not_now(response):
                return response
            if time.monotonic() > ends:
                self.patience.lose(self.call_seconds)
                return response
            time.sleep(ASK_AGAIN)

    def tools(self, name):
        connection, tools, params = self.open(name), [], {}
        for _ in range(PAGES):
            result = connection.ask("tools/list", params).get("result") or {}
            tools += [Tool(one) for one in result.get("tools") or []]
            if result.get("nextCursor") is None:
                break
            params = {"cursor": result["nextCursor"]}
        return tools

    def count(self):
        name = self.options.count_tool
        reply = self.first.ask("tools/call", {"name": name, "arguments": {}})
        found = re.search(r"\d+", words_of({"result": reply.get("result")}))
        if not found:
            raise NotApplicable(f"{name} does not answer with a number")
        return int(found[0])

    def tally(self, kind, run):
        if self.options.count_tool:
            before, responses = self.count(), run()
            if kind == "exact":
                self.until_quiet()
            return responses, self.count() - before
        if kind == "exact":
            raise NotApplicable("needs a tool that counts the effects")
        responses = run()
        return responses, len({result_of(one) for one in responses if done(one)})

    def until_quiet(self):
        time.sleep(LATE_EFFECT + self.call_seconds)

    def check(self):
        """Makes sure that a plain call of the tool succeeds, and has one effect."""
        if not self.options.tool:
            return
        began = time.monotonic()
        [response], effects = self.tally("guess", lambda: self.in_turn(self.operation()))
        if not done(response):
            raise Unfit(f"a plain call of {self.options.tool} is answered with {words_of(response)}")
        if self.options.count_tool and effects != 1:
            raise Unfit("a plain call must raise the count of effects by 1")
        self.call_seconds = time.monotonic() - began


# One case -------------------------------------------------------------------------------------------------------------

class Run(steps.Run):
    lists = ()

    def own(self, step):
        probe = self.probe
        if "send" in step:
            return probe.send(self.all_named(step), step.get("how", "in-turn"), step.get("afterMs", 0) / 1000)
        if "settle" in step:
            return [probe.settle(self.named(step["settle"]))]
        if "list" in step:
            tools = probe.tools(step.get("connection"))
            self.lists = (*self.lists, tools)
            return tools
        if "keep" in step:
            return [one for at, one in enumerate(self.responses) if self.value(step["keep"], at) is True]
        if "key" in step:
            self.keys[step["key"]] = str(uuid.uuid4())
        elif "method" in step:
            self.requests[step["request"]] = Raw(step["method"], self.fill_in(step["params"]))
        elif "request" in step:
            call = self.named(step.get("from", "new"))
            for change in step.get("change", []):
                [(name, argument)] = change.items()
                call = getattr(self, "change_" + name)(call, argument)
            self.requests[step["request"]] = call
        elif "notify" in step:
            probe.first.notify(step["notify"], step["params"])
        elif step["pause"] == "quietMs":
            probe.until_quiet()
        else:
            time.sleep(self.options.pause / 1000)
        return None

    def fill_in(self, value):
        return json.loads(self.fill_keys(json.dumps(value)))

    def operator(self, name, args, at):
        if name == "option":
            return getattr(self.options, args[0])
        if name == "listed-before":
            before, last = self.lists[-2:]
            if args[0] == "whole":
                return json.dumps(before) == json.dumps(last)
            return {one["name"] for one in before} <= {one["name"] for one in last}
        response, rest = self.about(args, at)
        if name == "member":
            value = member_at(response, rest)
            return value if isinstance(value, (str, int, float)) else None
        return {
            "done": lambda: done(response), "not-now": lambda: not_now(response), "result": lambda: result_of(response), "words": lambda: words_of(response),
            "members": lambda: " ".join(member_at(response, rest) or {}), "shown": lambda: self.shown(response, *rest),
        }[name]()

    def shown(self, response, name, at):
        """How many of the texts of a call and of its answer are in a response."""
        call = self.requests[name]
        texts = [*call.key, *call.arguments.values(), *self.responses[at].get("payload", {}).values()]
        said = json.dumps(response.get("payload"), ensure_ascii=False)
        return sum(isinstance(text, str) and len(text) > 8 and text in said for text in texts)

    # Changes: each is a method.

    def change_key(self, call, keys):
        return call.like(key=self.fill_in(keys))

    def change_arguments(self, call, arguments):
        return call.like(arguments=arguments)

    def change_addArguments(self, call, more):
        return call.like(arguments={**call.arguments, **more})

    def change_otherArguments(self, call, _):
        if "{{unique}}" in self.options.arguments and not self.options.other_arguments:
            return call.like(arguments=self.probe.fill(self.options.arguments))
        return call.like(arguments=self.probe.fill(self.option("other_arguments", "other arguments, or {{unique}} in the first")))

    def change_refusedArguments(self, call, _):
        return call.like(arguments=self.probe.fill(self.option("refused_arguments", "arguments at which the tool answers with isError")))

    def change_reverseMembers(self, call, _):
        members = list(call.arguments.items())
        if len(members) < 2:
            raise NotApplicable("the call has only one argument")
        return call.like(arguments=dict(reversed(members)))

    def change_meta(self, call, meta):
        return call.like(meta=meta)

    def change_connection(self, call, name):
        if name != "another":
            self.option("other_header", "a second principal's headers")
        return call.like(connection=name)


# The command ----------------------------------------------------------------------------------------------------------

def read_options(arguments):
    parser = argparse.ArgumentParser(prog="run.py mcp", description="Tests how an MCP server treats calls that come again.")
    parser.add_argument("server", nargs="+", help="its URL, or, behind --, the command that starts it on stdio")
    parser.add_argument("-d", "--arguments", default="{}")
    for name in ("tool", "other-arguments", "refused-arguments", "count-tool", "key-argument"):
        parser.add_argument(f"--{name}")
    parser.add_argument("-H", "--header", type=header, action="append", default=[])
    parser.add_argument("--other-header", type=header, action="append", default=[])
    parser.add_argument("--key-meta", default="once-again/idempotency-key")
    parser.add_argument("--profile", default="practice", choices=sorted(PROFILES))
    parser.add_argument("--only", default="")
    parser.add_argument("--timeout", type=int, default=30_000, help="milliseconds")
    parser.add_argument("--pause", type=int, default=2000, help="milliseconds")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    options.key_argument = options.key_argument or KEY_ARGUMENTS.get(options.profile)
    options.strictness = "practice"
    return options


def main(arguments):
    options = read_options(arguments)
    probe = Probe(options)

    def judge(case):
        try:
            return Run(SUITE, probe).run(case)
        finally:
            probe.close()
    try:
        probe.check()
        cases = cases_of(SUITE, PROFILES[options.profile], options.only)
        return steps.report(cases, judge, options, server=" ".join(options.server), profile=options.profile)
    finally:
        probe.first.cut()
