import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { Random } from "../../../packages/once-again/src/core/random.ts";

/** A TCP proxy in front of a port of 127.0.0.1 that hands bytes on in their order, but late, in pieces, or not at all. */
export interface UnsteadyProxy extends AsyncDisposable {
  readonly port: number;
  /** Is unsteady from now on. Before that it hands on at once what comes. */
  begin(): void;
  /** Hands on at once whatever it holds, and all that comes from now on. */
  calm(): void;
}

/** How unsteady it is. */
export interface Unsteadiness {
  readonly random: Random;
  /** How long bytes are held at most, milliseconds. */
  readonly holdMsMax: number;
  /** How often a connection is cut where bytes come, of 1. */
  readonly cuts: number;
  /** How often bytes come on a connection before it may be cut. */
  readonly cutsFrom: number;
  /** How long a cancel request of PostgreSQL is held at most, milliseconds. */
  readonly cancelMsMax: number;
}

/** How often bytes are held, and handed on in two pieces, of 1. */
const holds = 0.12;
const splits = 0.1;
/** How often a cancel request is refused before it is handed on, and reset after that, of 1. */
const refusals = 0.15;
const resets = 0.15;

const cancelRequest = Buffer.from([0, 0, 0, 16, 0x04, 0xd2, 0x16, 0x2e]);

/** Starts such a proxy. */
export async function unsteadyProxy(
  upstream: number,
  { random, holdMsMax, cuts, cutsFrom, cancelMsMax }: Unsteadiness,
): Promise<UnsteadyProxy> {
  let isCalm = true;
  const held = new Set<() => void>();
  const sockets = new Set<Socket>();
  const hold = (msMax: number): Promise<void> =>
    new Promise((resolve) => {
      if (isCalm) return resolve();
      const letGo = (): void => {
        clearTimeout(timer);
        held.delete(letGo);
        resolve();
      };
      const timer = setTimeout(letGo, random() * msMax);
      held.add(letGo);
    });

  const server = createServer((near) => {
    const far = connect(upstream, "127.0.0.1");
    let handings = 0;
    const cut = (): void => {
      near.resetAndDestroy();
      far.destroy();
    };
    const handCancel = async (bytes: Buffer): Promise<void> => {
      if (!isCalm && random() < refusals) return cut();
      const isReset = !isCalm && random() < resets;
      if (isReset) near.resetAndDestroy();
      // Bytes that were sent arrive, also when their sender waits no longer.
      await hold(cancelMsMax);
      far.end(bytes);
    };
    const hand = async (bytes: Buffer, to: Socket): Promise<void> => {
      if (isCalm) return void to.write(bytes);
      handings += 1;
      if (handings > cutsFrom && random() < cuts) return cut();
      if (random() < holds) await hold(holdMsMax);
      const splitAt = random() < splits ? Math.floor(random() * bytes.length) : 0;
      if (splitAt > 0) {
        to.write(bytes.subarray(0, splitAt));
        await hold(holdMsMax);
      }
      to.write(bytes.subarray(splitAt));
    };
    const join = (from: Socket, to: Socket): void => {
      let handed = Promise.resolve();
      const then = (next: () => void | Promise<void>): void => {
        const before = handed;
        handed = (async () => {
          await before;
          await next();
        })();
      };
      sockets.add(from);
      from.setNoDelay(true);
      from.on("error", () => undefined);
      from.on("data", (bytes) => {
        const isCancel = from === near && bytes.subarray(0, 8).equals(cancelRequest);
        then(() => (isCancel ? handCancel(bytes) : hand(bytes, to)));
      });
      from.on("close", () => {
        sockets.delete(from);
        then(() => void to.end());
      });
    };
    join(near, far);
    join(far, near);
  });

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    begin: () => void (isCalm = false),
    calm() {
      isCalm = true;
      for (const letGo of held) letGo();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
