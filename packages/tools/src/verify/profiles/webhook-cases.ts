import { randomBytes } from "node:crypto";
import type { ConformanceCase } from "../conformance-case.ts";
import { formatCount, formatResponse, formatStatuses } from "../format.ts";
import type { ProbeResponse } from "../probe-response.ts";
import type { Probe } from "../probe.ts";
import { findHeader, type TestRequest, withHeaders, withoutHeaders } from "../test-request.ts";
import { type Grade, makeVerdict, NotApplicable, type Verdict } from "../verdict.ts";
import { idHeader, secondsAt, signatureHeader, signRequest, timestampHeader } from "./webhook-signature.ts";

const specUrl = (anchor: string): string =>
  `https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#${anchor}`;

const metadataRule = specUrl("webhook-metadata");
const schemeRule = specUrl("signature-scheme");
const headersRule = specUrl("webhook-headers-sending-metadata-to-consumers");
const verifyingRule = specUrl("verifying-signatures");
const deliveryRule = specUrl("delivery-success-and-failure");

/** A delivery counts as taken by a status of 2xx alone: 3xx comes again too. */
const isTaken = ({ status }: ProbeResponse): boolean => status >= 200 && status < 300;

/** Sends, and counts the effects where they can be counted. */
async function deliver(probe: Probe, ...requests: readonly TestRequest[]) {
  if (probe.target.effects !== undefined) return probe.count(() => probe.send(...requests));
  return { responses: await probe.send(...requests), effects: undefined };
}

const formatDelivery = (effects: number | undefined, responses: readonly ProbeResponse[]): string =>
  [effects === undefined ? [] : [formatCount(effects, "effect")], responses.map(formatResponse).join(", then ")]
    .flat()
    .join("; ");

const secretOf = ({ target: { secret } }: Probe): Buffer => {
  if (secret === undefined) throw new NotApplicable("needs the signing secret");
  return secret;
};

const sign = (probe: Probe, request: TestRequest, timestamp = secondsAt(0)): TestRequest =>
  signRequest(request, { secret: secretOf(probe), timestamp });

/** A new delivery that is signed already, so that what is changed in it is changed behind its signature. */
const signedDelivery = (probe: Probe): TestRequest => sign(probe, probe.newOperation());

/** The request with a signature by another secret. */
const forged = (probe: Probe, request: TestRequest): TestRequest =>
  signRequest(request, { secret: randomBytes(secretOf(probe).length) });

/** One effect of a delivery that is to be taken. */
const judgeTaken =
  (make: (probe: Probe) => TestRequest, otherwise: Grade = "fail") =>
  async (probe: Probe): Promise<Verdict> => {
    const { responses, effects = 1 } = await deliver(probe, make(probe));
    const isRight = isTaken(responses[0]!) && effects === 1;
    return makeVerdict(isRight ? "pass" : otherwise, probe.target.strictness, formatDelivery(effects, responses));
  };

/** No effect of a delivery that is to be refused. */
const judgeRefused =
  (make: (probe: Probe) => TestRequest, otherwise: Grade = "fail") =>
  async (probe: Probe): Promise<Verdict> => {
    const { responses, effects } = await deliver(probe, make(probe));
    const { status } = responses[0]!;
    const isRefused = status >= 400 && (effects ?? 0) === 0;
    const grade = isRefused ? (status < 500 ? "pass" : "fail/warn") : otherwise;
    return makeVerdict(grade, probe.target.strictness, formatDelivery(effects, responses));
  };

/** The body with its last digit or letter changed to the next, so that JSON stays JSON. */
function withChangedByte(request: TestRequest): TestRequest {
  const text = request.body.toString("latin1");
  const at = text.search(/[\da-z](?=[^\da-z]*$)/i);
  if (at < 0) throw new NotApplicable("needs a body with a letter or a digit");
  const next = text[at] === "9" ? "0" : /z/i.test(text[at]!) ? "a" : String.fromCharCode(text.charCodeAt(at) + 1);
  return { ...request, body: Buffer.from(text.slice(0, at) + next + text.slice(at + 1), "latin1") };
}

/** A delivery that is signed as `id.time.time.text`: it reads as one of another id, if the id may hold a full stop. */
function cutElsewhere(probe: Probe): TestRequest {
  const request = probe.newOperation();
  const timestamp = secondsAt(0);
  const long = sign(probe, { ...request, body: Buffer.from(`${timestamp}.${request.body.toString()}`) }, timestamp);
  return { ...withHeaders(long, [[idHeader, `${findHeader(request, idHeader)}.${timestamp}`]]), body: request.body };
}

const failingDelivery = (probe: Probe): TestRequest => {
  const { failingBody } = probe.target;
  if (failingBody === undefined) throw new NotApplicable("needs a body at which the operation fails");
  return { ...probe.newOperation(), body: Buffer.from(failingBody) };
};

/** The cases that only receivers of webhooks have. */
export const webhookCases: readonly ConformanceCase[] = [
  {
    id: "W01",
    title: "A signed delivery is taken, with 2xx",
    reason: "By any other status, a redirect too, the sender sends it again.",
    rule: deliveryRule,
    run: judgeTaken(signedDelivery),
  },
  {
    id: "W02",
    title: "A repeat, signed anew, has no second effect and gets 2xx",
    reason: "Each attempt has another time and signature. Only its id is the same.",
    rule: metadataRule,
    async run(probe) {
      const request = probe.newOperation();
      const { responses, effects = 1 } = await deliver(
        probe,
        sign(probe, request, secondsAt(-30)),
        sign(probe, request),
      );
      const isRight = responses.every(isTaken) && effects === 1;
      return makeVerdict(isRight ? "pass" : "fail", probe.target.strictness, formatDelivery(effects, responses));
    },
  },
  {
    id: "W03",
    title: "A delivery without a signature is refused",
    reason: "Anybody who knows the URL could send it.",
    rule: schemeRule,
    run: judgeRefused((probe) => {
      const request = signedDelivery(probe);
      return { ...request, headers: withoutHeaders(request.headers, [[signatureHeader, ""]]) };
    }),
  },
  {
    id: "W04",
    title: "A delivery signed with another secret is refused",
    reason: "That is what a signature is for.",
    rule: schemeRule,
    run: judgeRefused((probe) => forged(probe, probe.newOperation())),
  },
  {
    id: "W05",
    title: "One changed byte of the body is refused",
    reason: "An amount is one byte.",
    rule: schemeRule,
    run: judgeRefused((probe) => withChangedByte(signedDelivery(probe))),
  },
  {
    id: "W06",
    title: "Another id under the same signature is refused",
    reason: "Who can change the id of a delivery can send it again and again.",
    rule: schemeRule,
    run: judgeRefused((probe) => withHeaders(signedDelivery(probe), [[idHeader, probe.newKey()]])),
  },
  {
    id: "W07",
    title: "Another time under the same signature is refused",
    reason: "Who can change the time of a delivery keeps it fresh for ever.",
    rule: schemeRule,
    run: judgeRefused((probe) => withHeaders(signedDelivery(probe), [[timestampHeader, secondsAt(-7)]])),
  },
  {
    id: "W08",
    title: "What is signed is not cut elsewhere",
    reason: "With a full stop in an id, the same signature is that of another delivery.",
    rule: schemeRule,
    run: judgeRefused(cutElsewhere, "fail/warn"),
  },
  {
    id: "W09",
    title: "A body is verified as it came, byte for byte",
    reason: "JSON that is parsed and written again has other bytes, and honest deliveries are refused.",
    rule: schemeRule,
    run: judgeTaken((probe) => {
      const request = probe.newOperation();
      const body = probe
        .readJson(request)
        .replace("{", "{ \n\t")
        .replaceAll("/", String.raw`\/`);
      return sign(probe, { ...request, body: Buffer.from(`${body}\n`) });
    }),
  },
  {
    id: "W10",
    title: "One right signature among others is enough",
    reason: "While a secret is rotated, each delivery has two.",
    rule: headersRule,
    run: judgeTaken((probe) => {
      const request = signedDelivery(probe);
      const other = findHeader(forged(probe, request), signatureHeader)!;
      const list = [`v1a,${randomBytes(64).toString("base64")}`, other, findHeader(request, signatureHeader)!];
      return withHeaders(request, [[signatureHeader, list.join(" ")]]);
    }),
  },
  {
    id: "W11",
    title: "A signature of another scheme is not accepted",
    reason: "A receiver that skips the scheme takes any text for a signature.",
    rule: headersRule,
    run: judgeRefused((probe) => {
      const request = signedDelivery(probe);
      const bytes = findHeader(request, signatureHeader)!.slice("v1,".length);
      return withHeaders(request, [[signatureHeader, `v2,${bytes} v1a,${bytes}`]]);
    }),
  },
  {
    id: "W12",
    title: "A delivery signed an hour ago is refused",
    reason: "An attacker stored it, and sends it when its id is forgotten.",
    rule: verifyingRule,
    run: judgeRefused((probe) => sign(probe, probe.newOperation(), secondsAt(-3600))),
  },
  {
    id: "W13",
    title: "A delivery signed in an hour is refused",
    reason: "It would stay fresh for an hour longer than its id is known.",
    rule: verifyingRule,
    run: judgeRefused((probe) => sign(probe, probe.newOperation(), secondsAt(3600))),
  },
  {
    id: "W14",
    title: "A delivery signed a minute ago is taken",
    reason: "Clocks differ, and networks take their time.",
    rule: verifyingRule,
    run: judgeTaken((probe) => sign(probe, probe.newOperation(), secondsAt(-60)), "fail/warn"),
  },
  {
    id: "W15",
    title: "A time that is no number is refused",
    reason: "What can't be compared is older than nothing, and so never stale.",
    rule: headersRule,
    run: judgeRefused((probe) => sign(probe, probe.newOperation(), "now")),
  },
  {
    id: "W16",
    title: "A delivery without an id is refused",
    reason: "It looks the same as its repeat. All such deliveries would be one.",
    rule: headersRule,
    run: judgeRefused((probe) => sign(probe, probe.withKey(probe.newOperation()))),
  },
  {
    id: "W17",
    title: "A forged delivery does not use up its id",
    reason: "An attacker who guesses the next id would keep the honest one out.",
    rule: verifyingRule,
    async run(probe) {
      const request = probe.newOperation();
      const { responses, effects = 1 } = await deliver(probe, forged(probe, request), sign(probe, request));
      const isRight = !isTaken(responses[0]!) && isTaken(responses[1]!) && effects === 1;
      return makeVerdict(isRight ? "pass" : "fail", probe.target.strictness, formatDelivery(effects, responses));
    },
  },
  {
    id: "W18",
    title: "A forged repeat does not get the response",
    reason: "A receiver that looks the id up first answers everybody.",
    rule: verifyingRule,
    async run(probe) {
      const request = probe.newOperation();
      const { responses, effects = 1 } = await deliver(probe, sign(probe, request), forged(probe, request));
      if (!isTaken(responses[0]!)) throw new NotApplicable(`the first is refused: ${formatResponse(responses[0]!)}`);
      const isRight = responses[1]!.status >= 400 && effects === 1;
      return makeVerdict(isRight ? "pass" : "fail", probe.target.strictness, formatDelivery(effects, responses));
    },
  },
  {
    id: "W19",
    title: "A delivery that its handler fails at is not taken, and not forsworn, nor is its repeat",
    reason:
      "After 2xx it never comes again. After 410 no delivery does. A receiver that marks the id as handled first, and works " +
      "later, takes the repeat, and the event is lost.",
    rule: deliveryRule,
    async run(probe) {
      const request = failingDelivery(probe);
      const responses = [...(await probe.send(request)), ...(await probe.send(request))];
      const isRight = responses.every(({ status }) => status >= 400 && status !== 410);
      return makeVerdict(isRight ? "pass" : "fail", probe.target.strictness, formatStatuses(responses));
    },
  },
  {
    id: "W20",
    title: "Of duplicates, none is taken when the handler fails",
    reason: "A duplicate that gets 2xx while the first runs ends the sending, and then the first fails.",
    rule: deliveryRule,
    async run(probe) {
      const request = failingDelivery(probe);
      const responses = await probe.sendAs("together", ...Array.from({ length: 5 }, () => request));
      return makeVerdict(responses.some(isTaken) ? "fail" : "pass", probe.target.strictness, formatStatuses(responses));
    },
  },
];
