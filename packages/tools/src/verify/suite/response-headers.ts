import type { ProbeResponse } from "../probe-response.ts";
import { suite } from "./cases-json.ts";

/** All values of a header, in their order; empty without any. */
export const joinValues = ({ headers }: Pick<ProbeResponse, "headers">, name: string): string =>
  headers
    .filter(([other]) => other.toLowerCase() === name)
    .map(([, value]) => value)
    .join(" | ");

/** Headers without which a result can't be found, read or changed. */
const result = new RegExp(suite.headers.result);

/** Headers of one message, one connection or one moment (RFC 9110, sections 6.6.1 and 7.6.1), or of the body. */
const message = new RegExp(suite.headers.message);

/**
 * The names of a response's headers of a group: those that describe its `result`, the `other` ones that a repeat should
 * have too, and those of both that it has more than once (`multiple`).
 */
export function headerNames(response: ProbeResponse, group: string): readonly string[] {
  const names = [...new Set(response.headers.map(([name]) => name.toLowerCase()))];
  const isOther = (name: string): boolean => !result.test(name) && !message.test(name);
  if (group === "result") return names.filter((name) => result.test(name));
  if (group === "other") return names.filter(isOther);
  const isMultiple = (name: string): boolean => joinValues(response, name).includes(" | ");
  return names.filter((name) => (result.test(name) || isOther(name)) && isMultiple(name));
}

type Two = readonly ProbeResponse[];

/** The names of the first response's headers of a group that have other values in the second. */
export const changedHeaders = ([first, second]: Two, group: string): readonly string[] =>
  headerNames(first!, group).filter((name) => joinValues(first!, name) !== joinValues(second!, name));

/** The names of the first response's headers of a group that the second lacks. */
export const missingHeaders = ([first, second]: Two, group: string): readonly string[] =>
  headerNames(first!, group).filter((name) => joinValues(second!, name) === "");
