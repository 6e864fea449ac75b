import { onTestFinished } from "vitest";
import { allOrms } from "./all-orms.ts";
import type { ConnectOrm } from "./connect-orm.ts";

/** Every ORM, by its name, connected until the running test ends. */
export const orms: Readonly<Record<string, ConnectOrm<unknown>>> = Object.fromEntries(
  Object.entries(allOrms).map(([name, connect]): [string, ConnectOrm<unknown>] => [
    name,
    async (...given) => {
      const orm = await connect(...given);
      onTestFinished(async () => void (await orm.close()));
      return orm;
    },
  ]),
);
