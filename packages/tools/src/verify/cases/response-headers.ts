import type { ProbeResponse } from "../probe-response.ts";

/** All values of a header, in their order. */
export const joinValues = ({ headers }: Pick<ProbeResponse, "headers">, name: string): string =>
  headers
    .filter(([other]) => other.toLowerCase() === name)
    .map(([, value]) => value)
    .join(" | ");

const headerNames = ({ headers }: ProbeResponse): string[] => [...new Set(headers.map(([name]) => name.toLowerCase()))];

/** Headers without which a result can't be found, read or changed. */
const resultNames = new Set([
  "content-disposition",
  "content-language",
  "content-location",
  "etag",
  "last-modified",
  "link",
  "location",
]);

/** Headers of one message, one connection or one moment (RFC 9110, sections 6.6.1 and 7.6.1), or of the body. */
const messageNames =
  /^(age|alt-svc|connection|content-.*|date|keep-alive|set-cookie|server-timing|trailer|transfer-encoding|via|.*(request|trace|correlation)-?(id|parent|state).*|.*rate-?limit.*|cf-.*)$/;

/** The names of an answer's headers that describe its result. */
export const resultHeaderNames = (response: ProbeResponse): string[] =>
  headerNames(response).filter((name) => resultNames.has(name));

/** The names of an answer's other headers that a repeat should have too. */
export const otherHeaderNames = (response: ProbeResponse): string[] =>
  headerNames(response).filter((name) => !resultNames.has(name) && !messageNames.test(name));

/** The names of headers that an answer has more than once. */
export const multipleHeaderNames = (response: ProbeResponse): string[] =>
  [...resultHeaderNames(response), ...otherHeaderNames(response)].filter((name) =>
    joinValues(response, name).includes(" | "),
  );
