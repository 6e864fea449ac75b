import { exponentialBackoff, noJitter, seededRandom } from "once-again";
import { onceWeb } from "once-again/web";
import { memoryStore } from "once-again/stores/memory";

const orders: string[] = [];
const users = new Map<string, string>();

const postOrder = async (request: Request): Promise<Response> => {
  orders.push(await request.text());
  return Response.json({ order: orders.length }, { status: 201 });
};
const putUser = async (request: Request): Promise<Response> => {
  users.set(new URL(request.url).pathname, await request.text());
  return new Response(null, { status: 204 });
};
const postOnce = onceWeb({ store: memoryStore(), scope: "public" }, postOrder);

const post = (body: string, headers = {}): Request =>
  new Request("http://shop.example/orders", { method: "POST", body, headers });
const put = (): Request => new Request("http://shop.example/users/123", { method: "PUT", body: "Ada" });

console.log("1. Each is sent twice.");
for (let time = 1; time <= 2; time += 1) {
  await postOrder(post("coffee"));
  await putUser(put());
}
console.log(`   POST made ${orders.length} orders, PUT made ${users.size} user.`);

console.log("2. A POST with a key is sent twice, and then another one with the same key.");
for (const body of ["coffee", "coffee", "tea"]) {
  const response = await postOnce(post(body, { "idempotency-key": "order-1" }));
  console.log(`   ${body}: ${response.status}, replayed: ${response.headers.get("idempotent-replayed") ?? "false"}`);
}

console.log("3. The waits before retries 1 to 4, in seconds.");
const backoff = exponentialBackoff({ baseMs: 1000, factor: 2, jitter: noJitter() });
const waits = [1, 2, 3, 4].map((retry) => backoff({ retry, previousDelayMs: 0, random: seededRandom(1) }) / 1000);
console.log(`   ${waits.join(", ")}`);
