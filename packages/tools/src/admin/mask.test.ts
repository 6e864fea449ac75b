import { encodeResponse } from "once-again/http";
import { expect, test } from "vitest";
import { secretNames } from "../secret-names.ts";
import { maskValue } from "./mask.ts";
import { valueReader } from "./stored-value.ts";

const read = valueReader([]);
const part = { scope: "acme", key: "order-7" };
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const masked = async (bytes: Uint8Array, ...names: string[]) => maskValue(await read(part, bytes), new Set(names));

async function maskedAnswer(body: string, ...names: string[]) {
  const headers = [
    ["Content-Type", "application/json"],
    ["X-API-Key", "sk_live_1"],
    ["X-Secret", "sk_live_2"],
  ] as const;
  const shown = await masked(encodeResponse({ status: 201, headers, body: bytesOf(body) }), ...names);
  if (shown.kind !== "answer") throw new Error(shown.kind);
  return { headers: Object.fromEntries(shown.answer.headers), body: textOf(shown.answer.body) };
}

test("headers of an answer are masked by their names, in whatever case", async () => {
  const { headers } = await maskedAnswer("{}", ...secretNames);
  expect(headers).toEqual({ "Content-Type": "application/json", "X-API-Key": "(masked)", "X-Secret": "sk_live_2" });
  expect((await maskedAnswer("{}", "x-secret")).headers).toMatchObject({ "X-Secret": "(masked)" });
});

test("members of a JSON body are masked at every depth, and all else is as it was written", async () => {
  const body = '{"id":9007199254740993,"price":1.50,"card":{"PAN":"4111"},"all":[{"pan":{"a":1}},"pan"]}';
  expect((await maskedAnswer(body, "pan")).body).toBe(
    '{"id":9007199254740993,"price":1.50,"card":{"PAN":"(masked)"},"all":[{"pan":"(masked)"},"pan"]}',
  );
});

test.for(['{ "id": 1.50 }\n', "pan: 4111", "", "[1,\n 2]"])(
  "a body with nothing to mask stays as it is: %j",
  async (body) => {
    expect((await maskedAnswer(body, "pan", "0")).body).toBe(body);
  },
);

test("the values of steps and the results of functions are masked, too", async () => {
  const step = await masked(bytesOf('{"name":"charge","value":{"pan":"4111","id":7}}'), "pan");
  expect(step).toEqual({ kind: "step", step: { name: "charge", value: { pan: "(masked)", id: 7 } } });
  const call = await masked(bytesOf('{"pan":1}\n{"pan":"4111"}'), "pan");
  expect(call.kind === "bytes" && textOf(call.bytes)).toBe('{"pan":"(masked)"}\n{"pan":"(masked)"}');
});
