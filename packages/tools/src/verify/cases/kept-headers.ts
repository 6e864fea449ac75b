import type { Answer } from "../answer.ts";

/** All values of a header, in their order. */
export const valuesOf = ({ headers }: Pick<Answer, "headers">, name: string): string =>
  headers
    .filter(([other]) => other.toLowerCase() === name)
    .map(([, value]) => value)
    .join(" | ");

const names = ({ headers }: Answer): string[] => [...new Set(headers.map(([name]) => name.toLowerCase()))];

/** Headers without which a result can't be found, read or changed. */
const describingNames = new Set([
  "content-disposition",
  "content-language",
  "content-location",
  "etag",
  "last-modified",
  "link",
  "location",
]);

/** Headers of one message, one connection or one moment (RFC 9110, sections 6.6.1 and 7.6.1), or of the body. */
const momentary =
  /^(age|alt-svc|connection|content-.*|date|keep-alive|set-cookie|server-timing|trailer|transfer-encoding|via|.*(request|trace|correlation)-?(id|parent|state).*|.*rate-?limit.*|cf-.*)$/;

/** The names of an answer's headers that describe its result. */
export const describing = (answer: Answer): string[] => names(answer).filter((name) => describingNames.has(name));

/** The names of an answer's other headers that a repeat should have too. */
export const theRest = (answer: Answer): string[] =>
  names(answer).filter((name) => !describingNames.has(name) && !momentary.test(name));

/** The names of headers that an answer has more than once. */
export const repeatedHeaders = (answer: Answer): string[] =>
  [...describing(answer), ...theRest(answer)].filter((name) => valuesOf(answer, name).includes(" | "));
