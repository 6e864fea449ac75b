/** A page that sends one POST on a connection that is open already, and reports by a request what it sees. */
import { retryingFetch } from "once-again/client";

declare const location: { readonly hash: string };
declare const document: {
  createElement(name: "form"): { method: string; action: string; submit(): void };
  readonly body: { append(element: unknown): void };
};

const senders: Record<string, () => Promise<Response> | undefined> = {
  fetch: () => fetch("/pay", { method: "POST", body: "five" }),
  keepalive: () => fetch("/pay", { method: "POST", body: "five", keepalive: true }),
  ours: () => retryingFetch()("/pay", { method: "POST", body: "five" }),
  stream: () =>
    retryingFetch()("/pay", { method: "POST", body: () => new Blob(["five"]).stream() as ReadableStream<Uint8Array> }),
  form: () => {
    const form = document.createElement("form");
    form.method = "POST";
    form.action = "/pay";
    document.body.append(form);
    form.submit();
    return undefined;
  },
};

/** Also over a connection that is being closed. */
async function report(seen: string): Promise<void> {
  await fetch(`/seen?${seen}`).catch(() => report(seen));
}

async function send(): Promise<void> {
  // Read to its end, so that the next request finds the connection free.
  await (await fetch("/warm", { method: "POST", body: "x" })).text();
  const seen = await senders[location.hash.slice(1)]!()?.then(
    ({ status }) => String(status),
    (error: unknown) => String((error as { code?: string }).code ?? error),
  );
  if (seen !== undefined) await report(seen);
}
void send();
