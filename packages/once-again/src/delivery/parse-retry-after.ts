const weekday = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)";
const time = "(?<time>[\\d:]{8})";

/** The three forms of a date (RFC 9110, section 5.6.7): IMF-fixdate, RFC 850, asctime. The day of the week says nothing new. */
const dateForms = [
  new RegExp(`^${weekday}, (?<day>\\d\\d) (?<month>\\w+) (?<year>\\d{4}) ${time} GMT$`),
  new RegExp(`^${weekday}[a-z]*day, (?<day>\\d\\d)-(?<month>\\w+)-(?<year>\\d\\d) ${time} GMT$`),
  new RegExp(`^${weekday} (?<month>\\w+) (?<day>[ \\d]\\d) ${time} (?<year>\\d{4})$`),
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
  const { day, month, time, year } = fields as Readonly<Record<"day" | "month" | "time" | "year", string>>;
  // JavaScript's dates have no leap second.
  const isLeap = time.endsWith(":60");
  const written = `${day.replace(" ", "0")} ${month} ${fullYear(year, nowMs)} ${time.replace(/:60$/, ":59")} GMT`;
  const date = new Date(written);
  // A date that there is comes back as it was written; 31 February does not, nor does an hour 24.
  if (date.toUTCString().slice("Sun, ".length) !== written) return undefined;
  return date.getTime() + (isLeap ? 1000 : 0);
}

/** RFC 9110, section 5.6.7: two digits that look more than 50 years ahead are the last such year in the past. */
function fullYear(digits: string, nowMs: number): number | string {
  if (digits.length === 4) return digits;
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + +digits;
  return year > thisYear + 50 ? year - 100 : year;
}
