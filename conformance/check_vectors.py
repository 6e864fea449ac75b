#!/usr/bin/env python3
"""Computes the test vectors again, with nothing but Python's standard library, and compares.

    python3 conformance/check_vectors.py

What the standard library can't (multipart bodies, the errors of JavaScript's runtimes) is counted as skipped.
"""
import base64, calendar, collections, email.utils, hashlib, hmac, json, math, pathlib, re, sys, time, urllib.parse, uuid

HERE = pathlib.Path(__file__).parent / "vectors"
SKIPPED = object()


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# Fingerprints ---------------------------------------------------------------------------------------------------------

def js_number(value):
    """A double as JavaScript writes it (ECMA-262, Number::toString)."""
    if value == 0:
        return "0"
    sign, (digits, _, exponent) = "-" if value < 0 else "", repr(abs(value)).partition("e")
    whole, _, part = digits.partition(".")
    part = "" if part == "0" else part
    point = len(whole) + int(exponent or 0)
    all_digits = whole + part
    stripped = all_digits.lstrip("0")
    point -= len(all_digits) - len(stripped)
    stripped = stripped.rstrip("0")
    count = len(stripped)
    if count <= point <= 21:
        return sign + stripped + "0" * (point - count)
    if 0 < point <= 21:
        return sign + stripped[:point] + "." + stripped[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + stripped
    power = point - 1
    mantissa = stripped[0] + ("." + stripped[1:] if count > 1 else "")
    return f"{sign}{mantissa}e{'+' if power > 0 else '-'}{abs(power)}"


class Number:
    def __init__(self, literal):
        self.text = js_number(float(literal))
        digits = re.sub(r"[-.]", "", re.sub(r"[eE].*$", "", literal)).lstrip("0")
        size = abs(float(literal))
        if self.text != literal and digits and not (len(digits) <= 15 and 1e-300 <= size <= 1e300):
            raise ValueError("no double keeps this number")


def canonical(value):
    if isinstance(value, Number):
        return value.text
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{compact(name)}:{canonical(value[name])}" for name in names) + "}"
    return compact(value)


def members(pairs):
    if len(dict(pairs)) < len(pairs):
        raise ValueError("one member twice")
    return dict(pairs)


def refuse(word):
    raise ValueError(word)


def fields(text):
    if text == "":
        return []
    pairs = urllib.parse.parse_qsl(text, keep_blank_values=True)
    if any("\ufffd" in part for pair in pairs for part in pair):
        return text
    return sorted(pairs, key=lambda pair: pair[0].encode("utf-16-be"))


def fingerprint(vector):
    body = base64.b64decode(vector["bodyBase64"]) if "bodyBase64" in vector else vector["body"].encode()
    media = vector["contentType"].split(";")[0].strip().lower()
    kind, content = "bytes", body
    if media == "multipart/form-data":
        return SKIPPED
    try:
        if media == "application/json" or media.endswith("+json"):
            value = json.loads(body.decode(), object_pairs_hook=members, parse_int=Number, parse_float=Number, parse_constant=refuse)
            kind, content = "json", canonical(value).encode()
        elif media == "application/x-www-form-urlencoded":
            kind, content = "fields", compact(fields(body.decode())).encode()
    except ValueError:
        pass
    query = vector["query"][1:] if vector["query"].startswith("?") else vector["query"]
    head = compact([vector["method"].upper(), vector["path"], fields(query), media, kind])
    return hashlib.sha256(head.encode() + content).hexdigest()


# Keys -----------------------------------------------------------------------------------------------------------------

def parse_key(values):
    if not values:
        return {"kind": "missing"}
    malformed = {"kind": "malformed"}
    if len(values) > 1:
        return malformed
    text = values[0].strip(" \t")
    if text.startswith('"'):
        found = re.fullmatch(r'"((?:[ !#-\[\]-~]|\\["\\])*)"((?:; *[a-z*][a-z0-9_.*-]*(?:=(?:[A-Za-z*][!-~]*|-?\d+|"[^"\\]*"))?)*)', text)
        if not found:
            return malformed
        key = re.sub(r"\\(.)", r"\1", found[1])
    else:
        key = text
        if "," in key:
            return malformed
    if not re.fullmatch(r"[\x21-\x7e]{1,255}", key):
        return malformed
    return {"kind": "key", "key": key, "structured": '"' + re.sub(r'(["\\])', r"\\\1", key) + '"'}


def derive(vector):
    message = compact([vector["scope"], vector["key"], vector["step"], vector.get("occurrence", 1)])
    made = bytearray(hmac.new(base64.b64decode(vector["secretBase64"]), message.encode(), hashlib.sha256).digest()[:16])
    made[6], made[8] = made[6] & 0x0F | 0x80, made[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(made)))


# Backoff and budgets --------------------------------------------------------------------------------------------------

def delays(vector):
    base, cap, made, previous = vector["baseMs"], vector["capMs"], [], 0
    fibonacci = [base, base]
    while len(fibonacci) < len(vector["random"]):
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    for retry, chance in enumerate(vector["random"], 1):
        uniform = lambda low, high: low + chance * (high - low)
        if vector["law"] == "decorrelated":
            previous = uniform(base, min(cap, 3 * max(base, previous)))
        else:
            grown = {"exponential": lambda: base * vector.get("factor", 2) ** (retry - 1), "linear": lambda: base * retry, "fibonacci": lambda: fibonacci[retry - 1]}
            delay = min(cap, grown[vector["law"]]())
            ratio = vector.get("ratio", 0.25)
            spread = {"full": lambda: uniform(0, delay), "equal": lambda: uniform(delay / 2, delay), "none": lambda: delay, "bounded": lambda: delay * uniform(1 - ratio, 1 + ratio)}
            previous = spread[vector["jitter"]]()
            if previous > cap:
                previous = 2 * cap - previous
        made.append(previous)
    return made


class Grpc:
    def __init__(self, tokensMax=10, tokenRatio=0.1):
        self.max, self.ratio = round(tokensMax * 1000), round(tokenRatio * 1000)
        self.tokens = self.max

    def retry(self, _now, _kind):
        self.tokens = max(0, self.tokens - 1000)
        return self.tokens > self.max / 2

    def success(self, _kind):
        self.tokens = min(self.max, self.tokens + self.ratio)


class Aws:
    costs = {"transient": 14, "throttled": 5}

    def __init__(self, capacity=500):
        self.max = self.tokens = capacity

    def retry(self, _now, kind):
        cost = self.costs[kind or "transient"]
        if self.tokens < cost:
            return False
        self.tokens -= cost
        return True

    def success(self, kind):
        self.tokens = min(self.max, self.tokens + (self.costs[kind] if kind else 1))


class Finagle:
    def __init__(self, ratio=0.2, ttlMs=10_000, reservePerSecond=10):
        self.ratio, self.ttl, self.per_second = round(ratio * 1000), ttlMs, reservePerSecond
        self.deposits, self.reserve, self.filled = collections.deque(), reservePerSecond * ttlMs, 0

    def request(self, now):
        self.deposits.append([now, self.ratio])

    def retry(self, now, _kind):
        while self.deposits and now - self.deposits[0][0] >= self.ttl:
            self.deposits.popleft()
        if sum(left for _, left in self.deposits) >= 1000:
            needed = 1000
            while needed:
                taken = min(needed, self.deposits[0][1])
                self.deposits[0][1] -= taken
                needed -= taken
                if self.deposits[0][1] == 0:
                    self.deposits.popleft()
            return True
        self.reserve = min(self.per_second * self.ttl, self.reserve + (now - self.filled) * self.per_second)
        self.filled = now
        if self.reserve < 1000:
            return False
        self.reserve -= 1000
        return True

    def success(self, _kind):
        pass


def allowed(vector):
    budget = {"grpc": Grpc, "aws": Aws, "finagle": Finagle}[vector["budget"]](**vector["options"])
    now, made = 0, []
    for step in vector["steps"]:
        now, kind = step.get("at", now), step.get("kind")
        for _ in range(step.get("request", 0)):
            budget.request(now)
        for _ in range(step.get("success", 0)):
            budget.success(kind)
        if "retry" in step:
            made.append(sum(budget.retry(now, kind) for _ in range(step["retry"])))
    return made


# Waits and failures ---------------------------------------------------------------------------------------------------

def retry_after(text, now):
    if re.fullmatch(r"[0-9]+", text):
        return int(text) * 1000
    for form in ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"):
        try:
            return max(0, calendar.timegm(time.strptime(text, form)) * 1000 - now)
        except ValueError:
            pass
    return None


def wait(vector):
    headers, now = vector["headers"], vector["nowMs"]
    if re.fullmatch(r"\d+(\.\d+)?", headers.get("retry-after-ms", "")):
        return float(headers["retry-after-ms"])
    if "retry-after" in headers and retry_after(headers["retry-after"], now) is not None:
        return retry_after(headers["retry-after"], now)
    members = [[part.strip() for part in member.split(";")] for member in headers.get("ratelimit", "").split(",")]
    waits = [int(part[2:]) * 1000 for parts in members if "r=0" in parts for part in parts if part.startswith("t=")]
    flat = [parts[0] for parts in members]
    if "remaining=0" in flat:
        waits += [int(part[6:]) * 1000 for part in flat if part.startswith("reset=")]
    if waits:
        return max(waits)
    for name in ("ratelimit", "x-ratelimit", "x-rate-limit"):
        remaining, reset = headers.get(f"{name}-remaining"), headers.get(f"{name}-reset")
        used_up = vector.get("status") == 429 if remaining is None else re.fullmatch("0+", remaining)
        if used_up and reset:
            return int(reset) * 1000 if int(reset) < 1e9 else int(reset) * 1000 - now
    return None


def status_verdict(vector):
    if "status" not in vector:
        return SKIPPED
    status = vector["status"]
    if status < 400:
        return {"delivery": None, "transient": None}
    delivery = "never" if status in (421, 425) else "unknown" if status in (502, 504, 520, 522, 524) else "failed"
    transient = status in (408, 425, 429, 500, 502, 503, 504, 520, 522, 524) or (status == 409 and vector.get("retryAfter", False))
    return {"delivery": delivery, "transient": transient}


# What is computed of each file, and what must result.
CHECKS = {
    "fingerprints": (fingerprint, lambda vector: vector["sha256"]),
    "keys": (lambda vector: parse_key(vector["values"]), lambda vector: {name: vector[name] for name in ("kind", "key", "structured") if name in vector}),
    "derived-keys": (derive, lambda vector: vector["derived"]),
    "backoff": (delays, lambda vector: vector["delaysMs"]),
    "budgets": (allowed, lambda vector: [step["allowed"] for step in vector["steps"] if "retry" in step]),
    "waits": (wait, lambda vector: vector["waitMs"]),
    "failures": (status_verdict, lambda vector: {"delivery": vector["delivery"], "transient": vector["transient"]}),
}


def equal(one, other):
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return math.isclose(one, other, rel_tol=1e-12) if isinstance(one, float) and isinstance(other, (int, float)) else one == other


def main():
    wrong = 0
    for name, (compute, expected) in CHECKS.items():
        vectors = json.loads((HERE / f"{name}.json").read_text("utf-8"))["vectors"]
        skipped = 0
        for vector in vectors:
            computed = compute(vector)
            if computed is SKIPPED:
                skipped += 1
            elif not equal(computed, expected(vector)):
                wrong += 1
                print(f"{name}: {vector['name']}: expected {expected(vector)}, computed {computed}", file=sys.stderr)
        print(f"{name}: {len(vectors) - skipped} checked, {skipped} skipped")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
