import type { RequestListener } from "node:http";
import type { NextFunction, Response as ExpressResponse } from "express";
import { memoryStore } from "../../../packages/once-again/src/stores/memory/index.ts";
import { type NodeProgram, nodePrograms } from "./node-programs.ts";

/** A request that is sent to a handler, but for its key; a POST with a text of JSON where it names none. */
export interface RequestForm {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A framework with its handlers, each at the path that is its name: "node/end with a text", "own/json". */
export interface Subject {
  readonly name: string;
  readonly programs: readonly string[];
  readonly request?: RequestForm;
  /** @param isGuarded whether once-again is in front of the handlers. */
  listener(isGuarded: boolean): Promise<RequestListener>;
}

export const options = () =>
  ({
    store: memoryStore(),
    scope: "public",
    methods: ["POST", "HEAD"],
    limits: { handlerMsMax: 5000 },
    onError: () => undefined,
  }) as const;

export const pathsOf = (kind: "node" | "web" | "own", programs: object): string[] =>
  Object.keys(programs).map((name) => `${kind}/${name}`);

/** The handler that a request asks for, among those of one kind. */
export function programAt<Program>(
  kind: "node" | "web" | "own",
  programs: Readonly<Record<string, Program>>,
  { url = "" }: { url?: string | undefined },
): Program | undefined {
  const [, asked, name = ""] = new URL(url, "http://a").pathname.split("/");
  return asked === kind ? programs[decodeURIComponent(name)] : undefined;
}

/** The program on Node's own response that a request asks for; `undefined` for one of the framework's. */
export const nodeProgram = (request: { url?: string | undefined }): NodeProgram | undefined =>
  programAt("node", nodePrograms, request);

/** Express' own error handler writes a stack, which has the files of once-again in it. */
export function reportError(
  error: Error & { status?: number },
  _request: unknown,
  response: ExpressResponse,
  next: NextFunction,
): void {
  if (response.headersSent) return next(error);
  response.status(error.status ?? 500).json({ failed: error.message });
}
