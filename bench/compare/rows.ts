import { startChild } from "../child.ts";
import { callers } from "../client/callers.ts";
import { warmUpMilliseconds } from "../client/run.ts";
import { loops } from "../client/loops.ts";
import { type Figures } from "../measure.ts";
import { type Framework, frameworks, rowsOf, type StoreName, storeNames } from "../server/catalog.ts";
import { startStore } from "../server/stores.ts";
import { measureServer } from "../server/subject.ts";
import type { RulesName } from "./rules-child.ts";

/** How each measurement of a row is made. */
export interface RowOptions {
  readonly milliseconds: number;
  readonly connections: number;
}

/** The measurements of one tree. */
export interface Subject extends AsyncDisposable {
  measure(): Promise<Figures<string>>;
}

/** A row that can be compared: one of another benchmark that is made of this library, or the library's rules alone. */
export interface CompareRow {
  /** Such as `fastify/redis/once-again, redis`. */
  readonly name: string;
  /** @param tree the root of the copy with the measured library. */
  start(tree: URL, options: RowOptions): Promise<Subject>;
}

const isOurs = ({ name }: { readonly name: string }): boolean => /once-again|retryingFetch/.test(name);

export const rows: readonly CompareRow[] = [
  ...frameworks.flatMap((framework) => storeNames.flatMap((store) => serverRows(framework, store))),
  ...(["memory", "awaited"] as const).map(rulesRow),
  ...loops.filter(isOurs).map(({ name }) => loopRow(name)),
  ...callers.filter(isOurs).map(({ name }) => callerRow(name)),
];

function serverRows(framework: Framework, store: StoreName): CompareRow[] {
  return rowsOf(store, framework)
    .filter(isOurs)
    .map(({ name }) => ({
      name: `${framework}/${store}/${name}`,
      async start(tree, { connections, milliseconds }) {
        await using stack = new AsyncDisposableStack();
        // A separate store: its records may differ between the trees.
        const ground = stack.use(await startStore(store));
        const load = stack.use(startChild(new URL("bench/server/load-child.ts", tree), []));
        const args = [framework, store, name, ground.url];
        const start = () => startChild(new URL("bench/server/server-child.ts", tree), args);
        const subject = { start, load, ground, isUnguarded: false };
        return owning(stack.move(), () => measureServer(subject, connections, milliseconds));
      },
    }));
}

function rulesRow(name: RulesName): CompareRow {
  return {
    name: `rules/${name}`,
    async start(tree, { milliseconds }) {
      await using stack = new AsyncDisposableStack();
      const child = stack.use(startChild(new URL("bench/compare/rules-child.ts", tree), []));
      const measure = (): Promise<Figures<string>> => child.ask({ name, milliseconds });
      await measure();
      return owning(stack.move(), measure);
    },
  };
}

function loopRow(name: string): CompareRow {
  return {
    name: `client/loops/${name}`,
    async start(tree, { milliseconds }) {
      const nursery = ["--expose-gc", "--min-semi-space-size=64", "--max-semi-space-size=64"];
      await using stack = new AsyncDisposableStack();
      const child = stack.use(startChild(new URL("bench/client/loops-child.ts", tree), [], nursery));
      const measure = (): Promise<Figures<string>> => child.ask({ name, milliseconds });
      await measure();
      return owning(stack.move(), measure);
    },
  };
}

function callerRow(name: string): CompareRow {
  return {
    name: `client/http/${name}`,
    async start(tree, { connections, milliseconds }) {
      await using stack = new AsyncDisposableStack();
      const server = stack.use(startChild(new URL("bench/client/server-child.ts", tree), []));
      const { port } = await server.ask<{ port: number }>("port");
      const child = stack.use(startChild(new URL("bench/client/http-child.ts", tree), [name, String(port)]));
      const send = (forMs: number): Promise<Figures<string>> => child.ask({ milliseconds: forMs, connections });
      await send(warmUpMilliseconds);
      return owning(stack.move(), () => send(milliseconds));
    },
  };
}

function owning(stack: AsyncDisposableStack, measure: () => Promise<Figures<string>>): Subject {
  return { measure, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}
