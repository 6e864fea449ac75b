import type { Socket } from "node:net";
import { sleep, type Clock } from "once-again";
import type { ExchangeEvent, Fault, FaultManner } from "./fault.ts";
import { frameRequests, framingStart, type RequestHead, type RequestPart } from "./request-framing.ts";
import { faultInjector, type FaultInjector, type Link } from "./fault-injector.ts";
import { resetConnection } from "./reset-connection.ts";

/** The parts of its network that a connection needs. */
export interface ConnectionContext {
  readonly clock: Clock;
  /** Opens a connection to the server. */
  connect(): Socket;
  /** Chooses the fault of the exchange that begins, and returns the listener for its events. */
  begin(head: RequestHead): Promise<{ readonly fault: Fault; readonly notify: Notify }>;
}

type Notify = (event: ExchangeEvent) => void;

/** Between exchanges there is nothing to report. */
const ignore: Notify = () => undefined;

/**
 * One caller's connection, and the server's behind it. The latter is opened when the first byte has to go there, and again
 * after each fault that cut it.
 */
export class FlakyConnection implements Link {
  readonly #caller: Socket;
  readonly #context: ConnectionContext;
  readonly #callerGone = new AbortController();
  #server: Socket | undefined;
  #exchange: FaultInjector | undefined;
  #notify = ignore;
  #isAwaitingAnswer = false;
  #isCallerLost = false;

  constructor(caller: Socket, context: ConnectionContext) {
    this.#caller = caller;
    this.#context = context;
    caller.on("error", closeFollows);
    caller.once("close", () => {
      this.#callerGone.abort();
      this.notify({ type: "left" });
      this.#server?.destroy();
    });
  }

  /**
   * Carries the exchanges, one after the other, until either side closes.
   *
   * @throws whatever `begin` throws, after the caller's connection was reset.
   */
  async carry(): Promise<void> {
    let framing = framingStart;
    try {
      for await (const chunk of chunks(this.#caller)) {
        const framed = frameRequests(framing, chunk);
        framing = framed.framing;
        for (const part of framed.parts) if (!this.#isCallerLost) await this.#accept(part);
      }
      // The caller has no more to say; what is under way is still answered.
      (this.#server ?? this.#caller).end();
    } catch (error) {
      if (this.#caller.destroyed) return;
      resetConnection(this.#caller);
      throw error;
    }
  }

  async #accept(part: RequestPart): Promise<void> {
    switch (part.kind) {
      case "head": {
        const { fault, notify } = await this.#context.begin(part.head);
        this.#notify = notify;
        if (this.#caller.destroyed) {
          this.notify({ type: "left" });
          throw new Error("The caller left before its request went on.");
        }
        this.#exchange = faultInjector(this, fault, part.head.method);
        await this.wait(fault.requestDelayMs);
        return this.#exchange.request(part.bytes);
      }
      case "body":
        return this.#exchange?.request(part.bytes);
      case "end":
        return this.#exchange?.requestEnd();
      case "opaque":
        return this.toServer(part.bytes);
    }
  }

  async #listen(server: Socket): Promise<void> {
    try {
      for await (const bytes of chunks(server)) {
        if (server !== this.#server) return;
        this.#isAwaitingAnswer = false;
        await (this.#exchange?.answer(bytes) ?? this.toCaller(bytes));
      }
      // An orderly close: the caller's connection ends in the same way, after what was answered.
      if (server === this.#server) this.#endCaller(() => this.#caller.end());
    } catch {
      if (server === this.#server) this.#endCaller(() => resetConnection(this.#caller));
    }
  }

  #endCaller(end: () => void): void {
    if (this.#isAwaitingAnswer) this.notify({ type: "broken" });
    this.#isAwaitingAnswer = false;
    if (!this.#caller.destroyed) end();
  }

  async toServer(bytes: Buffer): Promise<void> {
    if (this.#server === undefined || this.#server.destroyed) {
      this.#server = this.#context.connect();
      this.#server.on("error", closeFollows);
      void this.#listen(this.#server);
    }
    this.#isAwaitingAnswer = true;
    const failure = await written(this.#server, bytes);
    if (failure == null) return;
    this.#endCaller(() => resetConnection(this.#caller));
    throw failure;
  }

  async toCaller(bytes: Buffer): Promise<void> {
    // If the caller is gone, its "close" has said so.
    await written(this.#caller, bytes);
  }

  async wait(ms: number | undefined): Promise<void> {
    if (ms !== undefined && ms > 0) await sleep(this.#context.clock, ms, this.#callerGone.signal);
  }

  notify(event: ExchangeEvent): void {
    const notify = this.#notify;
    // After these the exchange is over, whatever still happens to its connection.
    if (event.type === "heard" || event.type === "broken" || event.type === "left") this.#notify = ignore;
    notify(event);
  }

  cutServer(): void {
    const server = this.#server;
    this.#server = undefined;
    this.#isAwaitingAnswer = false;
    server?.destroySoon();
  }

  loseCaller(manner: FaultManner = "reset"): void {
    this.#isCallerLost = true;
    if (manner === "reset") resetConnection(this.#caller);
  }
}

/** The chunks that a socket receives, one at a time. Its writing side is left alone. */
const chunks = (socket: Socket): AsyncIterable<Buffer> => socket.iterator({ destroyOnReturn: false });

/** Writes, and waits until the bytes are out of our hands; answers the error if they never will be. */
const written = (socket: Socket, bytes: Buffer): Promise<Error | null | undefined> =>
  new Promise((resolve) => socket.write(bytes, resolve));

/** Without a listener an "error" would end the process. "close" follows it and is acted on. */
const closeFollows = (): void => undefined;
