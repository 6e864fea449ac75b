/** The moments in which a caller decides whether a POST in doubt may be sent again. */
export const keysWindows = [
  "success answered, answer lost",
  "request came twice",
  "caller learnt that nothing happened",
  "lost at a place that ignores keys, and not sent again",
  "lost at a place that has said so, and sent again",
  "redirected to a place that ignores keys, and lost there",
] as const;

export const keysFaults = [
  "request lost",
  "answer lost",
  "message delayed",
  "request duplicated",
  "connection refused",
  "server crashed",
] as const;
