import { readdirSync, readFileSync } from "node:fs";
import { Socket } from "node:net";
import { basename, join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInThisContext } from "node:vm";
import ts from "typescript";
import { expect, test } from "vitest";
import { collectGarbage } from "../support/collect-garbage.ts";
import { DetachedSocket } from "../../packages/once-again/src/frameworks/capture/detached-socket.ts";

// docs/decisions/performance.md: V8 gives each object literal with a getter a separate shape, which
// holds the getter and all that it sees. On the way of a request, that is the request, until the next full collection.

const source = join(import.meta.dirname, "../../packages/once-again/src");
const served = ["core", "engine", "http", "frameworks", "stores/memory", "stores/redis"];
const sent = ["retry", "client", "interceptors", "interceptors/undici"];

/** The getters and setters of object literals in these sources. */
function accessorsIn(sources: Readonly<Record<string, string>>): string[] {
  return Object.entries(sources).flatMap(([file, text]) => {
    const found: string[] = [];
    const visit = (node: ts.Node): void => {
      if (ts.isAccessor(node) && ts.isObjectLiteralExpression(node.parent)) {
        found.push(`${basename(file)}: ${node.name.getText()}`);
      }
      ts.forEachChild(node, visit);
    };
    visit(ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true));
    return found;
  });
}

test("on the way of a request, no object literal has a getter", () => {
  const files = [...served, ...sent].flatMap((room) =>
    readdirSync(join(source, room))
      .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
      .map((name) => join(source, room, name)),
  );
  expect(files.length).toBeGreaterThan(80);
  expect(accessorsIn(Object.fromEntries(files.map((file) => [file, readFileSync(file, "utf8")])))).toEqual([]);
});

test("one that has is found, and a class may have as many as it likes", () => {
  const literal = "export const capture = () => ({ get hasBegun() { return true; } });";
  const ofClass = "export class Capture { get hasBegun() { return true; } }";
  expect(accessorsIn({ "literal.ts": literal, "class.ts": ofClass })).toEqual(["literal.ts: hasBegun"]);
});

setFlagsFromString("--allow-natives-syntax");
const haveOneShape = runInThisContext("(one, other) => %HaveSameMap(one, other) && %HasFastProperties(other)") as (
  one: object,
  other: object,
) => boolean;

const owner = { take: () => true, closed() {} };

test("detached sockets of like connections have one shape, and none is a dictionary", () => {
  const sockets = [1, 2, 3].map((account) => {
    const socket = new DetachedSocket(Object.assign(new Socket(), { _paused: false, account }));
    socket.open(owner, null as never);
    return socket;
  });
  expect(sockets.map((socket) => Reflect.get(socket, "account"))).toEqual([1, 2, 3]);
  expect(sockets.slice(1).map((socket) => haveOneShape(sockets[0]!, socket))).toEqual([true, true]);
});

test("names that a library puts on one connection each are not held for good", async () => {
  const names = 3000;
  const held: WeakRef<symbol>[] = [];
  for (let at = 0; at < names; at += 1) {
    const name = Symbol("of one connection");
    held.push(new WeakRef(name));
    const socket = new DetachedSocket(Object.assign(new Socket(), { [name]: at }));
    socket.open(owner, null as never);
    expect(Reflect.get(socket, name)).toBe(at);
  }
  for (let turn = 0; turn < 3; turn += 1) {
    await new Promise((resolve) => void setImmediate(resolve));
    collectGarbage();
  }
  expect(held.filter((name) => name.deref() !== undefined).length).toBeLessThan(names / 2);
});
