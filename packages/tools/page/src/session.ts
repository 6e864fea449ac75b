import { signal } from "@preact/signals";
import { EventSourceParserStream } from "eventsource-parser/stream";

/** Whether this page could change something: its token is the console's. */
export const mayChange = signal(false);

const tokenItem = "once-again-token";

/** Takes the token out of the address that the console printed, and keeps it for this tab. */
export function takeToken(): void {
  const token = /^#token=([\w-]+)/.exec(location.hash)?.[1];
  if (token === undefined) return;
  sessionStorage.setItem(tokenItem, token);
  history.replaceState(null, "", location.pathname);
}

/** An answer that is no success, in the console's own words. */
export class RequestRefused extends Error {
  readonly status: number;

  constructor(status: number, problem: string) {
    super(problem);
    this.name = "RequestRefused";
    this.status = status;
  }
}

/** Asks the console for a document: `read("keys/list?limit=100")`. Throws RequestRefused, or Error when it is gone. */
export async function read<Document>(path: string, signal?: AbortSignal): Promise<Document> {
  return (await request(path, { ...(signal && { signal }) })).json() as Promise<Document>;
}

/** Sends a command to the console. Throws as `read` does. */
export async function tell<Document>(path: string, body: unknown = {}): Promise<Document> {
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  return (await request(path, init)).json() as Promise<Document>;
}

/** Sends a request to the console that serves this page. */
const send = (path: string, init: RequestInit): Promise<Response> => fetch(`api/${path}`, init);

/** Where requests go: the console that serves this page, unless the page has one in itself. */
let transport = send;

/** Sends all requests to a console within this page. */
export function connect(own: typeof send): void {
  transport = own;
}

async function request(path: string, init: RequestInit): Promise<Response> {
  const token = sessionStorage.getItem(tokenItem);
  const headers = new Headers(init.headers);
  if (token !== null) headers.set("authorization", `Bearer ${token}`);
  const response = await transport(path, { ...init, headers }).catch((error: unknown) => {
    if (init.signal?.aborted) throw error;
    throw new Error("The console does not answer. Is it still running?", { cause: error });
  });
  if (response.ok) return response;
  const { problem } = (await response.json().catch(() => ({}))) as { problem?: string };
  throw new RequestRefused(response.status, problem ?? `The console answered ${response.status}.`);
}

/** How long to wait before a broken stream is connected again, milliseconds. */
const reconnectMs = 1000;

/** How a live stream is heard. */
export interface Live {
  readonly onEvent: (event: string, data: unknown) => void;
  /** Undefined: the stream is up. A text: what is wrong, while it is tried again. */
  readonly onState: (problem: string | undefined) => void;
}

/**
 * Listens to a stream of the console, and connects again when it breaks, until the returned function is called. Every
 * connection begins with a snapshot.
 */
export function listen(path: string, { onEvent, onState }: Live): () => void {
  const stop = new AbortController();
  const once = async (): Promise<void> => {
    const response = await request(path, { signal: stop.signal });
    onState(undefined);
    const events = response.body!.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
    const reader = events.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      onEvent(next.value.event ?? "message", JSON.parse(next.value.data));
    }
  };
  const forever = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const problem = await once().then(
        () => "The stream ended.",
        (error: Error) => error.message,
      );
      if (stop.signal.aborted) return;
      onState(problem);
      await new Promise((resolve) => setTimeout(resolve, reconnectMs));
    }
  };
  void forever();
  return () => stop.abort();
}
