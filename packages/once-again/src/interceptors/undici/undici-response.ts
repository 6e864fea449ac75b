import type { ResponseHeaders } from "./dispatcher.ts";

/** The body of an answer, as undici's `request` hands it over. */
export interface UndiciBody extends AsyncIterable<Uint8Array> {
  arrayBuffer(): Promise<ArrayBuffer>;
  json(): Promise<unknown>;
  text(): Promise<string>;
}

/** An answer of undici's `request`. */
export interface UndiciAnswer {
  readonly statusCode: number;
  readonly statusText?: string;
  readonly headers: ResponseHeaders;
  readonly body: UndiciBody;
}

/** Statuses without a body: `Response` accepts none for them (Fetch standard, "null body status"). */
const withoutBody: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * An answer of undici's `request` as a `Response`. What most callers want, the status and the whole body, comes straight
 * from undici; headers, a web stream, a clone or a form are made by the platform when they are asked for, since those
 * are what makes `fetch` slow.
 */
export class UndiciResponse implements Omit<Response, "textStream"> {
  readonly redirected: boolean;
  readonly type = "basic";
  readonly url: string;
  readonly #answer: UndiciAnswer;
  readonly #hasBody: boolean;
  #headers: Headers | undefined;
  #isRead = false;
  /** Has the body once it was asked for as a stream. */
  #streamed: Response | undefined;

  constructor(
    answer: UndiciAnswer,
    request: { readonly method: string; readonly url: string; readonly redirected: boolean },
  ) {
    this.#answer = answer;
    this.#hasBody = request.method !== "HEAD" && !withoutBody.has(answer.statusCode);
    this.redirected = request.redirected;
    this.url = request.url;
  }

  get status(): number {
    return this.#answer.statusCode;
  }

  get statusText(): string {
    return this.#answer.statusText ?? "";
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  get headers(): Headers {
    return (this.#headers ??= headersOf(this.#answer.headers));
  }

  get body(): Response["body"] {
    return this.#whole().body;
  }

  get bodyUsed(): boolean {
    return this.#isRead || (this.#streamed?.bodyUsed ?? false);
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#source().arrayBuffer();
  }

  blob(): Promise<Blob> {
    return this.#whole().blob();
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await this.arrayBuffer());
  }

  formData(): Promise<FormData> {
    return this.#whole().formData();
  }

  async json(): Promise<unknown> {
    return this.#source().json();
  }

  async text(): Promise<string> {
    return this.#source().text();
  }

  /** @throws TypeError when the body has been read. */
  clone(): Response {
    this.#refuseRead();
    return Object.defineProperty(this.#whole().clone(), "status", { value: this.status });
  }

  #refuseRead(): void {
    if (this.#isRead) throw new TypeError("The body has been read already.");
  }

  /** The source of the whole body: undici itself, unless a stream of it was handed out. */
  #source(): Pick<UndiciBody, "arrayBuffer" | "json" | "text"> {
    if (!this.#hasBody || this.#streamed !== undefined) return this.#whole();
    this.#refuseRead();
    this.#isRead = true;
    return this.#answer.body;
  }

  #whole(): Response {
    const { statusText, headers } = this;
    // A Response takes no other status, and here it only stands for the body.
    const status = Math.min(599, Math.max(200, this.status));
    const body = this.#hasBody ? ReadableStream.from(this.#answer.body) : null;
    return (this.#streamed ??= new Response(body, { status, statusText, headers }));
  }
}

/**
 * The class, as one of `Response`: so that an answer is taken for what it stands for, also by those who ask for the class. Not when
 * this file is loaded: with the platform's class Node would load its own undici, HTTP/2 and workers.
 */
export function undiciResponseClass(): typeof UndiciResponse {
  Object.setPrototypeOf(UndiciResponse.prototype, Response.prototype);
  return UndiciResponse;
}

function headersOf(given: ResponseHeaders): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(given)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) headers.append(name, one);
  }
  return headers;
}
