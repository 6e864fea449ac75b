import type { ServerResponse } from "node:http";
import { ChunkJoiner } from "./chunk-joiner.ts";
import type { RawHeaders } from "./forward-headers.ts";
import { forwardedTrailers } from "./forward-trailers.ts";
import { protectedHeaders } from "./protected-headers.ts";
import { countBytes } from "./count-bytes.ts";

/** Protected in every response. */
const always = protectedHeaders();

/** Sends the body of an upstream's response on, at the pace at which its caller reads. */
export class ForwardedBody {
  readonly #response: ServerResponse;
  readonly #source: { pause(): void; resume(): void };
  readonly #joiner = new ChunkJoiner((chunk) => this.#write(chunk));
  #isPaused = false;

  /** @param source where the body comes from. A caller who leaves does not leave it paused. */
  constructor(response: ServerResponse, source: { pause(): void; resume(): void }) {
    this.#response = response;
    this.#source = source;
  }

  add(chunk: Uint8Array): void {
    countBytes(chunk);
    this.#joiner.add(chunk);
  }

  /** Ends the response. */
  end(trailers: RawHeaders = []): void {
    const response = this.#response;
    if (trailers.length > 0) response.addTrailers(forwardedTrailers(trailers, always));
    const last = this.#joiner.take();
    // In one write with the end, and that of a small response with its head, too.
    if (last === undefined || response.destroyed) response.end();
    else response.end(last);
  }

  #write(chunk: Uint8Array): void {
    const response = this.#response;
    if (response.destroyed || response.write(chunk) || this.#isPaused) return;
    this.#isPaused = true;
    this.#source.pause();
    const resume = (): void => {
      response.off("drain", resume).off("close", resume);
      this.#isPaused = false;
      this.#source.resume();
    };
    response.once("drain", resume).once("close", resume);
  }
}
