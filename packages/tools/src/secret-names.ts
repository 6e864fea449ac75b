/** Names of headers, and of members of JSON, with values that stay out of logs and pages, in lower case. */
export const secretNames: readonly string[] = ["authorization", "proxy-authorization", "cookie", "x-api-key"];
