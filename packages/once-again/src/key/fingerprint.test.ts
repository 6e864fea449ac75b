import * as fc from "fast-check";
import { expect, test } from "vitest";
import { cpuGrowth, linearGrowthMax } from "../../../../test/support/cpu-growth.ts";
import { fingerprint, requestFingerprint } from "./fingerprint.ts";

const json = "application/json";
const form = "application/x-www-form-urlencoded";

/** The fingerprint of a POST to /orders, of a body given as text. */
const of = (body: string, contentType = json, query = ""): Promise<string> =>
  fingerprint({ method: "POST", path: "/orders", query, contentType, body: new TextEncoder().encode(body) });

const allSame = async (...prints: Promise<string>[]): Promise<boolean> => new Set(await Promise.all(prints)).size === 1;
const allDifferent = async (...prints: Promise<string>[]): Promise<boolean> =>
  new Set(await Promise.all(prints)).size === prints.length;

test("a fingerprint is a SHA-256 in hexadecimal, and stays the same in every later version", async () => {
  expect(await of('{"amount":420}', json, "?a=1")).toMatchInlineSnapshot(
    `"aaf76f269fe1a22d302358c9e6b9f74f6f183dea72b2639dee058c3e7196f443"`,
  );
});

test("neither white space nor the order of members is a difference in JSON", async () => {
  expect(await allSame(of('{"a":1,"b":[true,null]}'), of(' {\n"b" : [ true,null ],\t"a":1.0e0 }'))).toBe(true);
  expect(await allSame(of('{"a":"\\u00e9"}'), of('{"a":"é"}'))).toBe(true);
  expect(await allSame(of("{}", "application/vnd.acme+json"), of("{ }", "application/vnd.acme+json"))).toBe(true);
});

test("every value of JSON is a difference, and so is the order of a list", async () => {
  expect(
    await allDifferent(
      ...['{"a":1}', '{"a":2}', '{"a":"1"}', '{"a":[1]}', '{"a":null}', "{}", '{"b":1}', "[1,2]", "[2,1]", "1"].map(
        (body) => of(body),
      ),
    ),
  ).toBe(true);
});

test("the order of members is no difference, at any depth", async () => {
  const reversed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reversed);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .toReversed()
        .map(([name, member]) => [name, reversed(member)]),
    );
  };
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), async (value) => {
      const body = JSON.stringify(value);
      // Members named like array indices are always in order.
      expect(await allSame(of(body), of(JSON.stringify(reversed(JSON.parse(body)), null, 2)))).toBe(true);
    }),
  );
});

test("numbers that a double can't hold do not become one", async () => {
  expect(
    await allDifferent(of('{"a":9007199254740993}'), of('{"a":9007199254740992}'), of('{"a":9007199254740994}')),
  ).toBe(true);
  expect(await allDifferent(of("0.1000000000000000055"), of("0.1"), of("0.10000000000000001"))).toBe(true);
  expect(await allDifferent(of("1e400"), of("1e401"), of("-1e400"))).toBe(true);
  expect(await allDifferent(of("1e-400"), of("1e-401"), of("0"))).toBe(true);
  expect(await allDifferent(of("5e-324"), of("4e-324"), of("3e-324"))).toBe(true);
});

test("what JavaScript writes is compared as JSON, with all its 17 digits", async () => {
  expect(await allSame(of('{"a":0.30000000000000004,"b":1}'), of('{ "b": 1, "a": 0.30000000000000004 }'))).toBe(true);
});

test("a number that is a text is no number", async () => {
  expect(await allSame(of('{"a":"9007199254740993"}'), of('{ "a": "9007199254740993" }'))).toBe(true);
});

test("JSON with a member twice in one object counts byte for byte: parsers differ on which one they take", async () => {
  const different = await allDifferent(
    of('{"amount":1,"amount":1000}'),
    of('{"amount":5,"amount":1000}'),
    of('{"amount":1000}'),
    of('{"amount":1000,"amount":1}'),
    of(String.raw`{"amount":5,"\u0061mount":1000}`),
    of('[{"a":[{"amount":5,"amount":1000}]}]'),
    of('[{"a":[{"amount":1,"amount":1000}]}]'),
  );
  expect(different).toBe(true);
  expect(await allSame(of('{"a":1,"a":1}'), of('{"a":1,"a":1}'))).toBe(true);
  expect(await allSame(of('[{"a":1},{"a":1}]'), of('[{ "a": 1 }, { "a": 1 }]'))).toBe(true);
});

test("two whole numbers are one only when they are equal, however large", async () => {
  await fc.assert(
    fc.asyncProperty(fc.bigInt({ min: 0n, max: 10n ** 20n }), fc.integer({ min: 1, max: 3 }), async (number, more) => {
      expect(await allDifferent(of(`{"amount":${number}}`), of(`{"amount":${number + BigInt(more)}}`))).toBe(true);
    }),
  );
});

test("what is not the JSON that it says it is counts byte for byte", async () => {
  expect(await allDifferent(of(""), of(" "), of("{"), of("{ "), of('{"a":"\\ud800"}'), of('{ "a":"\\ud800"}'))).toBe(
    true,
  );
  const invalid = (byte: number): Promise<string> =>
    fingerprint({ method: "POST", path: "/", query: "", contentType: json, body: Uint8Array.of(0x22, byte, 0x22) });
  expect(await allDifferent(invalid(0xff), invalid(0xfe))).toBe(true);
});

test("a deeply nested body is no way to break the service", async () => {
  const depth = 200_000;
  expect(
    await allDifferent(of("[".repeat(depth) + "]".repeat(depth)), of("[".repeat(depth) + " " + "]".repeat(depth))),
  ).toBe(true);
});

test("JSON counts by its canonical form down to 500 levels, and deeper byte for byte, however deep the stack is", async () => {
  const nested = (levels: number, space: string): string => "[".repeat(levels) + space + "]".repeat(levels);
  const askedFar = (left: number, ask: () => Promise<boolean>): Promise<boolean> =>
    left === 0 ? ask() : askedFar(left - 1, ask);
  for (const stack of [0, 2000]) {
    expect(await askedFar(stack, () => allSame(of(nested(500, "")), of(nested(500, " "))))).toBe(true);
    expect(await askedFar(stack, () => allDifferent(of(nested(501, "")), of(nested(501, " "))))).toBe(true);
  }
});

test("the order of different query names is no difference, that of one name's values is", async () => {
  expect(await allSame(of("", json, "?b=2&a=1"), of("", json, "?a=1&b=2"))).toBe(true);
  expect(await allSame(of("", json, "?a=%20"), of("", json, "a=+"))).toBe(true);
  expect(
    await allDifferent(
      ...["", "?a", "?a=1&a=2", "?a=2&a=1", "?a=1", "?a=1%26a%3D2", "?a=%FF", "?a=%FE", "??a=1"].map((query) =>
        of("", json, query),
      ),
    ),
  ).toBe(true);
});

test("a form counts by its fields", async () => {
  expect(await allSame(of("b=2&a=1", form), of("a=1&b=2", form))).toBe(true);
  expect(await allSame(of("a=%41", `${form}; charset=utf-8`), of("a=A", form))).toBe(true);
  expect(
    await allDifferent(...["a=1", "a=2", "?a=1", "b=1", "a=1&a=2", "a=%FF", "a=%FE"].map((body) => of(body, form))),
  ).toBe(true);
});

const multipart = (boundary: string, ...parts: string[]): Promise<string> =>
  of(
    [...parts.map((part) => `--${boundary}\r\n${part}\r\n`), `--${boundary}--\r\n`].join(""),
    `multipart/form-data; boundary=${boundary}`,
  );
const field = (name: string, value: string): string => `content-disposition: form-data; name="${name}"\r\n\r\n${value}`;
const file = (fileName: string, type: string, value: string): string =>
  `content-disposition: form-data; name="f"; filename="${fileName}"\r\ncontent-type: ${type}\r\n\r\n${value}`;

test("a multipart body counts by its parts, and not by its boundary", async () => {
  const pdf = file("a.pdf", "application/pdf", "PDF");
  expect(await allSame(multipart("xyz", field("a", "1"), pdf), multipart("another", field("a", "1"), pdf))).toBe(true);
  expect(
    await allDifferent(
      multipart("x", field("a", "1"), pdf),
      multipart("x", field("a", "2"), pdf),
      multipart("x", field("b", "1"), pdf),
      multipart("x", pdf, field("a", "1")),
      multipart("x", field("a", "1"), file("b.pdf", "application/pdf", "PDF")),
      multipart("x", field("a", "1"), file("a.pdf", "text/plain", "PDF")),
      multipart("x", field("a", "1"), file("a.pdf", "application/pdf", "PDF2")),
      multipart("x", field("a", "1"), field("f", "PDF")),
      multipart("x", field("a", "1")),
    ),
  ).toBe(true);
});

test("what a multipart body has beside names, values and files is a difference, too", async () => {
  const xml = '<order amount="5"/>';
  const typed = (headers: string): string => `${headers}content-disposition: form-data; name="a"\r\n\r\n${xml}`;
  const whole = (before: string, after: string): Promise<string> =>
    of(`${before}--x\r\n${field("a", "1")}\r\n--x--\r\n${after}`, "multipart/form-data; boundary=x");
  expect(
    await allDifferent(
      multipart("x", typed("")),
      multipart("x", typed("content-type: application/json\r\n")),
      multipart("x", typed("content-type: text/plain; charset=utf-16\r\n")),
      multipart("x", typed("x-amount: 5\r\n")),
      multipart("x", typed("x-amount: 900\r\n")),
      multipart("x", typed('content-disposition: form-data; name="b"\r\n')),
      multipart("x", file("a.txt", "text/plain", xml)),
      multipart("x", file("a.txt", "text/plain\u00a0", xml)),
      multipart("x", file("a.txt", "text/plain\r\nx-amount: 5", xml)),
      whole("", ""),
      whole("", "--y\r\n"),
      whole("", "--y--"),
      whole("preamble\r\n", ""),
    ),
  ).toBe(true);
  // Neither the boundary nor the last line's end is a difference, as ever.
  expect(await allSame(whole("", ""), multipart("other", field("a", "1")))).toBe(true);
});

test("of two boundaries, a parser may take either, so both messages are compared", async () => {
  const message = (boundary: string, amount: string): string =>
    `--${boundary}\r\n${field("amount", amount)}\r\n--${boundary}--\r\n`;
  const sent = (amount: string, boundaries: string): Promise<string> =>
    of(message("AAA", "5") + message("BBB", amount), `multipart/form-data; ${boundaries}`);
  expect(
    await allDifferent(
      sent("5", "boundary=AAA; boundary=BBB"),
      sent("900", "boundary=AAA; boundary=BBB"),
      sent("5", "boundary=BBB; boundary=AAA"),
      sent("900", "boundary=BBB"),
      sent("900", "boundary=AAA"),
    ),
  ).toBe(true);
});

test("a form of a million fields is fingerprinted in linear time, and its order is a difference", async () => {
  const take = (count: number): void => {
    const body = new TextEncoder().encode("a&".repeat(count));
    void requestFingerprint({ method: "POST", path: "/", query: "", contentType: form, body });
  };
  expect(cpuGrowth(131_072, take)).toBeLessThan(linearGrowthMax);
  const filler = "x&".repeat(4096);
  expect(await allDifferent(of(`${filler}a=1&b=2`, form), of(`${filler}b=2&a=1`, form), of("a=1&b=2", form))).toBe(
    true,
  );
});

test("texts of a multipart body that are no UTF-8 do not become one", async () => {
  const part = (byte: number): Promise<string> => {
    const [head, tail] = ['--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n', "\r\n--x--\r\n"];
    const body = Uint8Array.from([...Buffer.from(head), byte, ...Buffer.from(tail)]);
    return fingerprint({
      method: "POST",
      path: "/",
      query: "",
      contentType: "multipart/form-data; boundary=x",
      body,
    });
  };
  expect(await allDifferent(part(0xff), part(0xfe))).toBe(true);
});

test("the parameters and the case of a media type are no difference, the type is", async () => {
  expect(await allSame(of("{}", "Application/JSON ; charset=utf-8"), of("{}", json))).toBe(true);
  expect(await allSame(of("x", "text/plain;a=1"), of("x", "text/plain;a=2"))).toBe(true);
  expect(await allDifferent(of("{}", json), of("{}", "application/a+json"), of("{}", "text/plain"), of("{}", ""))).toBe(
    true,
  );
});

test("any change of method, path, media type or body is a difference", async () => {
  const request = fc.record({
    method: fc.constantFrom("POST", "PUT", "PATCH", "DELETE"),
    path: fc.webPath(),
    query: fc.constant(""),
    contentType: fc.constantFrom("", "text/plain", "application/octet-stream"),
    body: fc.uint8Array({ maxLength: 40 }).map((bytes) => Uint8Array.from(bytes)),
  });
  const content = (one: { body: Uint8Array }): string => JSON.stringify({ ...one, body: [...one.body] });
  await fc.assert(
    fc.asyncProperty(request, request, async (one, other) => {
      expect((await fingerprint(one)) === (await fingerprint(other))).toBe(content(one) === content(other));
      expect(await fingerprint({ ...one, method: one.method.toLowerCase() })).toBe(await fingerprint(one));
      for (const changed of [
        { ...one, method: `${one.method}X` },
        { ...one, path: `${one.path}/` },
        { ...one, query: "?a" },
        { ...one, contentType: "image/png" },
        { ...one, body: Uint8Array.from([...one.body, 0]) },
      ]) {
        expect(await fingerprint(changed)).not.toBe(await fingerprint(one));
      }
    }),
  );
});

test("neither path nor query can pass for the other", async () => {
  const print = (path: string, query: string): Promise<string> =>
    fingerprint({ method: "POST", path, query, contentType: "", body: new Uint8Array() });
  expect(await allDifferent(print("/a", "?b"), print("/a?b", ""), print("/ab", ""), print("/a", "?c"))).toBe(true);
});
