/**
 * The path of a request's target, also of one that was sent to a proxy with scheme and host before it (RFC 9112, section
 * 3.2.2): both are the same request.
 */
export function originForm(path: string): string {
  if (path.startsWith("/")) return path;
  const scheme = /^[a-z][a-z\d+.-]*:\/\/[^/]*/i.exec(path);
  return scheme === null ? path : path.slice(scheme[0].length) || "/";
}
