const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;
const month = `(?<month>${months.join("|")})`;
const time = "(?<hour>\\d{2}):(?<minute>\\d{2}):(?<second>\\d{2})";

/** The three forms of a date (RFC 9110, section 5.6.7): IMF-fixdate, RFC 850, asctime. */
const dateForms = [
  new RegExp(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?<day>\\d{2}) ${month} (?<year>\\d{4}) ${time} GMT$`),
  new RegExp(`^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\\d{2})-${month}-(?<year>\\d{2}) ${time} GMT$`),
  new RegExp(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ${month} (?<day>\\d{2}| \\d) ${time} (?<year>\\d{4})$`),
];

/**
 * Reads a `Retry-After` header (RFC 9110, section 10.2.3).
 *
 * @param value the header: a number of seconds, or a date in any of its three forms.
 * @param nowMs wall time, milliseconds since the Unix epoch.
 * @returns how long to wait, in milliseconds: 0 for a date in the past, at most 2^53 - 1; `undefined` when the header
 *   is missing or malformed.
 */
export function parseRetryAfter(value: string | null | undefined, nowMs: number): number | undefined {
  if (value === null || value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Math.min(Number(value) * 1000, Number.MAX_SAFE_INTEGER);
  const dateMs = parseDate(value, nowMs);
  return dateMs === undefined ? undefined : Math.max(0, dateMs - nowMs);
}

function parseDate(text: string, nowMs: number): number | undefined {
  const fields = dateForms.map((form) => form.exec(text)?.groups).find((groups) => groups !== undefined);
  if (fields === undefined) return undefined;
  const monthIndex = months.findIndex((name) => name === fields["month"]);
  const [day, hour, minute, second] = ["day", "hour", "minute", "second"].map((name) => Number(fields[name]));
  const year = fullYear(fields["year"] ?? "", nowMs);
  if (day === undefined || hour === undefined || minute === undefined || second === undefined) return undefined;
  // Second 60 is a leap second.
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const date = new Date(0);
  // Unlike Date.UTC, this takes the years 0 to 99 at their word.
  date.setUTCFullYear(year, monthIndex, day);
  if (date.getUTCDate() !== day) return undefined;
  return date.setUTCHours(hour, minute, second);
}

/** RFC 9110, section 5.6.7: two digits that look more than 50 years ahead are the last such year in the past. */
function fullYear(digits: string, nowMs: number): number {
  if (digits.length === 4) return Number(digits);
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + Number(digits);
  return year > thisYear + 50 ? year - 100 : year;
}
