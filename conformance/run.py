#!/usr/bin/env python3
"""Runs the cases of cases.json against a server, with nothing but Python's standard library (3.9 or later).

    python3 conformance/run.py http://127.0.0.1:3000/orders -H 'authorization: a' --other-header 'authorization: b'
    python3 conformance/run.py mcp http://127.0.0.1:3002/mcp --tool order -d '{"item":"{{unique}}"}' --count-tool count_orders

It is the second runner of the suite: `once-again verify` is the first. Both must come to the same verdicts.
"""
import argparse, base64, hashlib, hmac, json, os, re, secrets, subprocess, sys, time, traceback, urllib.parse, uuid

import run_mcp, steps
from steps import REQUIREMENTS, NoResponse, NotApplicable, Unfit, cases_of, header
from wire import Connection, Request, Wire

SUITE = steps.read_suite("cases.json")
LATE_EFFECT, RESTART = 0.05, 60
MEMORY, CHEAP, NUMBER_MAX = 200, 0.02, 4000


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


def names_of(response, group):
    """The names of the headers that describe a result, or of the other ones that a repeat should have, or that repeat."""
    names = list(dict.fromkeys(name.lower() for name, _ in response.headers))
    is_result = lambda name: re.search(SUITE["headers"]["result"], name)
    is_other = lambda name: not is_result(name) and not re.search(SUITE["headers"]["message"], name)
    if group == "result":
        return [name for name in names if is_result(name)]
    if group == "other":
        return [name for name in names if is_other(name)]
    return [name for name in names if (is_result(name) or is_other(name)) and " | " in response.values(name)]


class Probe:
    def __init__(self, options):
        self.options, self.formatted = options, '"%s"' if options.formats[0] == "quoted" else "%s"
        self.wire, self.distinct, self.operation_seconds = Wire(options.url, options.timeout / 1000), True, 0
        self.quickest_seconds = 0
        self.patience = steps.Patience(options.timeout / 1000)
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
        ends, delay = time.monotonic() + self.patience.seconds, 0.02
        while True:
            [response] = self.send([request])
            if not response.not_now:
                return response
            if time.monotonic() + delay > ends:
                self.patience.lose(self.operation_seconds)
                return response
            time.sleep(delay)
            delay = min(0.5, delay * 2)

    def memory(self):
        """How many other operations must not make the server forget a key."""
        if self.options.memory is not None:
            return self.options.memory
        if self.quickest_seconds <= CHEAP:
            return MEMORY
        raise NotApplicable(f"an operation takes {self.quickest_seconds * 1000:.0f} ms: say how many by --memory")

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
                began = time.monotonic()
                [second] = self.send([other])
                self.quickest_seconds = min(self.operation_seconds, time.monotonic() - began)
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

class Run(steps.Run):
    def own(self, step):
        if "send" in step:
            return self.probe.send(self.all_named(step), step.get("how", "in-turn"))
        if "settle" in step:
            return [self.probe.settle(self.named(step["settle"]))]
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
        elif "number" in step:
            value = self.value(step["is"])
            if value is None or value > NUMBER_MAX:
                raise NotApplicable(f"the server states no {step['number']}, or one too large")
            self.numbers[step["number"]] = value
        elif "restart" in step:
            self.probe.restart()
        else:
            time.sleep(self.options.pause / 1000)
        return None

    def operator(self, name, args, at):
        first = self.responses[0] if self.responses else None
        of_all = {
            "counted": lambda: bool(self.options.effects), "memory": self.probe.memory,
            "sent": lambda: self.requests[args[0]].find(self.header_name(args[1])) or "",
            "named": lambda: len(names_of(first, args[0])),
            "changed": lambda: sum(first.values(one) != self.responses[1].values(one) for one in names_of(first, args[0])),
            "missing": lambda: sum(self.responses[1].values(one) == "" for one in names_of(first, args[0])),
            "marked": lambda: any(re.search(SUITE["headers"]["replay"], one, re.I) and first.first(one) != self.responses[1].first(one) for one, _ in self.responses[1].headers),
        }
        if name in of_all:
            return of_all[name]()
        response, rest = self.about(args, at)
        return {
            "status": lambda: response.status, "success": lambda: response.success, "not-now": lambda: response.not_now,
            "taken": lambda: response.taken, "reused": lambda: response.reused, "body": lambda: response.body.decode("latin-1"), "effect": lambda: self.probe.effect(response),
            "header": lambda: response.values(self.header_name(rest[0])), "member": lambda: response.json(*rest),
            "header-like": lambda: any(re.search(rest[0], one, re.I) and re.search(rest[1], other, re.I) for one, other in response.headers),
        }[name]()

    def header_name(self, name):
        return self.options.key_header.lower() if name == "{key}" else name

    # Changes: each is a method.

    def change_key(self, request, values):
        def write(value):
            if isinstance(value, str):
                return self.fill_keys(value)
            if value.get("nameEnd"):
                return self.probe.formatted % (self.name_end() + self.fill_keys(value["formatted"]))
            length = self.numbers.get(value.get("padTo", 0), value.get("padTo", 0))
            text = self.fill_keys(value["formatted"]).ljust(length, "k") + value.get("then", "")
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

    def change_frontMember(self, request, member):
        inside = self.json_text(request).lstrip()[1:].lstrip()
        return request.like(body=f'{{"{member["name"]}":"{"k" * member["length"]}"{"" if inside.startswith("}") else ","}{inside}'.encode())

    def change_longerPrincipal(self, request, _):
        return request.having(*self.option("longer_header", "a principal that is named like the first with more behind it"))

    def name_end(self):
        """The part of the longer principal's name that is behind the first's."""
        [name, value], *_ = self.option("longer_header", "a principal that is named like the first with more behind it")
        first = next((one for other, one in self.options.header if other.lower() == name.lower()), value)
        if not value.startswith(first) or value == first:
            raise Unfit("--longer-header must begin with the first principal's value, and have more behind it")
        return value[len(first):]

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

def read_options(arguments):
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
    parser.add_argument("--longer-header", type=header, action="append", default=[])
    parser.add_argument("--memory", type=int)
    parser.add_argument("--profile", default="draft", choices=sorted({REQUIREMENTS[number]["profile"] for case in SUITE["cases"] for number in case["requirements"]}))
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


def main(arguments):
    if arguments[:1] == ["mcp"]:
        return run_mcp.main(arguments[1:])
    options = read_options(arguments)
    probe = Probe(options)
    probe.detect()
    named = {"url": options.url, "profile": options.profile, "strictness": options.strictness}
    judge = lambda case: Run(SUITE, probe).run(case)
    return steps.report(cases_of(SUITE, options.profile, options.only), judge, options, **named)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (NoResponse, NotApplicable, Unfit) as problem:
        print(f"error: this server can't be tested: {problem}", file=sys.stderr)
        sys.exit(2)
    except Exception:
        traceback.print_exc()
        sys.exit(2)
