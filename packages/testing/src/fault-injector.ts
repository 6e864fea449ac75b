import type { ExchangeEvent, Fault, FaultManner, Scenario } from "./fault.ts";

/** The two connections that an exchange runs over, as a scenario may use them. */
export interface Link {
  /** Sends bytes to the server; settles when they are out of our hands. */
  toServer(bytes: Buffer): Promise<void>;
  /** Sends bytes to the caller, likewise. */
  toCaller(bytes: Buffer): Promise<void>;
  /** Waits `ms` milliseconds (none if undefined), no longer than the caller does. */
  wait(ms: number | undefined): Promise<void>;
  /** Ends the server's connection after what was sent; what it still says is dropped. */
  cutServer(): void;
  /** Lets the caller's connection end as a loss ends it. */
  loseCaller(manner: FaultManner | undefined): void;
  /** Says how far the exchange has come. */
  notify(event: ExchangeEvent): void;
}

/** One exchange under way. */
export interface FaultInjector {
  /** The next bytes of the request. */
  request(bytes: Buffer): Promise<void>;
  /** The request is complete. */
  requestEnd(): Promise<void>;
  /** The next bytes of the server's answer. */
  answer(bytes: Buffer): Promise<void>;
}

/** Applies a fault to an exchange that has a request of this method. */
export function faultInjector(link: Link, fault: Fault, method: string): FaultInjector {
  return faultInjectors[fault.scenario](link, fault, method);
}

const nothing = async (): Promise<void> => undefined;

const faultInjectors: Record<Scenario, (link: Link, fault: Fault, method: string) => FaultInjector> = {
  pass: (link, fault) => {
    let answering = false;
    return {
      request: (bytes) => link.toServer(bytes),
      requestEnd: nothing,
      async answer(bytes) {
        if (answering) return link.toCaller(bytes);
        answering = true;
        link.notify({ type: "answered", bytes });
        await link.wait(fault.answerDelayMs);
        await link.toCaller(bytes);
        link.notify({ type: "heard" });
      },
    };
  },

  "lose-request": (link, fault) => ({
    request: nothing,
    async requestEnd() {
      link.notify({ type: "lost" });
      await link.wait(fault.answerDelayMs);
      link.notify({ type: "heard" });
      link.loseCaller(mannerOf(fault));
    },
    answer: nothing,
  }),

  fail: (link, fault, method) => {
    let held: Buffer = Buffer.alloc(0);
    return {
      async request(bytes) {
        await link.toServer(Buffer.concat([held, bytes.subarray(0, -1)]));
        held = bytes.subarray(-1);
      },
      async requestEnd() {
        link.cutServer();
        link.notify({ type: "failed" });
        await link.wait(fault.answerDelayMs);
        await link.toCaller(unavailable(method));
        link.notify({ type: "heard" });
      },
      answer: nothing,
    };
  },

  "lose-answer": (link, fault) => {
    let unread: Buffer = Buffer.alloc(0);
    return {
      request: (bytes) => link.toServer(bytes),
      requestEnd: nothing,
      async answer(bytes) {
        const { interim, rest, isFinal } = splitInterim(Buffer.concat([unread, bytes]));
        unread = rest;
        if (interim.length > 0) await link.toCaller(interim);
        if (!isFinal) return;
        link.cutServer();
        link.notify({ type: "answered", bytes: rest });
        await link.wait(fault.answerDelayMs);
        link.notify({ type: "heard" });
        link.loseCaller(mannerOf(fault));
      },
    };
  },
};

const mannerOf = (fault: Fault): FaultManner | undefined => ("manner" in fault ? fault.manner : undefined);

/** The answer to a request that was made to fail. An answer to HEAD has no body (RFC 9110, section 9.3.2). */
function unavailable(method: string): Buffer {
  const body = "The flaky network let this request fail.\n";
  const head = `HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\ncontent-length: ${body.length}\r\n\r\n`;
  return Buffer.from(method === "HEAD" ? head : head + body);
}

/** How many bytes tell an interim answer from a final one. */
const statusBytes = "HTTP/1.1 200".length;

/**
 * Takes the interim answers (1xx but 101) off the front, and says whether a final one begins after them. They come before
 * the effect and prove nothing; and a caller that sent `Expect: 100-continue` may send no body without one.
 */
function splitInterim(bytes: Buffer): { interim: Buffer; rest: Buffer; isFinal: boolean } {
  let rest = bytes;
  while (rest.length >= statusBytes) {
    if (!/^HTTP\/1\.1 1(?!01)/.test(rest.toString("latin1", 0, statusBytes))) break;
    const blank = rest.indexOf("\r\n\r\n");
    if (blank === -1) return { interim: bytes.subarray(0, bytes.length - rest.length), rest, isFinal: false };
    rest = rest.subarray(blank + 4);
  }
  return { interim: bytes.subarray(0, bytes.length - rest.length), rest, isFinal: rest.length >= statusBytes };
}
