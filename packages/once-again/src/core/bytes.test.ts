import { describe, expect, test } from "vitest";
import { ByteCollector } from "./bytes.ts";

describe("ByteCollector", () => {
  test("has the bytes of all chunks, in their order", () => {
    const body = new ByteCollector(10_000);
    const chunks = Array.from({ length: 100 }, (_, index) => new Uint8Array(index).fill(index));
    for (const chunk of chunks) expect(body.add(chunk)).toBe(true);
    expect(Buffer.from(body.bytes!)).toStrictEqual(Buffer.concat(chunks));
    expect(body.length).toBe(4950);
  });

  test("has no bytes when none were added", () => {
    const body = new ByteCollector(0);
    expect(body.bytes).toHaveLength(0);
    expect(body.add(new Uint8Array())).toBe(true);
    expect(body.bytes).toHaveLength(0);
  });

  test("copies each chunk, since its owner may use it again", () => {
    const body = new ByteCollector(2);
    const chunk = Uint8Array.of(1);
    body.add(chunk);
    chunk[0] = 9;
    body.add(chunk);
    expect([...body.bytes!]).toStrictEqual([1, 9]);
  });

  test("takes all it may have, and drops everything with one byte more", () => {
    const body = new ByteCollector(3);
    expect(body.add(Uint8Array.of(1, 2))).toBe(true);
    expect(body.add(Uint8Array.of(3))).toBe(true);
    expect([...body.bytes!]).toStrictEqual([1, 2, 3]);
    expect(body.add(Uint8Array.of(4))).toBe(false);
    expect(body.isTooLarge).toBe(true);
    expect(body.bytes).toBeUndefined();
    expect(body.add(new Uint8Array())).toBe(false);
    expect(body.length).toBe(4);
  });

  test("grows a few times for a body of one-byte chunks, and has at most twice its room", () => {
    const body = new ByteCollector(Number.MAX_SAFE_INTEGER);
    const rooms = new Set<ArrayBuffer>();
    for (let index = 0; index < 50_000; index += 1) {
      body.add(Uint8Array.of(index % 256));
      rooms.add(body.bytes!.buffer);
    }
    expect(body.bytes!.buffer.byteLength).toBeLessThan(100_000);
    expect(rooms.size).toBeLessThan(12);
    expect(body.bytes!.every((byte, index) => byte === index % 256)).toBe(true);
  });
});
