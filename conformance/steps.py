"""The language of the cases, for both kinds of servers: steps up to a verdict, and values in prefix notation."""
import json, pathlib, re, sys, time

PROGRESS, HOPELESS, HOPELESS_TIMES = 15, 0.5, 10
HERE = pathlib.Path(__file__).parent
REQUIREMENTS = {one["number"]: one for one in json.loads((HERE / "requirements.json").read_text("utf-8"))["requirements"]}


def read_suite(name):
    return json.loads((HERE / name).read_text("utf-8"))


class NotApplicable(Exception):
    """The server or the options lack what the case needs."""


class Unfit(Exception):
    """This server can't be tested, or not with these options."""


class NoResponse(Exception):
    """A response was due, and none came whole."""


class Closed(NoResponse):
    """The server closed the connection before its response, or in it."""


class Patience:
    """How long a final answer is waited for. A server that says "later" for ever would take its time-out in each of twenty cases, so
    one wait in vain shortens the next."""
    def __init__(self, timeout):
        self.seconds = timeout

    def lose(self, operation_seconds):
        self.seconds = min(self.seconds, HOPELESS + HOPELESS_TIMES * operation_seconds)


def same(one, other):
    """True, false and numbers are different, unlike in Python."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class Run:
    """One case. A subclass has the steps (`own`) and the operators (`operator`) of its protocol."""

    def __init__(self, suite, probe):
        self.suite, self.probe, self.options = suite, probe, probe.options
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
        """The responses of a step; None for one that brings none."""
        return self.send_all(step["steps"] * step["repeat"]) if "repeat" in step else self.own(step)

    def option(self, name, what):
        value = getattr(self.options, name)
        if not value:
            raise NotApplicable(f"needs {what}")
        return value

    def named(self, name):
        return self.probe.operation() if name == "new" else self.requests[name]

    def all_named(self, step):
        times = step.get("times", 1)
        return [self.named(name) for _ in range(self.probe.memory() if times == "memory" else times) for name in step["send"]]

    def fill_keys(self, text):
        """Fills {{k}}, the key of that name, and {{k:8}}, its first 8 characters."""
        return re.sub(r"\{\{(\w+)(?::(\d+))?\}\}", lambda found: self.keys[found[1]][:int(found[2]) if found[2] else None], text)

    def judge(self, step):
        rules = self.suite["judgements"][step["judge"]] if isinstance(step["judge"], str) else step["judge"]
        for rule in rules:
            if "when" not in rule or self.value(rule["when"]) is True:
                verdict = rule.get("verdict") or step.get("grades", {}).get(rule["grade"], rule.get("otherwise", "fail"))
                if verdict == "go-on":
                    return None
                draft, _, practice = verdict.partition("/")
                return draft if self.options.strictness == "draft" else practice or draft
        return None

    def value(self, expression, at=None):
        if not isinstance(expression, list):
            return expression
        name, *args = expression
        value = lambda one: self.value(one, at)
        text = lambda one: "" if value(one) is None else str(value(one))
        places = range(len(self.responses))
        met = lambda: [one for one in places if self.value(args[-1], one) is True]

        def compare(holds):
            one, other = value(args[0]), value(args[1])
            return is_number(one) and is_number(other) and holds(one, other)

        def number_in():
            found = re.search(args[1], text(args[0]), re.I)
            return int(found[1]) if found else None

        common = {
            "and": lambda: all(value(one) is True for one in args), "or": lambda: any(value(one) is True for one in args),
            "not": lambda: value(args[0]) is not True,
            "=": lambda: same(value(args[0]), value(args[1])), "!=": lambda: not same(value(args[0]), value(args[1])),
            "<": lambda: compare(lambda one, other: one < other), "<=": lambda: compare(lambda one, other: one <= other),
            ">": lambda: compare(lambda one, other: one > other), ">=": lambda: compare(lambda one, other: one >= other),
            "in": lambda: any(same(value(args[0]), one) for one in args[1:]),
            "matches": lambda: bool(re.search(args[1], text(args[0]), re.I)), "number-in": number_in,
            "sum": lambda: sum(value(one) for one in args),
            "text": lambda: isinstance(value(args[0]), str),
            "effects": lambda: args[0] if self.effects is None else self.effects,
            "index": lambda: at % args[0],
            "every": lambda: len(met()) == len(places), "some": lambda: bool(met()), "number": lambda: len(met()),
            "distinct": lambda: len({self.value(args[0], one) for one in met()}),
        }
        return common[name]() if name in common else self.operator(name, args, at)

    def about(self, args, at):
        """The response that an operator is about, and its other arguments."""
        indexed = bool(args) and is_number(args[0])
        return self.responses[args[0] if indexed else at], args[1:] if indexed else args


def cases_of(suite, profile, only):
    """The cases of a profile, or of them those of some ids and groups."""
    names = {name.strip().upper() for name in only.split(",") if name.strip()}
    for case in suite["cases"]:
        if any(REQUIREMENTS[number]["profile"] == profile for number in case["requirements"]):
            if not names or names & {case["id"], case["id"][:-2]}:
                yield case


def report(cases, judge, options, **named):
    """Judges the cases, prints their verdicts, and returns the exit code."""
    results, cases, printed = [], list(cases), time.monotonic()
    for case in cases:
        observed = ""
        if options.json and time.monotonic() - printed > PROGRESS:
            printed = time.monotonic()
            print(f"{len(results)} of {len(cases)} cases", file=sys.stderr, flush=True)
        try:
            kind = judge(case["steps"])
        except NoResponse as error:
            kind, observed = "fail", str(error)
        except NotApplicable as error:
            kind, observed = "not-applicable", str(error)
        results.append({"id": case["id"], "requirement": case["requirements"][0], "title": case["title"], "kind": kind, **({"observed": observed} if observed else {})})
        if not options.json:
            print(f"{kind:15}{case['id']}  {case['title']}" + (f" ({observed})" if observed else ""), flush=True)
    if options.json:
        print(json.dumps({**named, "cases": results}, indent=2))
    return 1 if any(one["kind"] == "fail" for one in results) else 0


def header(line):
    """A header of the command line: its name and value."""
    name, _, value = line.partition(":")
    return name.strip(), value.strip()
