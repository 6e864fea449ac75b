import type { Probe } from "../probe.ts";
import type { ProbeResponse } from "../probe-response.ts";
import type { TestRequest } from "../test-request.ts";
import { NotApplicable } from "../verdict.ts";

/** The request with one more member at the end of its JSON object, written as it stands. @throws NotApplicable */
export function withMember(probe: Probe, request: TestRequest, member: string): TestRequest {
  const text = probe.readJson(request).trimEnd();
  if (!text.endsWith("}")) throw new NotApplicable("the body is no JSON object");
  const inside = text.slice(0, -1).trimEnd();
  return { ...request, body: Buffer.from(`${inside}${inside.endsWith("{") ? "" : ","}${member}}`) };
}

/** A member of a response's JSON, or of an object in it: `["error", "type"]`. */
export function readMember(response: ProbeResponse, ...path: readonly string[]): unknown {
  let value: unknown;
  try {
    value = JSON.parse(response.body.toString());
  } catch {
    return undefined;
  }
  for (const name of path) value = (value as Record<string, unknown> | null | undefined)?.[name];
  return value;
}
