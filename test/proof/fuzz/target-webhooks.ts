import { seededRandom } from "../../../packages/once-again/src/core/random.ts";
import { onceWeb } from "../../../packages/once-again/src/frameworks/web.ts";
import { webhookRoute } from "../../../packages/once-again/src/messaging/webhooks/index.ts";
import { memoryStore } from "../../../packages/once-again/src/stores/memory/index.ts";
import { type SenderFixture, senders, type SentWebhook } from "../../support/webhooks.ts";
import { Breaches, type FuzzResult, type FuzzRun, runCases } from "./fuzz.ts";
import { picker } from "./picker.ts";

/** A delivery as an endpoint gets it: headers as they are, and bytes. */
interface Delivery {
  readonly headers: Record<string, string>;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** A receiver of one sender's webhooks, and how often it handled each body. */
function openReceiver(fixture: SenderFixture) {
  const handled = new Map<string, number>();
  const sender = fixture.sender(fixture.secrets[0]);
  const route = webhookRoute({ store: memoryStore(), endpoint: "shop", verify: sender, onError: () => undefined });
  const receive = onceWeb(route, async (request) => {
    const body = Buffer.from(await request.arrayBuffer()).toString("latin1");
    handled.set(body, (handled.get(body) ?? 0) + 1);
    return new Response(null, { status: 204 });
  });
  return {
    fixture,
    handled,
    receive: ({ headers, body }: Delivery) =>
      receive(new Request("http://shop.example/webhooks", { method: "POST", headers, body })),
  };
}

/** Sends signed webhooks, changed ones and forged ones to a receiver of each sender. */
export async function fuzzWebhooks(run: FuzzRun): Promise<FuzzResult> {
  const { seed } = run;
  const breaches = new Breaches();
  const receivers = senders.map(openReceiver);
  const startedAt = performance.now();
  let isolated = 0;
  const cases = await runCases(run, 8, async (number) => {
    const random = seededRandom(`${seed} ${number}`);
    const { fixture, handled, receive } = picker(random)(receivers);
    // A case that is repeated is another webhook each time.
    const id = `evt_${number}_${(isolated += 1)}`;
    const genuine = encode(fixture.sign({ id, text: `tea ${id}`, secret: fixture.secrets[0], atMs: Date.now() }));
    const text = Buffer.from(genuine.body).toString("latin1");
    const forged = changed(genuine, random, fixture);
    const answers = await Promise.all(
      [forged, genuine, genuine].map((delivery) => receive(delivery).then(({ status }) => status, String)),
    );
    answers.push(await receive(genuine).then(({ status }) => status, String));
    const says = (kind: string, sentence: string): void =>
      breaches.add(`${fixture.name} ${kind}`, `Case ${number}, ${fixture.name}: ${sentence}`);
    if (answers.some((answer) => typeof answer === "string"))
      says("throws", `a receiver threw: ${answers.join(", ")}.`);
    if (answers.some((answer) => Number(answer) >= 500)) says("fails", `a receiver answered ${answers.join(", ")}.`);
    if (answers.at(-1) !== 204) says("refuses", `a genuine webhook was answered ${answers.join(", ")}.`);
    if (handled.get(text) !== 1) says("handles", `a genuine webhook was handled ${handled.get(text) ?? 0} times.`);
    const forgedText = Buffer.from(forged.body).toString("latin1");
    if (forgedText !== text && handled.has(forgedText))
      says("believes", `a changed webhook was handled: ${JSON.stringify(forged.headers)}`);
    handled.delete(text);
    await new Promise(setImmediate);
  });
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  return {
    target: "webhooks",
    seed,
    cases,
    seconds,
    deaths: 0,
    breaches: breaches.all,
    figures: { senders: senders.length },
  };
}

const encode = ({ headers, body }: SentWebhook): Delivery => ({ headers, body: new Uint8Array(Buffer.from(body)) });

/** The same webhook with one thing changed: its body, a header, or who signed it. */
function changed(genuine: Delivery, random: () => number, fixture: SenderFixture): Delivery {
  const pick = picker(random);
  const names = Object.keys(genuine.headers);
  const name = pick(names);
  const odd = pick([
    "",
    " ",
    ",",
    "v1,",
    "t=1",
    "sha256=",
    "\u00e9",
    "0",
    "-1",
    "1e9",
    "9".repeat(400),
    "a".repeat(5000),
    "v1,AAAA ".repeat(400),
  ]);
  const flipped = (): Uint8Array<ArrayBuffer> => {
    const body = Uint8Array.from(genuine.body);
    const at = Math.floor(random() * body.length);
    body[at] = body[at]! ^ (1 << Math.floor(random() * 8));
    return body;
  };
  return pick<() => Delivery>([
    () => ({ ...genuine, body: flipped() }),
    () => ({ ...genuine, body: genuine.body.slice(0, Math.floor(random() * genuine.body.length)) }),
    () => ({
      ...genuine,
      body: new Uint8Array(Buffer.concat([genuine.body, Buffer.from(pick([" ", "\n", "\0", "x"]))])),
    }),
    () => ({ headers: { ...genuine.headers, [name]: odd }, body: flipped() }),
    () => ({ headers: { ...genuine.headers, [name]: `${genuine.headers[name]}${odd}` }, body: flipped() }),
    () => ({
      headers: Object.fromEntries(names.filter((one) => one !== name).map((one) => [one, genuine.headers[one]!])),
      body: flipped(),
    }),
    () =>
      encode(
        fixture.sign({ id: "evt_forged", text: `forged ${random()}`, secret: fixture.secrets[1], atMs: Date.now() }),
      ),
  ])();
}
